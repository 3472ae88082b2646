"""What a fitted Kokoro voice changes in the network, and the network's file with it in.

Deltas are by the names of the fp32 export's initializers; the int8 export holds the same weights quantised.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech.engines.kokoro.onnx_file import Node, OnnxFile
from speech.engines.kokoro.runtime import STYLE_ROWS, STYLE_SIZE, Style
from speech.engines.kokoro.voices import is_stock
from speech.errors import SpeechError
from speech.models import CATALOGUE, read_catalogue

__all__ = ["Adapter", "check", "merge", "shape_of", "is_stock"]
BASE = "kokoro-fp32"  # of the model store's catalogue
STYLE = "style"
TABLE = Path(__file__).with_name("initializers.json")  # name to shape: every Conv, ConvTranspose and Gemm of the export
MAX_RANK = 128
LARGEST = 1e3  # of a style's or a delta's numbers; real ones stay below 10
MIDDLE = np.uint8(128)  # zero point of requantised convolutions


@dataclass(frozen=True)
class Adapter:
    """What is fitted, by the names of the fp32 export's initializers.

    `style` float32 (510, 256). `low_rank`: (up, down), float32 of shapes (d0, r) and (r, the other axes flattened):
    (up @ down).reshape(shape) is added to the initializer. `deltas` are added as they are.
    """

    style: Style
    low_rank: Mapping[str, tuple[NDArray, NDArray]]
    deltas: Mapping[str, NDArray]

    def to_tensors(self) -> dict[str, NDArray]:
        """As a voice file holds it: style and deltas float32, low-rank factors float16."""
        tensors: dict[str, NDArray] = {STYLE: np.asarray(self.style, np.float32)}
        for name, (up, down) in self.low_rank.items():
            tensors[f"{name}.up"], tensors[f"{name}.down"] = np.asarray(up, np.float16), np.asarray(down, np.float16)
        tensors.update({f"{name}.delta": np.asarray(delta, np.float32) for name, delta in self.deltas.items()})
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray]) -> Adapter:
        """Raises SpeechError `voice_tensor_unknown`, `voice_tensor_shape`, `voice_tensor_values`."""
        rest = {name: _checked_values(name, values) for name, values in tensors.items()}
        style = rest.pop(STYLE, np.zeros(0, np.float32))
        _check_shape(STYLE, style, (STYLE_ROWS, STYLE_SIZE))
        deltas = {name[:-6]: rest.pop(name) for name in tuple(rest) if name.endswith(".delta")}
        for name, delta in deltas.items():
            _check_shape(f"{name}.delta", delta, shape_of(name))
        low_rank = {}
        for name in tuple(rest):
            base = name.removesuffix(".up")
            if base != name:
                low_rank[base] = _factors(base, rest.pop(name), rest.pop(f"{base}.down", np.zeros(0, np.float32)))
        if rest:
            raise SpeechError("voice_tensor_unknown", name=min(rest))
        return cls(style, low_rank, deltas)

    def names(self) -> tuple[str, ...]:
        """Initializers that it changes."""
        return tuple(sorted({*self.low_rank, *self.deltas}))

    def delta(self, name: str, shape: tuple[int, ...]) -> NDArray:
        """What is added to initializer `name` of `shape`, one of `names()`: float32, not to be written to.

        Raises KeyError for another name.
        """
        if name not in self.low_rank:
            return np.asarray(self.deltas[name], np.float32)
        up, down = (np.asarray(factor, np.float32) for factor in self.low_rank[name])
        total = (up @ down).reshape(shape)
        if name in self.deltas:
            total += self.deltas[name]
        return total


def check(base_model: str, base_sha256: str, tensors: Mapping[str, NDArray]) -> None:
    """Whether `tensors` are an adapter of this network, fitted on the weights that the catalogue names.

    Raises SpeechError `voice_base_differs`, and what `Adapter.from_tensors` raises.
    """
    base = read_catalogue(CATALOGUE)[BASE].files[0]
    if (base_model, base_sha256) != (BASE, base.sha256):
        raise SpeechError(
            "voice_base_differs", found=f"{base_model} {base_sha256[:12]}", wanted=f"{BASE} {base.sha256[:12]}"
        )
    Adapter.from_tensors(tensors)


def shape_of(name: str) -> tuple[int, ...]:
    """Of an initializer that may be fitted. Raises SpeechError `voice_tensor_unknown`."""
    if name not in _table():
        raise SpeechError("voice_tensor_unknown", name=name)
    return _table()[name]


def merge(model: Path, adapter: Adapter, precision: str) -> bytes:
    """The model's bytes with the adapter in it; an adapter of zeros gives the file as it is.

    `precision` says which export `model` is: fp32 or int8. Raises SpeechError `initializer_unknown`,
    `initializer_shape`.
    """
    file = OnnxFile(model)
    plain = [name for name in adapter.names() if name in file.initializers or precision == "fp32"]
    quantised = [name for name in adapter.names() if name not in plain]
    merged = {name: file.initializers[name] + delta for name, delta in _known(file, _changes(adapter, plain))}
    if not quantised:
        return file.with_initializers(merged)
    weights, columns = _requantised(file, _changes(adapter, quantised))
    merged.update({name: merged.get(name, file.initializers[name])[:, None] for name in columns.biases})
    return file.with_initializers({**merged, **weights}, {*columns.scales, *columns.biases})


def _changes(adapter: Adapter, names: Iterable[str]) -> Iterator[tuple[str, NDArray]]:
    """Deltas that are not zero, one at a time: together they would hold 194 MB, twice the int8 export."""
    for name in names:
        delta = adapter.delta(name, shape_of(name))
        if delta.any():
            yield name, delta


def _known(file: OnnxFile, changes: Iterable[tuple[str, NDArray]]) -> Iterator[tuple[str, NDArray]]:
    for name, delta in changes:
        if name not in file.initializers:
            raise SpeechError("initializer_unknown", name=name, model="kokoro")
        found = file.initializers[name]
        if found.shape != delta.shape or found.dtype != np.float32:
            shape = f"{found.dtype}{list(found.shape)}"
            raise SpeechError("initializer_shape", name=name, found=f"float32{list(delta.shape)}", wanted=shape)
        yield name, delta


@dataclass(frozen=True)
class _Quantised:
    """Where the int8 export keeps a weight: q of `values`, real value (q - zero) * scale."""

    op_type: str
    values: str
    scale: str
    zero: str
    bias: str  # divided by the scale at run time; "" where there is none


@dataclass(frozen=True)
class _Columns:
    """What becomes (channels, 1), so that it spreads over the time axis."""

    scales: set[str]
    biases: set[str]


def _requantised(file: OnnxFile, changes: Iterable[tuple[str, NDArray]]) -> tuple[dict[str, NDArray], _Columns]:
    """Initializers with the changes in them, and which get another shape.

    The export has 7-bit convolutions with one scale for a whole layer: a step of it is several times a typical
    delta, which would be rounded away. So changed convolutions get a scale for each output channel and 8 bits. Their
    zero point becomes 128; layers that share it are shifted along, which changes none of their products.
    """
    places = _places(file)
    found: dict[str, NDArray] = {}
    columns = _Columns(set(), set())
    zeros: set[str] = set()
    for name, delta in changes:
        if name not in places:
            raise SpeechError("initializer_unknown", name=name, model="kokoro-int8")
        place = places[name]
        if place.op_type == "ConvInteger":
            found.update(_convolution(file, place, delta))
            columns.scales.add(place.scale)
            columns.biases.update({place.bias} - {""})
            zeros.add(place.zero)
        else:
            found.update(_matrix(file, place, delta))
    for place in places.values():
        if place.zero in zeros and place.values not in found:
            shift = np.int16(MIDDLE) - file.initializers[place.zero].astype(np.int16)
            found[place.values] = (file.initializers[place.values] + shift).astype(np.uint8)
    found.update({zero: np.array(MIDDLE) for zero in zeros})
    return found, columns


def _places(file: OnnxFile) -> dict[str, _Quantised]:
    """Weights of ConvInteger and MatMulInteger by their fp32 names, as far as one layer alone uses them."""
    users: dict[str, list[Node]] = defaultdict(list)
    for node in file.nodes:
        for tensor in node.inputs:
            users[tensor].append(node)
    places = {}
    for node in file.nodes:
        if node.op_type not in ("ConvInteger", "MatMulInteger") or node.inputs[1] not in file.initializers:
            continue
        name = node.inputs[1].removesuffix("_quantized")
        scaled = users[f"{name}_scale"]
        if len(users[node.inputs[1]]) != 1 or len(scaled) != 1:
            continue
        divided = [user.inputs[0] for user in users[scaled[0].outputs[0]] if user.op_type == "Div"]
        places[name] = _Quantised(
            node.op_type, node.inputs[1], f"{name}_scale", node.inputs[3], divided[0] if divided else ""
        )
    return places


def _convolution(file: OnnxFile, place: _Quantised, delta: NDArray) -> Iterator[tuple[str, NDArray]]:
    values, scale, zero = (file.initializers[name] for name in (place.values, place.scale, place.zero))
    weight = values.astype(np.float32)  # changed in place: the largest holds 13 MB, and each copy costs as a sum does
    weight -= np.float32(zero)
    weight *= scale
    weight += delta
    rows = weight.reshape(len(weight), -1)
    step = _step(rows, axis=1, most=127)
    np.rint(np.divide(rows, step, out=rows), out=rows)
    rows += np.float32(MIDDLE)
    yield place.values, rows.astype(np.uint8).reshape(values.shape)
    yield place.scale, step


def _matrix(file: OnnxFile, place: _Quantised, delta: NDArray) -> Iterator[tuple[str, NDArray]]:
    """Stored transposed, with a scale for each output and a zero point of 0."""
    values, scale = file.initializers[place.values], file.initializers[place.scale]
    weight = values.astype(np.float32) * scale + delta.T
    # As far as the export goes: signed products of more bits overflow on processors without VNNI.
    step = _step(weight, axis=0, most=64)
    yield place.values, np.rint(weight / step).astype(np.int8)
    yield place.scale, step.reshape(scale.shape)


def _step(weight: NDArray, axis: int, most: int) -> NDArray:
    step = np.maximum(weight.max(axis, keepdims=True), -weight.min(axis, keepdims=True)) / np.float32(most)
    return np.where(step == 0, np.float32(1), step).astype(np.float32)


@cache
def _table() -> Mapping[str, tuple[int, ...]]:
    found: dict[str, list[int]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return {name: tuple(shape) for name, shape in found.items()}


def _factors(name: str, up: NDArray, down: NDArray) -> tuple[NDArray, NDArray]:
    shape = shape_of(name)
    rank = up.shape[1] if up.ndim == 2 else 0
    if not 1 <= rank <= MAX_RANK:
        raise SpeechError("voice_tensor_shape", name=f"{name}.up", found=list(up.shape), wanted=[shape[0], "1..128"])
    _check_shape(f"{name}.up", up, (shape[0], rank))
    _check_shape(f"{name}.down", down, (rank, int(np.prod(shape[1:]))))
    return up, down


def _check_shape(name: str, values: NDArray, wanted: tuple[int, ...]) -> None:
    if values.shape != wanted:
        raise SpeechError("voice_tensor_shape", name=name, found=list(values.shape), wanted=list(wanted))


def _checked_values(name: str, values: NDArray) -> NDArray:
    if values.dtype not in (np.float16, np.float32) or not (np.abs(values) < LARGEST).all():  # NaN is not less
        raise SpeechError("voice_tensor_values", name=name, maximum=LARGEST)
    return values.astype(np.float32)
