"""Who speaks: a checkpoint's studio speakers, told without PyTorch, and the references of cloned voices."""

from __future__ import annotations

import io
import pickle
import re
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, resample
from speech.engines.xtts.record import ENGINE, RECORD
from speech.errors import SpeechError
from speech.voices import MANY_LANGUAGES, Voice

STUDIO_PREFIX = "xtts_"
SPEAKERS_FILE = "speakers_xtts.pth"
SAMPLE_RATE = 22050  # of references
LEAST_S, MOST_S = RECORD.reference_s
LEAST_CLIP_S = 1.0  # the speaker encoder makes little of a shorter one
SILENCE_DB = -50.0
LARGEST = 4.0  # of a sample; 1 is full scale
MAX_PICKLE_BYTES = 1 << 20


def studio_voices(folder: Path) -> dict[str, Voice]:
    """Name in the checkpoint to voice, for each studio speaker; none where the folder brings none."""
    path = folder / SPEAKERS_FILE
    try:
        state = path.stat()
    except OSError:
        return {}
    return {name: _studio_voice(name) for name in _names(path, state.st_mtime_ns, state.st_size)}


def is_stock(voice_id: str) -> bool:
    """Whether an id belongs to studio speakers."""
    return voice_id.startswith(STUDIO_PREFIX)


def check(base_model: str, base_sha256: str, tensors: Mapping[str, NDArray]) -> None:
    """Whether this is a reference that the engine can hear, or a blend of such; it fits every checkpoint.

    Raises SpeechError as `check_reference` and `blending.check` do.
    """
    if "recipe" in tensors:
        from speech.engines.xtts import blending

        blending.check(tensors)
    else:
        check_reference(tensors)


def check_reference(tensors: Mapping[str, NDArray]) -> None:
    """Raises SpeechError `voice_tensor_unknown`, `voice_tensor_shape`, `voice_tensor_values`, `reference_too_short`,
    `reference_silent`.
    """
    for name in sorted({"reference", "clip_samples"} ^ {*tensors}):
        raise SpeechError("voice_tensor_unknown", name=name)
    reference, lengths = tensors["reference"], tensors["clip_samples"]
    if reference.ndim != 1 or lengths.ndim != 1 or reference.dtype.kind != "f" or lengths.dtype.kind != "i":
        raise SpeechError("voice_tensor_shape", name="reference", found=list(reference.shape), wanted="[n]")
    if not len(lengths) or lengths.min() < 1 or lengths.sum() != len(reference):
        raise SpeechError("voice_tensor_shape", name="clip_samples", found=list(lengths.shape), wanted="[n]")
    if not np.isfinite(reference).all() or np.abs(reference).max() >= LARGEST:
        raise SpeechError("voice_tensor_values", name="reference", maximum=LARGEST)
    check_sound(reference.astype(np.float32))


def check_clips(clips: Sequence[Audio]) -> None:
    """Whether the engine can hear a speaker in `clips`, the best first. Raises SpeechError as `check` does."""
    check("", "", tensors_of(heard_of(clips)))


def heard_of(clips: Sequence[Audio]) -> list[Audio]:
    """Those that fit into `MOST_S` together, whole; the first alone where it is longer."""
    heard: list[Audio] = []
    for clip in clips:
        if sum(one.duration_s for one in heard) + clip.duration_s <= MOST_S:
            heard.append(clip)
    return heard or list(clips[:1])


def check_sound(samples: NDArray[np.float32]) -> None:
    """Raises SpeechError `reference_too_short`, `reference_too_long`, `reference_silent`."""
    duration_s = len(samples) / SAMPLE_RATE
    if duration_s < LEAST_S:
        raise SpeechError("reference_too_short", duration_s=round(duration_s, 2), minimum_s=LEAST_S)
    if duration_s > MOST_S + 0.01:
        raise SpeechError("reference_too_long", duration_s=round(duration_s, 2), maximum_s=MOST_S)
    level_db = 10 * np.log10(np.square(samples, dtype=np.float64).mean() + 1e-20)
    if level_db < SILENCE_DB:
        raise SpeechError("reference_silent", level_db=round(float(level_db)))


def tensors_of(clips: Sequence[Audio]) -> dict[str, NDArray]:
    """What a voice file keeps of clips, the best first: the first `MOST_S` seconds of them, 22.05 kHz."""
    kept, room = [], int(MOST_S * SAMPLE_RATE)
    for clip in clips:
        samples = resample(clip, SAMPLE_RATE).samples[:room]
        if len(samples) >= LEAST_CLIP_S * SAMPLE_RATE:
            kept.append(samples)
            room -= len(samples)
    if not kept:
        raise SpeechError("reference_too_short", duration_s=0.0, minimum_s=LEAST_S)
    lengths = np.array([len(samples) for samples in kept], np.int32)
    return {"reference": np.concatenate(kept).astype(np.float16), "clip_samples": lengths}


def clips_of(tensors: Mapping[str, NDArray]) -> list[NDArray[np.float32]]:
    """The inverse of `tensors_of`, at 22.05 kHz."""
    ends = np.cumsum(tensors["clip_samples"])[:-1]
    return np.split(tensors["reference"].astype(np.float32), ends)


def _studio_voice(name: str) -> Voice:
    letters = unicodedata.normalize("NFKD", name.replace("ı", "i")).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    return Voice(f"{STUDIO_PREFIX}{slug}", ENGINE, MANY_LANGUAGES, "unknown", name)


@lru_cache(maxsize=8)
def _names(path: Path, changed_ns: int, size: int) -> tuple[str, ...]:
    """The keys of the dict that torch.save wrote: a pickle in a zip, from which nothing is made but texts.

    Raises SpeechError `checkpoint_damaged`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next(info for info in archive.infolist() if info.filename.endswith("/data.pkl"))
            if entry.file_size > MAX_PICKLE_BYTES:
                raise ValueError(f"a pickle of {entry.file_size} bytes")
            speakers = _Names(io.BytesIO(archive.read(entry))).load()
        if not isinstance(speakers, dict):
            raise ValueError(f"a {type(speakers).__name__}, no speakers by name")
        return tuple(map(str, speakers))
    except Exception as error:  # a pickle fails in any way
        raise SpeechError("checkpoint_damaged", file=path.name, reason=f"{type(error).__name__}: {error}") from None


class _Nothing:
    """Stands for whatever the pickle names: takes any call and any state, and does nothing."""

    def __new__(cls, *_: object) -> _Nothing:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        return

    def __setitem__(self, key: object, value: object) -> None:
        return


class _Names(pickle.Unpickler):
    """Finds no class and loads no storage, so that no code of the file runs."""

    def find_class(self, module: str, name: str) -> Any:
        return dict if (module, name) == ("collections", "OrderedDict") else _Nothing

    def persistent_load(self, pid: object) -> None:
        return None
