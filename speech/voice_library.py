"""The folder of voices as it is changed: every voice is checked by the record of its engine before it is kept."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.audio import Audio, load, save, to_bytes
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.files import fresh_folder, write_whole
from speech.voice_files import (
    VoiceClip,
    VoiceDocument,
    VoiceMeta,
    read_clips,
    read_document,
    read_tensors,
    write_document,
    write_voice,
)
from speech.voice_folder import (
    CLIP_FILE,
    CLIPS,
    CURVE,
    DOCUMENT,
    EVENTS,
    PARTS,
    SAMPLES,
    TRAINING,
    VOICE_ID,
    WEIGHTS,
    SpokenClip,
    VoiceFolder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Words that follow /voices/ in the service's routes.
RESERVED = frozenset(
    {"clone", "convert", "efforts", "export", "fit", "import", "intake", "morph", "presets", "samples", "style"}
)
MOST_CLIPS_S = 90.0  # of clips that a voice keeps
LEFTOVER_S = 3600  # after which a folder that a killed process was making or deleting is swept away


class VoiceLibrary(VoiceFolder):
    """Voices come and go whole; `registry` tells which engines there are."""

    def __init__(self, root: Path, registry: Registry | None = None) -> None:
        super().__init__(root)
        self._registry = registry or Registry()

    def add(
        self,
        meta: VoiceMeta,
        tensors: Mapping[str, NDArray],
        samples: Mapping[str, Audio],
        clips: Sequence[SpokenClip] = (),
        provenance: Mapping[str, Any] | None = None,
        weights: Sequence[Path] = (),
        curve: Path | None = None,
    ) -> VoiceMeta:
        """Keep a voice with what its engine made of it, its samples and up to `MOST_CLIPS_S` of its clips, whole or
        not at all. No `tensors`: the engine hears the speaker in the clips. `weights`: files of fine-tuned weights
        that the voice alone speaks with; they are linked where that can be, else copied. `curve`: the folder of a run,
        whose figures are kept.

        Raises SpeechError `bad_voice_id`, `voice_exists`, `bad_sample_name`, `voice_engine_unknown`, and what the
        engine's checks raise.
        """
        sounds: dict[str, bytes] = {}
        kept: list[VoiceClip] = []
        for number, clip in enumerate(_first(clips), 1):
            name = f"{number:03}.flac"
            sounds[name] = to_bytes(clip.audio, "flac")
            kept.append(_described(name, sounds[name], clip.text, clip.audio.duration_s))
        document = VoiceDocument(meta, tuple(kept), provenance or {})
        self._keep(document, tensors, samples, sounds, [clip.audio for clip in clips], weights, curve)
        return meta

    def add_part(self, meta: VoiceMeta, tensors: Mapping[str, NDArray]) -> None:
        """Keep what another engine, or another checkpoint, made of a voice that is here; its clips stay as they are.

        Raises SpeechError `unknown_voice`, `voice_engine_unknown`, and what the engine's checks raise.
        """
        self._check(meta, tensors, [])
        self._renew(meta.voice_id)
        write_voice(self.folder(meta.voice_id) / PARTS / part_name(meta), meta, tensors)

    def replace_report(self, voice_id: str, report: Mapping[str, Any]) -> VoiceMeta:
        """The same voice with this report. Raises SpeechError `unknown_voice`."""
        self._renew(voice_id)
        document = self.document(voice_id)
        meta = replace(document.meta, report=dict(report))
        self._write_document(self.folder(voice_id), replace(document, meta=meta))
        return meta

    def delete(self, voice_id: str) -> None:
        """Raises SpeechError `unknown_voice`; of two that delete at once, one does."""
        trash = fresh_folder(self._root, ".deleted-") if self.folder(voice_id) else self._root
        try:
            self.folder(voice_id).rename(trash / voice_id)
        except FileNotFoundError as error:
            raise SpeechError("unknown_voice", voice=voice_id, engine="fitted", choices=list(self._ids())) from error
        finally:
            shutil.rmtree(trash, ignore_errors=True)

    def export(self, voice_id: str, path: Path) -> None:
        """One file with the clips, where it comes from and what the engine made that the voice was made for.

        Raises SpeechError `unknown_voice`, `voice_with_weights`, `output_unwritable`.
        """
        if self.weights(voice_id):  # which are larger than any voice file may be
            raise SpeechError("voice_with_weights", voice=voice_id)
        if not path.parent.is_dir():  # a folder that was mistyped is not made
            raise SpeechError("output_unwritable", path=str(path), reason=os.strerror(errno.ENOENT))
        document, parts = self.document(voice_id), self.parts(voice_id)
        engine = document.meta.engine
        tensors = read_tensors(parts[engine]) if engine in parts else {}
        folder = self.folder(voice_id) / CLIPS
        try:
            if document.clips or document.provenance:
                sounds = {clip.file: (folder / clip.file).read_bytes() for clip in document.clips}
                write_document(path, document, tensors, sounds)
            else:
                write_voice(path, document.meta, tensors)
        except OSError as error:
            raise SpeechError("output_unwritable", path=str(path), reason=error.strerror or str(error)) from error

    def import_(self, path: Path, voice_id: str | None = None) -> VoiceMeta:
        """Take in a voice file, under another id where one is given; nothing of a bad one stays.

        Raises SpeechError `voice_file_missing`, `voice_file_malformed`, `voice_file_too_large`, `voice_format_newer`,
        `bad_voice_id`, `voice_exists`, `voice_engine_unknown`, and what the engine's checks raise.
        """
        document = read_document(path)
        meta = replace(document.meta, voice_id=voice_id or document.meta.voice_id)
        sounds, clips = _opened_clips(path, document)
        self._keep(replace(document, meta=meta), read_tensors(path), {}, sounds, clips)
        return meta

    def check_new(self, voice_id: str) -> None:
        """Raises SpeechError `bad_voice_id`, `voice_exists` where a new voice cannot have this id."""
        if not VOICE_ID.fullmatch(voice_id) or voice_id in RESERVED:
            raise SpeechError("bad_voice_id", voice=voice_id, reserved=sorted(RESERVED))
        formats = [record.voice_format for record in self._registry.engines.values() if record.voice_format]
        if (self._root / voice_id).exists() or any(import_module(name).is_stock(voice_id) for name in formats):
            raise SpeechError("voice_exists", voice=voice_id)

    def _keep(
        self,
        document: VoiceDocument,
        tensors: Mapping[str, NDArray],
        samples: Mapping[str, Audio],
        sounds: Mapping[str, bytes],
        clips: Sequence[Audio],
        weights: Sequence[Path] = (),
        curve: Path | None = None,
    ) -> None:
        self.check_new(document.meta.voice_id)
        for name in samples:
            if not SAMPLE_NAME.fullmatch(name):
                raise SpeechError("bad_sample_name", name=name)
        self._check(document.meta, tensors, clips)
        with self._staged(document.meta.voice_id) as staging:
            self._write_document(staging, document)
            if tensors:
                write_voice(staging / PARTS / part_name(document.meta), document.meta, tensors)
            for name, data in sounds.items():
                write_whole(staging / CLIPS / name, data)
            for name, audio in samples.items():
                save(audio, staging / SAMPLES / f"{name}.wav", "wav")
            if weights:
                _link(weights, staging / WEIGHTS)
            if curve is not None:
                shutil.copytree(curve / EVENTS, staging / TRAINING / EVENTS)
                shutil.copyfile(curve / CURVE, staging / TRAINING / CURVE)

    def _check(self, meta: VoiceMeta, tensors: Mapping[str, NDArray], clips: Sequence[Audio]) -> None:
        """Whether the engine of the voice can speak it."""
        record = self._registry.engines.get(meta.engine)
        if record is None or not record.voice_format:
            choices = sorted(name for name, one in self._registry.engines.items() if one.voice_format)
            raise SpeechError("voice_engine_unknown", engine=meta.engine, choices=choices)
        module = import_module(record.voice_format)
        if tensors or record.voice_source == "fit":
            module.check(meta.base_model, meta.base_sha256, tensors)
        else:
            module.check_clips(clips)

    def _renew(self, voice_id: str) -> None:
        """Make a folder of format 1 one of format 2; the voice is there all the while."""
        folder = self.folder(voice_id)
        if (folder / DOCUMENT).is_file():
            return
        document, old = self.document(voice_id), self.path(voice_id)
        (folder / PARTS).mkdir(exist_ok=True)
        shutil.copyfile(old, folder / PARTS / part_name(document.meta))
        self._write_document(folder, document)
        old.unlink()

    @staticmethod
    def _write_document(folder: Path, document: VoiceDocument) -> None:
        write_whole(folder / DOCUMENT, document.to_json().encode())

    @contextmanager
    def _staged(self, voice_id: str) -> Iterator[Path]:
        """A folder that becomes the voice's when the block ends well. Raises SpeechError `voice_exists`."""
        self._root.mkdir(parents=True, exist_ok=True)
        self._sweep()
        staging = fresh_folder(self._root, ".adding-")
        try:
            for name in (PARTS, CLIPS, SAMPLES):
                (staging / name).mkdir()
            yield staging
            try:
                staging.rename(self._root / voice_id)
            except OSError as error:  # another one was quicker
                raise SpeechError("voice_exists", voice=voice_id) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _sweep(self) -> None:
        for folder in (*self._root.glob(".adding-*"), *self._root.glob(".deleted-*")):
            try:
                if time.time() - folder.stat().st_mtime > LEFTOVER_S:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue


def _link(files: Sequence[Path], folder: Path) -> None:
    """Put `files` into a folder below `folder` that is named after what they hold."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    target = folder / digest.hexdigest()[:16]
    target.mkdir(parents=True)
    for path in files:
        try:
            os.link(path, target / path.name)
        except OSError:  # on another disk
            shutil.copyfile(path, target / path.name)


def part_name(meta: VoiceMeta) -> str:
    """The file of what `meta.engine` made on the checkpoint that `meta` names."""
    return f"{meta.engine}-{meta.base_sha256[:12] or 'any'}.safetensors"


def _first(clips: Sequence[SpokenClip]) -> Iterator[SpokenClip]:
    """The first `MOST_CLIPS_S` seconds, whole clips, but always one."""
    total_s = 0.0
    for number, clip in enumerate(clips):
        total_s += clip.audio.duration_s
        if number and total_s > MOST_CLIPS_S:
            return
        yield clip


def _described(name: str, data: bytes, text: str, duration_s: float) -> VoiceClip:
    return VoiceClip(name, text, round(duration_s, 3), hashlib.sha256(data).hexdigest())


def _opened_clips(path: Path, document: VoiceDocument) -> tuple[dict[str, bytes], list[Audio]]:
    """The clips that a file's document names, decoded. Raises SpeechError `voice_file_malformed`."""
    sounds = read_clips(path)
    opened = []
    for clip in document.clips:
        data = sounds.get(clip.file, b"")
        if not CLIP_FILE.fullmatch(clip.file) or hashlib.sha256(data).hexdigest() != clip.sha256:
            raise SpeechError("voice_file_malformed", path=path.name, reason=f"clip {clip.file[:20]}")
        opened.append(load(io.BytesIO(data)))
    if {clip.file for clip in document.clips} != {*sounds} or sum(one.duration_s for one in opened) > 2 * MOST_CLIPS_S:
        raise SpeechError("voice_file_malformed", path=path.name, reason="clips differ from their list")
    return sounds, opened
