"""Checkpoints of fine-tunings as voices: to be heard at once, or kept for every client."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.storage.voice_owners import set_owner
from app.tasks.training_service import BASE, TrainingService
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.files import write_whole
from speech.voice_files import Consent, VoiceMeta
from speech.voice_folder import SpokenClip
from speech.voice_library import VoiceLibrary
from speech.voices import Voice

if TYPE_CHECKING:
    from train.cloning import CloneOptions
    from train.manifest import Manifest

REFERENCES = ".references"  # folder beside the runs: voices that checkpoints hear, of no interest to anybody else
HEARD_ONLY = "Heard only while a checkpoint speaks"
SAMPLE_RATE, MOST_HEARD_S, LONGEST_S = 22050, 30.0, 600.0
BLENDS = ".blends"  # folder beside the runs: which adapters are spoken together
SOUNDS, SOUND_NAME = ".spoken", re.compile(r"tuned_[0-9a-f]{16}\.wav")
KEPT_S = 86400.0  # that an uploaded reference and a sound stay


class TunedVoices:
    """`training`'s checkpoints; voices are kept in `voices_dir`."""

    def __init__(self, training: TrainingService, voices_dir: Path, registry: Registry) -> None:
        self._training, self._registry = training, registry
        self._voices = VoiceLibrary(voices_dir, registry)
        self._references = VoiceLibrary(training.root / REFERENCES, registry)

    def voice(self, checkpoint: str, caller: Caller = LOCAL, heard: Path | None = None) -> Voice:
        """What speaks with `checkpoint` ("RUN/STEP", or "RUN/base"). `heard`: folder of the voice that it imitates;
        None: clips of its dataset.

        Raises Problem `unknown_run`, `unknown_checkpoint`, `dataset_not_built`; SpeechError `too_little_speech`.
        """
        run, _, step = checkpoint.partition("/")
        language = self._training.language(run, caller)
        weights = "" if step == BASE else str(self._training.checkpoint(run, step, caller).resolve())
        folder = (heard or self._reference(run, caller)).resolve()
        return replace(self.base_voice(folder, language), title=checkpoint, weights=weights)

    def blend(self, parts: Sequence[tuple[str, float]], caller: Caller = LOCAL, heard: Path | None = None) -> Voice:
        """What speaks with the adapters of several checkpoints ("RUN/STEP"), each times its weight; in the language of
        the first, imitating `heard` or clips of the first one's dataset.

        Raises as `voice`; SpeechError `blend_of_full`.
        """
        from train.tuned_engine import ADAPTER, BLEND

        folders: list[tuple[str, float]] = []
        for checkpoint, weight in parts:
            run, _, step = checkpoint.partition("/")
            folder = self._training.checkpoint(run, step, caller).resolve()
            if not (folder / ADAPTER).is_file():
                raise SpeechError("blend_of_full", checkpoint=checkpoint)
            folders.append((str(folder), weight))
        content = json.dumps(folders)
        root = self._training.root / BLENDS
        target = root / f"blend-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        write_whole(target / BLEND, content)
        os.utime(target)
        _sweep(path for path in root.iterdir() if path != target)
        title = "+".join(f"{checkpoint}*{weight:g}" for checkpoint, weight in parts)
        return replace(self.voice(parts[0][0], caller, heard), title=title, weights=str(target.resolve()))

    def check(self, checkpoint: str, caller: Caller = LOCAL) -> None:
        """Whether there is such a checkpoint, and what it needs is here.

        Raises Problem `unknown_run`, `unknown_checkpoint`, and as `TrainingService.check` does.
        """
        run, _, step = checkpoint.partition("/")
        self._training.language(run, caller)
        if step != BASE:
            self._training.checkpoint(run, step, caller)
        self._training.check()

    def base_voice(self, heard: Path, language: str) -> Voice:
        """The network as it came, imitating the voice in the folder `heard`."""
        title = self._training.engine
        return Voice(heard.name, self._training.engine, language, "unknown", title, is_stock=False, folder=str(heard))

    def clips_of(self, voice_id: str) -> Path:
        """Folder of a voice with clips that a checkpoint can imitate. Raises SpeechError `unknown_voice`,
        `voice_without_clips`."""
        if not self._voices.document(voice_id).clips:
            raise SpeechError("voice_without_clips", voice=voice_id)
        return self._voices.folder(voice_id)

    def uploaded(self, file: BinaryIO) -> Path:
        """Folder of a voice made of a recording, for a day.

        Raises SpeechError as `read_recording` and the engine's check of a reference do.
        """
        from speech.recordings import read_recording

        root = self._training.root / REFERENCES
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root.glob("upload_*"))
        with TemporaryDirectory(dir=self._training.root, prefix=".upload-") as folder:
            path, digest = Path(folder) / "recording", hashlib.sha256()
            with path.open("xb") as target:
                while block := file.read(1 << 20):
                    digest.update(block)
                    target.write(block)
            voice_id = f"upload_{digest.hexdigest()[:24]}"

            def make() -> None:
                audio = read_recording(path, SAMPLE_RATE, LONGEST_S).audio
                heard = replace(audio, samples=audio.samples[: round(MOST_HEARD_S * SAMPLE_RATE)])
                meta = self._meta(voice_id, "mul", heard.duration_s)
                self._references.add(meta, {}, {}, [SpokenClip(heard, "")])

            return self._made(voice_id, make)

    def keep(self, checkpoint: str, options: CloneOptions, caller: Caller = LOCAL) -> VoiceMeta:
        """The checkpoint as a voice of its own, which stays when the checkpoint is deleted.

        Raises Problem as `voice` does, SpeechError `voice_exists`, `too_little_speech`.
        """
        from train.references import keep_reference
        from train.tuned_engine import ADAPTER

        run, _, step = checkpoint.partition("/")
        folder = self._training.checkpoint(run, step, caller)
        names = [ADAPTER] if (folder / ADAPTER).is_file() else ["config.json", "vocab.json", "model.safetensors"]
        dataset, manifest = self._learned_from(run, caller)
        record = self._registry.engine(self._training.engine)
        weights = [folder / name for name in names]
        meta = keep_reference(dataset, manifest, options, self._voices, record, weights)
        set_owner(self._voices.folder(meta.voice_id), caller.user_id)
        return meta

    def keep_sound(self, wav: bytes, caller: Caller = LOCAL) -> str:
        """Name of a sound that is kept for a day."""
        folder = self._sounds(caller)
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder.glob("*.wav"))
        name = f"tuned_{token_hex(8)}.wav"
        temporary = folder / f".{name}"
        temporary.write_bytes(wav)
        temporary.replace(folder / name)
        return name

    def sound(self, name: str, caller: Caller = LOCAL) -> Path:
        """Raises Problem `tuned_sound_missing`."""
        path = self._sounds(caller) / name
        if not SOUND_NAME.fullmatch(name) or not path.is_file():
            raise Problem("tuned_sound_missing", name=name[:80])
        return path

    def keep_longer(self, name: str, lasts_s: float, caller: Caller = LOCAL) -> None:
        """Keep a sound for `lasts_s` from now, where that is longer. Raises Problem `tuned_sound_missing`."""
        path = self.sound(name, caller)
        written = max(path.stat().st_mtime, time.time() + lasts_s - KEPT_S)  # by which sounds are swept
        os.utime(path, (written, written))

    def _sounds(self, caller: Caller) -> Path:
        return self._training.root / SOUNDS / hashlib.sha256(caller.user_id.encode()).hexdigest()[:16]

    def _reference(self, run: str, caller: Caller) -> Path:
        """Folder of the voice in a run's dataset."""
        from train.cloning import CloneOptions
        from train.references import keep_reference

        voice_id = f"run_{hashlib.sha256(run.encode()).hexdigest()[:24]}"

        def make() -> None:
            dataset, manifest = self._learned_from(run, caller)
            consent = Consent(HEARD_ONLY, "")
            options = CloneOptions(voice_id, run, self._training.language(run, caller), consent)
            record = self._registry.engine(self._training.engine)
            keep_reference(dataset, manifest, options, self._references, record)

        return self._made(voice_id, make)

    def _made(self, voice_id: str, make: Callable[[], Any]) -> Path:
        try:
            return self._references.folder(voice_id)
        except SpeechError:
            pass
        try:
            make()
        except SpeechError as error:
            if error.code != "voice_exists":  # another request was quicker
                raise
        return self._references.folder(voice_id)

    def _learned_from(self, run: str, caller: Caller) -> tuple[Path, Manifest]:
        from train.ljs import read_dataset

        dataset = self._training.dataset_of(run, caller)
        return dataset, read_dataset(dataset, self._training.language(run, caller))

    def _meta(self, voice_id: str, language: str, reference_s: float) -> VoiceMeta:
        from train.cloning import CloneOptions, new_meta

        options = CloneOptions(voice_id, voice_id, language, Consent(HEARD_ONLY, ""))
        return new_meta(options, self._training.engine, "", "", "reference", reference_s)


def _sweep(paths: Iterable[Path]) -> None:
    """Delete what is older than `KEPT_S`."""
    for path in paths:
        try:
            if time.time() - path.stat().st_mtime > KEPT_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except FileNotFoundError:  # another request was quicker
            continue


def checked_name(checkpoint: str) -> str:
    """Raises Problem `bad_checkpoint_name` for what is not "RUN/STEP"."""
    parts = checkpoint.split("/")
    if len(parts) != 2 or not all(parts):
        raise Problem("bad_checkpoint_name", name=checkpoint[:80])
    return checkpoint
