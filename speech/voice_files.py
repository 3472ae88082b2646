"""Fitted voices on disk: one safetensors file a voice, and the folder that keeps them.

The file (https://github.com/huggingface/safetensors) holds what was fitted as tensors, and under one metadata key who
the voice is, who agreed to it, what it was fitted on, and how it measured.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from speech.audio import Audio, save
from speech.errors import SpeechError
from speech.voices import Voice

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 10 << 20
METADATA_KEY = "papagaio"
VOICE_FILE = "voice.safetensors"
VOICE_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
SAMPLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Words that follow /voices/ in the service's routes.
RESERVED = frozenset({"clone", "convert", "efforts", "export", "fit", "import", "intake", "presets", "samples"})
TEXT_LENGTHS = {"title": 200, "description": 2000}  # most characters; of the rest 200
# Engine to the module that checks what a voice is made of (`check`) and knows the ids that are taken (`is_stock`).
FORMATS: Mapping[str, str] = {"kokoro": "speech.engines.kokoro.adapter", "xtts": "speech.engines.xtts.voices"}
Stamp = tuple[str, int, int, int]
LEFTOVER_S = 3600  # after which a folder that a killed process was making or deleting is swept away


@dataclass(frozen=True)
class Consent:
    """What the speaker agreed to, in their own words or the page's, and when (ISO 8601, UTC)."""

    statement: str
    given_at: str


@dataclass(frozen=True)
class VoiceMeta:
    """Who a fitted voice is. `report` is what was measured of it; empty until then."""

    voice_id: str
    title: str
    engine: str
    language: str  # BCP 47 tag of the reference
    gender: str  # female, male or unknown
    description: str
    created_at: str  # ISO 8601, UTC
    base_model: str  # name in the model store's catalogue
    base_sha256: str
    effort: str
    reference_s: float  # seconds of speech that it was fitted on
    consent: Consent
    report: Mapping[str, Any] = field(default_factory=dict)


def write_voice(path: Path, meta: VoiceMeta, tensors: Mapping[str, NDArray]) -> None:
    """Write a voice whole or not at all. Raises SpeechError `voice_file_too_large`."""
    import numpy as np
    from safetensors.numpy import save as to_bytes

    document = json.dumps(asdict(meta), ensure_ascii=False, sort_keys=True)
    data = to_bytes({name: np.ascontiguousarray(values) for name, values in tensors.items()}, {METADATA_KEY: document})
    if len(data) > MAX_BYTES:
        raise _too_large(path, len(data))
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_meta(path: Path) -> VoiceMeta:
    """From the file's header alone. Raises SpeechError `voice_file_malformed`, `voice_file_too_large`."""
    with _opened(path) as file:
        document = (file.metadata() or {}).get(METADATA_KEY, "")
    try:
        return _meta(json.loads(document))
    except (ValueError, TypeError, RecursionError) as error:
        raise SpeechError("voice_file_malformed", path=path.name, reason=str(error)[:200]) from error


def read_tensors(path: Path) -> dict[str, NDArray]:
    """Every tensor. Raises SpeechError `voice_file_malformed`, `voice_file_too_large`."""
    with _opened(path) as file:
        try:
            return {name: file.get_tensor(name) for name in file.keys()}
        except (TypeError, KeyError, AttributeError) as error:  # a dtype that numpy does not have
            raise SpeechError("voice_file_malformed", path=path.name, reason=str(error)[:200]) from error


class VoiceLibrary:
    """The folder of fitted voices: `<root>/<voice_id>/voice.safetensors` and, beside it, `samples/*.wav`.

    Reading is safe while another process adds or deletes: folders appear and leave whole.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self) -> tuple[VoiceMeta, ...]:
        """Every voice whose file can be read, by id; `damaged` has the others."""
        return tuple(meta for _, meta in self._read() if isinstance(meta, VoiceMeta))

    def damaged(self) -> Mapping[str, SpeechError]:
        """Voices whose file cannot be read, and why."""
        return {voice_id: error for voice_id, error in self._read() if isinstance(error, SpeechError)}

    def get(self, voice_id: str) -> VoiceMeta:
        """Raises SpeechError `unknown_voice`, or what `read_meta` raises."""
        return replace(read_meta(self.path(voice_id)), voice_id=voice_id)

    def path(self, voice_id: str) -> Path:
        """The voice's file. Raises SpeechError `unknown_voice`."""
        return self.folder(voice_id) / VOICE_FILE

    def folder(self, voice_id: str) -> Path:
        """Raises SpeechError `unknown_voice`."""
        folder = self._root / voice_id
        if not VOICE_ID.fullmatch(voice_id) or not (folder / VOICE_FILE).is_file():
            raise SpeechError("unknown_voice", voice=voice_id, engine="fitted", choices=list(self._ids()))
        return folder

    def add(self, meta: VoiceMeta, tensors: Mapping[str, NDArray], samples: Mapping[str, Audio]) -> VoiceMeta:
        """Keep a voice with its samples, whole or not at all.

        Raises SpeechError `bad_voice_id`, `voice_exists`, `bad_sample_name`, and what the engine's checks raise.
        """
        self.check_new(meta.voice_id)
        for name in samples:
            if not SAMPLE_NAME.fullmatch(name):
                raise SpeechError("bad_sample_name", name=name)
        _check(meta, tensors)
        self._root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        staging = Path(mkdtemp(prefix=".adding-", dir=self._root))
        try:
            write_voice(staging / VOICE_FILE, meta, tensors)
            if samples:
                (staging / "samples").mkdir()
            for name, audio in samples.items():
                save(audio, staging / "samples" / f"{name}.wav", "wav")
            self._publish(staging, meta.voice_id)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        return meta

    def replace_report(self, voice_id: str, report: Mapping[str, Any]) -> VoiceMeta:
        """The same voice with this report. Raises SpeechError `unknown_voice`."""
        path = self.path(voice_id)
        meta = replace(self.get(voice_id), report=dict(report))
        write_voice(path, meta, read_tensors(path))
        return meta

    def delete(self, voice_id: str) -> None:
        """Raises SpeechError `unknown_voice`; of two that delete at once, one does."""
        trash = Path(mkdtemp(prefix=".deleted-", dir=self._root)) if self.folder(voice_id) else self._root
        try:
            self.folder(voice_id).rename(trash / voice_id)
        except FileNotFoundError as error:
            raise SpeechError("unknown_voice", voice=voice_id, engine="fitted", choices=list(self._ids())) from error
        finally:
            shutil.rmtree(trash, ignore_errors=True)

    def export(self, voice_id: str, path: Path) -> None:
        """Copy the voice's file to `path`. Raises SpeechError `unknown_voice`, `output_unwritable`."""
        source = self.path(voice_id)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            shutil.copyfile(source, temporary)
            temporary.replace(path)
        except OSError as error:
            raise SpeechError("output_unwritable", path=str(path), reason=error.strerror or str(error)) from error
        finally:
            temporary.unlink(missing_ok=True)

    def import_(self, path: Path, voice_id: str | None = None) -> VoiceMeta:
        """Take in a voice file, under another id where one is given; nothing of a bad one stays.

        Raises SpeechError `voice_file_missing`, `voice_file_malformed`, `voice_file_too_large`, `bad_voice_id`,
        `voice_exists`, `voice_engine_unknown`, `voice_base_differs`, and what the engine's check of tensors raises.
        """
        meta = read_meta(path)
        return self.add(replace(meta, voice_id=voice_id or meta.voice_id), read_tensors(path), {})

    def stamp(self) -> tuple[Stamp, ...]:
        """Changes when a voice is added, replaced or deleted: name, time, size and inode of every file."""
        found = []
        for voice_id in self._ids():
            try:
                state = (self._root / voice_id / VOICE_FILE).stat()
            except OSError:
                continue
            found.append((voice_id, state.st_mtime_ns, state.st_size, state.st_ino))
        return tuple(found)

    def _ids(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(name for name in os.listdir(self._root) if VOICE_ID.fullmatch(name)))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def _read(self) -> Iterator[tuple[str, VoiceMeta | SpeechError]]:
        for voice_id in self._ids():
            try:
                yield voice_id, self.get(voice_id)
            except SpeechError as error:
                if error.code != "unknown_voice":
                    yield voice_id, error

    def _sweep(self) -> None:
        for folder in (*self._root.glob(".adding-*"), *self._root.glob(".deleted-*")):
            try:
                if time.time() - folder.stat().st_mtime > LEFTOVER_S:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue

    def check_new(self, voice_id: str) -> None:
        """Raises SpeechError `bad_voice_id`, `voice_exists` where a new voice cannot have this id."""
        if not VOICE_ID.fullmatch(voice_id) or voice_id in RESERVED:
            raise SpeechError("bad_voice_id", voice=voice_id, reserved=sorted(RESERVED))
        if (self._root / voice_id).exists() or any(_format(name).is_stock(voice_id) for name in FORMATS):
            raise SpeechError("voice_exists", voice=voice_id)

    def _publish(self, staging: Path, voice_id: str) -> None:
        try:
            staging.chmod(0o755)  # mkdtemp makes it for its owner alone
            staging.rename(self._root / voice_id)
        except OSError as error:  # another one was quicker
            raise SpeechError("voice_exists", voice=voice_id) from error


class ListedVoices:
    """The voices of one engine in a library, as they are now; read again when a file came, went or changed."""

    def __init__(self, library: VoiceLibrary, engine: str) -> None:
        self._library, self._engine = library, engine
        self._listed: tuple[tuple[Stamp, ...], tuple[Voice, ...]] = ((), ())

    def voices(self) -> tuple[Voice, ...]:
        stamp = self._library.stamp()
        listed, voices = self._listed
        if listed != stamp:
            voices = tuple(
                Voice(meta.voice_id, meta.engine, meta.language, meta.gender, meta.title, is_stock=False)
                for meta in self._library.list()
                if meta.engine == self._engine
            )
            self._listed = (stamp, voices)
        return voices


def _opened(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        size = path.stat().st_size
    except OSError as error:
        raise SpeechError("voice_file_missing", path=str(path), reason=error.strerror or str(error)) from error
    if size > MAX_BYTES:
        raise _too_large(path, size)
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError, ValueError) as error:
        raise SpeechError("voice_file_malformed", path=path.name, reason=str(error)[:200]) from error


def _too_large(path: Path, size: int) -> SpeechError:
    return SpeechError(
        "voice_file_too_large", path=path.name, size_mb=round(size / 2**20, 1), maximum_mb=MAX_BYTES >> 20
    )


def _meta(document: Any) -> VoiceMeta:
    """Raises ValueError where a field is missing, unknown or of another type."""
    consent = _checked(Consent, document.get("consent") if isinstance(document, dict) else None)
    return VoiceMeta(**{**_checked(VoiceMeta, document), "consent": Consent(**consent)})


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
        if isinstance(value, str) and len(value) > TEXT_LENGTHS.get(name, 4000 if kind is Consent else 200):
            raise ValueError(f"{kind.__name__}.{name} is too long")
    return document


def _check(meta: VoiceMeta, tensors: Mapping[str, NDArray]) -> None:
    """Whether the engine of the voice can speak it."""
    if meta.engine not in FORMATS:
        raise SpeechError("voice_engine_unknown", engine=meta.engine, choices=sorted(FORMATS))
    _format(meta.engine).check(meta.base_model, meta.base_sha256, tensors)


def _format(engine: str) -> Any:
    return import_module(FORMATS[engine])
