"""A voice as one file: what is known of it and who agreed, what one engine made of it, and the clips it comes from.

The file (https://github.com/huggingface/safetensors) holds tensors, and a JSON document under one metadata key. In
format 1 that is the `VoiceMeta` alone; format 2 adds `format_version`, `provenance`, `tags` and `clips`, whose sounds
are tensors of FLAC bytes beside the engine's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.errors import SpeechError
from speech.files import write_whole
from speech.voices import Shape, shape_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT_VERSION = 2  # the newest that is known
MAX_BYTES = 10 << 20  # of what an engine made
MAX_CLIP_BYTES = 8 << 20  # of the clips beside it
METADATA_KEY = "papagaio"
CLIP_PREFIX = "clips/"  # of the tensors that are FLAC bytes
TEXT_LENGTHS = {"title": 200, "description": 2000}  # most characters; of the rest 200
MOST_TAGS, MOST_CLIPS = 50, 200


@dataclass(frozen=True)
class Consent:
    """What the speaker agreed to, in their own words or the page's, and when (ISO 8601, UTC)."""

    statement: str
    given_at: str


@dataclass(frozen=True)
class VoiceMeta:
    """Who a voice is, and what it was made for first. `report` is what was measured of it; empty until then."""

    voice_id: str
    title: str
    engine: str
    language: str  # BCP 47 tag of the reference
    gender: str  # female, male or unknown
    description: str
    created_at: str  # ISO 8601, UTC
    base_model: str  # name in the model store's catalogue
    base_sha256: str  # "" where nothing was made that fits one checkpoint alone
    effort: str
    reference_s: float  # seconds of speech that it was made of
    consent: Consent
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VoiceClip:
    """A recording that a voice comes from; the first ones are the best."""

    file: str  # its name in the voice's folder of clips
    text: str  # "" where nobody knows it
    duration_s: float
    sha256: str  # of the file


@dataclass(frozen=True)
class VoiceDocument:
    """All that is known of a voice, whatever speaks it."""

    meta: VoiceMeta
    clips: tuple[VoiceClip, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)  # where the clips come from
    tags: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        return shape_of(self.provenance.get("shape", {}))

    def to_json(self) -> str:
        meta = asdict(self.meta)
        more = {"clips": [asdict(clip) for clip in self.clips], "provenance": self.provenance, "tags": list(self.tags)}
        return json.dumps({"format_version": FORMAT_VERSION, **meta, **more}, ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, name: str) -> VoiceDocument:
        """Of format 1 or 2. Raises SpeechError `voice_file_malformed`, `voice_format_newer`; `name` is the file's."""
        try:
            document = json.loads(text)
            if not isinstance(document, dict):
                raise ValueError("no JSON object in the metadata")
            version = document.pop("format_version", 1)
            if isinstance(version, int) and version > FORMAT_VERSION:
                raise SpeechError("voice_format_newer", path=name, version=version, known=FORMAT_VERSION)
            if version == 1:
                return cls(_meta(document))
            if version != FORMAT_VERSION:
                raise ValueError(f"format_version is {str(version)[:20]}")
            clips, tags = document.pop("clips", None), document.pop("tags", None)
            provenance = _mapping(document.pop("provenance", None))
            shape_of(provenance.get("shape", {}))
            return cls(_meta(document), _clips(clips), provenance, _tags(tags))
        except (ValueError, TypeError, RecursionError) as error:
            raise SpeechError("voice_file_malformed", path=name, reason=str(error)[:200]) from error


def write_voice(path: Path, meta: VoiceMeta, tensors: Mapping[str, NDArray]) -> None:
    """Write what an engine made, in format 1, whole or not at all. Raises SpeechError `voice_file_too_large`."""
    _write(path, json.dumps(asdict(meta), ensure_ascii=False, sort_keys=True), tensors, MAX_BYTES)


def write_document(
    path: Path, document: VoiceDocument, tensors: Mapping[str, NDArray], clips: Mapping[str, bytes]
) -> None:
    """Write a voice with its clips, in format 2, whole or not at all. Raises SpeechError `voice_file_too_large`."""
    import numpy as np

    sounds = {CLIP_PREFIX + name: np.frombuffer(data, np.uint8) for name, data in clips.items()}
    _write(path, document.to_json(), {**tensors, **sounds}, MAX_BYTES + MAX_CLIP_BYTES)


def read_document(path: Path) -> VoiceDocument:
    """From the file's header alone.

    Raises SpeechError `voice_file_missing`, `voice_file_malformed`, `voice_file_too_large`, `voice_format_newer`.
    """
    with _opened(path) as file:
        text = (file.metadata() or {}).get(METADATA_KEY, "")
    return VoiceDocument.from_json(text, path.name)


def read_meta(path: Path) -> VoiceMeta:
    """As `read_document`."""
    return read_document(path).meta


def read_tensors(path: Path) -> dict[str, NDArray]:
    """Every tensor that an engine made. Raises SpeechError `voice_file_malformed`, `voice_file_too_large`."""
    return _tensors(path, lambda name: not name.startswith(CLIP_PREFIX))


def read_clips(path: Path) -> dict[str, bytes]:
    """FLAC by name of the clip. Raises SpeechError `voice_file_malformed`, `voice_file_too_large`."""
    found = _tensors(path, lambda name: name.startswith(CLIP_PREFIX))
    return {name.removeprefix(CLIP_PREFIX): values.tobytes() for name, values in found.items()}


def _tensors(path: Path, is_wanted: Any) -> dict[str, NDArray]:
    with _opened(path) as file:
        try:
            return {name: file.get_tensor(name) for name in file.keys() if is_wanted(name)}
        except (TypeError, KeyError, AttributeError) as error:  # a dtype that numpy does not have
            raise SpeechError("voice_file_malformed", path=path.name, reason=str(error)[:200]) from error


def _write(path: Path, document: str, tensors: Mapping[str, NDArray], most_bytes: int) -> None:
    import numpy as np
    from safetensors.numpy import save as to_bytes

    data = to_bytes({name: np.ascontiguousarray(values) for name, values in tensors.items()}, {METADATA_KEY: document})
    if len(data) > most_bytes:
        raise _too_large(path, len(data), most_bytes)
    write_whole(path, data)


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        size = path.stat().st_size
    except OSError as error:
        raise SpeechError("voice_file_missing", path=str(path), reason=error.strerror or str(error)) from error
    if size > MAX_BYTES + MAX_CLIP_BYTES:
        raise _too_large(path, size, MAX_BYTES + MAX_CLIP_BYTES)
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError, ValueError) as error:
        raise SpeechError("voice_file_malformed", path=path.name, reason=str(error)[:200]) from error


def _too_large(path: Path, size: int, most_bytes: int) -> SpeechError:
    size_mb = round(size / 2**20, 1)
    return SpeechError("voice_file_too_large", path=path.name, size_mb=size_mb, maximum_mb=most_bytes >> 20)


def _meta(document: Any) -> VoiceMeta:
    """Raises ValueError where a field is missing, unknown or of another type."""
    consent = _checked(Consent, document.get("consent"))
    return VoiceMeta(**{**_checked(VoiceMeta, document), "consent": Consent(**consent)})


def _clips(given: Any) -> tuple[VoiceClip, ...]:
    if not isinstance(given, list) or len(given) > MOST_CLIPS:
        raise ValueError("clips is no list, or too long")
    return tuple(VoiceClip(**_checked(VoiceClip, clip)) for clip in given)


def _tags(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or len(given) > MOST_TAGS or not all(_is_short(tag) for tag in given):
        raise ValueError("tags is no list of short texts")
    return tuple(given)


def _is_short(tag: object) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= 50


def _mapping(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise ValueError("provenance is no mapping")
    return given


def _checked(kind: type, document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise ValueError(f"no {kind.__name__} in the metadata")
    wanted = {one.name: one.type for one in fields(kind)}
    if different := sorted({*wanted} ^ {*document}):
        raise ValueError(f"{kind.__name__}: missing or unknown {different}")
    types: Mapping[str, Any] = {"str": str, "float": (int, float), "Consent": dict, "Mapping[str, Any]": dict}
    for name, type_name in wanted.items():
        value = document[name]
        if not isinstance(value, types[str(type_name)]) or isinstance(value, bool):
            raise ValueError(f"{kind.__name__}.{name} is no {type_name}")
        if isinstance(value, str) and len(value) > TEXT_LENGTHS.get(name, 4000 if kind is not VoiceMeta else 200):
            raise ValueError(f"{kind.__name__}.{name} is too long")
    return document


def clips_s(clips: Iterable[VoiceClip]) -> float:
    return sum(clip.duration_s for clip in clips)
