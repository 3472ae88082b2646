"""Features of a voice's own recordings, and the nearest of them: an `.index` of faiss, read without faiss.

Built are IndexFlat and IndexIVFFlat with L2 distances, which trainers of RVC write; the layout is that of
https://github.com/facebookresearch/faiss/blob/v1.10.0/faiss/impl/index_write.cpp. Every count in the file is held
against the bytes that are there before anything is made of it, and numbers are views of the mapped file.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.errors import SpeechError

Rows = NDArray[np.float32]
NEIGHBOURS = 8  # whose weighted mean is taken
MAX_PROBES = 64
ROWS_AT_ONCE = 256  # whose distances to all features of a list are in memory
L2 = 1  # faiss.METRIC_L2
FLAT = (b"IxF2", b"IxFl")


@dataclass(frozen=True, eq=False)
class VoiceIndex:
    """`features` (N, width) list by list; list i is rows `starts[i]` to `starts[i + 1]`, its centre `centres[i]`."""

    centres: Rows
    starts: NDArray[np.int64]
    features: Rows
    probes: int  # lists that are looked through

    @property
    def width(self) -> int:
        return int(self.features.shape[1])

    def nearest(self, rows: Rows) -> Rows:
        """For each of (n, width): the mean of its `NEIGHBOURS` nearest, weighted by the inverse fourth power of
        their distance; a row that finds none in its lists stays as it is, one that is there is found alone."""
        made = rows.copy()
        order = _distances(rows, self.centres).argsort(1, kind="stable")[:, : self.probes]
        if len(self.centres) == 1:
            order = np.zeros((len(rows), 1), np.int64)
        for lists in np.unique(order, axis=0):
            asked = np.flatnonzero((order == lists).all(1))
            found = np.concatenate([self.features[self.starts[i] : self.starts[i + 1]] for i in lists])
            for part in np.array_split(asked, -(-len(asked) // ROWS_AT_ONCE)) if len(found) else ():
                made[part] = _mean_of_nearest(rows[part], found)
        return made


def _mean_of_nearest(rows: Rows, found: Rows) -> Rows:
    squared = _distances(rows, found)
    near = np.argpartition(squared, min(NEIGHBOURS, len(found)) - 1, 1)[:, :NEIGHBOURS]
    picked = found[near]
    exact = np.square(picked - rows[:, None]).sum(2)
    is_same = exact == 0
    with np.errstate(divide="ignore"):
        weights = np.square(1 / exact)
    weights = np.where(is_same.any(1, keepdims=True), is_same, weights)
    weights /= weights.sum(1, keepdims=True)
    mean: Rows = (picked * weights[:, :, None]).sum(1).astype(np.float32)
    return mean


def _distances(rows: Rows, others: Rows) -> Rows:
    """Squared, (n, m), by the inner product: rounding may leave them a little below zero."""
    squared: Rows = np.square(rows).sum(1)[:, None] + np.square(others).sum(1) - 2 * (rows @ others.T)
    return squared


def read_index(path: Path, width: int) -> VoiceIndex:
    """Raises SpeechError `rvc_index_damaged`, `rvc_index_unsupported`, `rvc_index_width` of another kind of model."""
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise SpeechError("rvc_index_damaged", file=path.name, reason=str(error)) from None
    try:
        made = _Reader(mapped, path.name).index()
    except (struct.error, ValueError, OverflowError) as error:
        raise SpeechError("rvc_index_damaged", file=path.name, reason=str(error)) from None
    if made.width != width:
        raise SpeechError("rvc_index_width", file=path.name, width=made.width, wanted=width)
    if not len(made.features):
        raise SpeechError("rvc_index_damaged", file=path.name, reason="it holds no features")
    if not np.isfinite(made.features).all() or not np.isfinite(made.centres).all():
        raise SpeechError("rvc_index_damaged", file=path.name, reason="it holds values that are not numbers")
    return made


def write_index_copy(index: VoiceIndex, path: Path) -> None:
    """As safetensors, whole or not at all."""
    from safetensors.numpy import save_file

    part = path.with_suffix(".part")
    probes = np.array([index.probes], np.int64)
    arrays = {"centres": index.centres, "starts": index.starts, "features": index.features, "probes": probes}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, part)
    part.replace(path)


def open_index_copy(path: Path) -> VoiceIndex:
    """Of `write_index_copy`. Raises SpeechError `rvc_index_damaged`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        probes = int(arrays["probes"][0])
        return VoiceIndex(arrays["centres"], arrays["starts"], arrays["features"], probes)
    except (SafetensorError, OSError, KeyError, IndexError, ValueError) as error:
        raise SpeechError("rvc_index_damaged", file=path.name, reason=str(error)) from None


class _Reader:
    def __init__(self, mapped: mmap.mmap, name: str) -> None:
        self._mapped, self._name, self._at = mapped, name, 0

    def index(self) -> VoiceIndex:
        kind = self._tag()
        if kind in FLAT:
            features = self._flat()
            return VoiceIndex(features[:1], np.array([0, len(features)], np.int64), features, 1)
        if kind != b"IwFl":
            raise self._unsupported("index", kind)
        width, total = self._header()
        lists, probes = self._take("<QQ")
        kind = self._tag()
        if kind not in FLAT:
            raise self._unsupported("quantizer", kind)
        centres = self._flat()
        if centres.shape != (lists, width):
            raise ValueError(f"{len(centres)} centres of {lists} lists")
        self._direct_map()
        sizes = self._list_sizes(lists, width * 4)
        starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        if int(starts[-1]) != total:
            raise ValueError(f"lists hold {int(starts[-1])} of {total} features")
        parts = []
        for size in sizes:
            parts.append(self._numbers(int(size) * width))
            self._skip(int(size) * 8)  # of their numbers, which are not needed
        features = np.concatenate(parts).reshape(-1, width) if parts else np.zeros((0, width), np.float32)
        return VoiceIndex(centres, starts, features, max(1, min(probes, lists, MAX_PROBES)))

    def _header(self) -> tuple[int, int]:
        """Width and count of what is in it."""
        width, total, _, _, is_trained, metric = self._take("<iqqqBi")
        if metric != L2:
            raise self._unsupported("metric", str(metric).encode())
        if not 1 <= width <= 4096 or total < 0 or is_trained != 1:
            raise ValueError(f"a header of width {width}, {total} features, trained {is_trained}")
        return width, total

    def _flat(self) -> Rows:
        width, total = self._header()
        (count,) = self._take("<Q")
        if count != width * total:
            raise ValueError(f"{count} numbers for {total} features of {width}")
        return self._numbers(count).reshape(total, width)

    def _direct_map(self) -> None:
        (kind,) = self._take("<b")
        if kind not in (0, 1):
            raise self._unsupported("direct map", str(kind).encode())
        (count,) = self._take("<Q")
        self._skip(count * 8)

    def _list_sizes(self, lists: int, row_bytes: int) -> NDArray[np.int64]:
        kind = self._tag()
        if kind != b"ilar":
            raise self._unsupported("inverted lists", kind)
        count, code_bytes = self._take("<QQ")
        if count != lists or code_bytes != row_bytes:
            raise ValueError(f"{count} lists of {code_bytes} bytes a feature")
        form = self._tag()
        (length,) = self._take("<Q")
        stored = np.frombuffer(self._bytes(length * 8), "<u8")
        if form == b"full" and length == lists:
            sizes = stored
        elif form == b"sprs" and length % 2 == 0 and length and int(stored[::2].max()) < lists:
            sizes = np.zeros(lists, "<u8")
            sizes[stored[::2].astype(np.int64)] = stored[1::2]
        else:
            raise ValueError(f"sizes of lists as {form!r} of {length}")
        if len(sizes) and int(sizes.max()) * row_bytes > len(self._mapped):
            raise ValueError("a list larger than the file")
        return sizes.astype(np.int64)

    def _tag(self) -> bytes:
        return bytes(self._bytes(4))

    def _take(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _numbers(self, count: int) -> Rows:
        return np.frombuffer(self._bytes(count * 4), "<f4")

    def _bytes(self, count: int) -> memoryview:
        start = self._at
        self._skip(count)
        return memoryview(self._mapped)[start : self._at]

    def _skip(self, count: int) -> None:
        if not 0 <= count <= len(self._mapped) - self._at:
            raise ValueError(f"it ends where {count} more bytes should be")
        self._at += count

    def _unsupported(self, part: str, found: bytes) -> SpeechError:
        shown = found.decode("ascii", "replace")
        return SpeechError("rvc_index_unsupported", file=self._name, part=part, found=shown, valid="IVF,Flat (L2)")
