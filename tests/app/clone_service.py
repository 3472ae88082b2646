"""A cloning that rehearses: real files, checkpoints and voices, but a step of a fit is a short wait."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.jobs.context import JobContext
from app.jobs.runner import Task
from app.settings import Settings
from app.tasks import tasks
from app.tasks.cloning_service import MANIFEST, CloningService
from speech.audio import Audio, load, save
from speech.errors import SpeechError
from speech.models import CATALOGUE, read_catalogue
from speech.synthesis import Synthesizer
from speech.voice_files import VoiceMeta
from speech.voice_library import VoiceLibrary
from train.manifest import Clip, Finding, Manifest
from train.progress import Reporter, Stopped

STEP_S = 0.01
BASE = "kokoro-fp32"


class Rehearsal(CloningService):
    """`description` of a voice is the number of steps its fit takes (5); a sound under a second is refused."""

    def check(self, engine: str = "kokoro") -> None:
        return None

    def estimate_s(self, effort: str, speech_s: float | None = None, steps: int | None = None) -> float:
        """As long as if two seconds were said, where it is not known how many are."""
        return {"fast": 1.0, "default": 2.0, "best": 3.0}[effort] * (2.0 if speech_s is None else speech_s) / 2

    def analyze_recordings(
        self,
        recordings: Sequence[Path],
        engine: str,
        language: str | None,
        folder: Path,
        reporter: Reporter,
        text: str | None,
    ) -> Manifest:
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        clips = []
        for number, path in enumerate(recordings, 1):
            sound = load(path, 24_000)
            if sound.duration_s < 1:
                raise SpeechError("recording_too_short", files=path.name, duration_s=0.5, minimum_s=1)
            is_quiet = bool(np.abs(sound.samples).max() < 0.01)
            findings = (Finding("too_quiet", "refused", {"value": -70.0}),) if is_quiet else ()
            name = f"clips/c{number:03}.wav"
            save(sound, folder / name)
            clips.append(
                Clip(
                    f"c{number:03}",
                    name,
                    path.name,
                    0.0,
                    sound.duration_s,
                    sound.duration_s,
                    text or "olá",
                    "olá",
                    language or "pt-BR",
                    {"rms_db": -20.0},
                    findings,
                )
            )
            reporter.progress(number, len(recordings), "clone.stage.judging")
        manifest = Manifest(tuple(clips))
        manifest.save(folder / MANIFEST)
        return manifest

    def clone(
        self,
        folder: Path,
        manifest: Manifest,
        options: Mapping[str, Any],
        library: VoiceLibrary,
        work: Path,
        reporter: Reporter,
    ) -> VoiceMeta:
        steps, checkpoint = int(options["description"] or 5), work / "step.json"
        first = json.loads(checkpoint.read_text()) if checkpoint.exists() else 0
        sound = load(folder / manifest.clips[0].audio_path)
        for step in range(first + 1, steps + 1):
            time.sleep(STEP_S)
            with (work / "journal").open("a") as file:
                file.write(f"{os.getpid()} {step}\n")
            temporary = work / "step.json.tmp"
            temporary.write_text(str(step))
            temporary.replace(checkpoint)
            reporter.progress(step, steps, "clone.step.report")
            if step == steps // 2:
                reporter.sample("half", sound)
            if reporter.should_stop():
                raise Stopped
        lines = [line.split() for line in (work / "journal").read_text().splitlines()]
        report = {"steps": [int(step) for _, step in lines], "processes": len({pid for pid, _ in lines})}
        return library.add(
            meta_of(options, report, sum(c.duration_s for c in manifest.clips)), STYLE, {"fitted": sound}
        )


STYLE = {"style": np.zeros((510, 256), np.float32)}


def meta_of(options: Mapping[str, Any], report: Mapping[str, Any], reference_s: float) -> VoiceMeta:
    base_sha256 = read_catalogue(CATALOGUE)[BASE].files[0].sha256
    options = {name: value for name, value in options.items() if name not in ("dataset", "max_steps")}
    base = {"created_at": "2026-11-22T19:00:00+00:00", "base_model": BASE, "base_sha256": base_sha256}
    return VoiceMeta(**options, **base, engine="kokoro", reference_s=reference_s, report=report)


def table(settings: Settings, synthesizer: Synthesizer) -> Mapping[str, Task]:
    """What a worker process gets."""
    return tasks(synthesizer, Rehearsal(synthesizer.store, settings.voices_path))


def wav(path: Path, duration_s: float = 2.0, level: float = 0.3) -> Path:
    rate = 24_000
    samples = level * np.sin(np.arange(int(rate * duration_s)) * 0.05)
    save(Audio(samples.astype(np.float32), rate), path)
    return path


def stubborn(settings: Settings, synthesizer: Synthesizer) -> Mapping[str, Task]:
    """A fit that stops for nobody."""

    def fit(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        (context.work_dir / "stubborn").touch()
        while True:
            time.sleep(1)

    return {"clone_voice": fit}
