"""The service of the environment's settings, in which intake and fit are rehearsed; with `REAL_INTAKE=1` only the fit.

A fit takes as many steps as its voice's description says (5), 10 ms each.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from clone_service import Rehearsal

from app.jobs.embedded import EmbeddedDriver
from app.jobs.runner import Task
from app.main import create_app
from app.settings import Settings, load_settings
from app.tasks import tasks
from app.tasks.cloning_service import CloningService
from speech.audio import load, save
from speech.synthesis import Synthesizer
from speech.voice_files import VoiceMeta
from speech.voice_library import VoiceLibrary
from train.kokoro.report import Contrast, LanguageReport, Likeness, Misheard, Missing, Report
from train.manifest import Finding, Manifest
from train.progress import Reporter

REPORT = Report(
    stock_voice="pf_dora",
    language="pt-BR",
    fit_encoders=("resemblyzer",),
    held_out_clips=4,
    compared_up_to_hz=3825.0,
    held_out_s=20.0,
    languages=(
        LanguageReport(
            language="pt-BR",
            sentences=4,
            similarity={
                "resnet34": Likeness(before=0.25, after=0.71, ceiling=0.88, share=0.73),
                "eres2net": Likeness(before=0.21, after=0.66, ceiling=None, share=None),
            },
            word_error_rate=Contrast(stock=0.0, fitted=0.025),
            overall=Contrast(stock=None, fitted=None),
            p808=Contrast(stock=3.9, fitted=3.84),
            misheard=(Misheard("Bom dia.", "bom dia", "bom tia"),),
        ),
    ),
    missing=(Missing("opinion", "package_missing", {"packages": ["speechmos"]}),),
    warnings=(Finding("noisy", "warning", {"value": 11.0}),),
    took_s=12.0,
)


STEP: dict[str, Any] = {"word_error_rate": 0.02, "similarity": 0.8, "opinion": 3.1, "duration_ratio": 1.0}
CHECKPOINTS = {
    "ranking": [
        {**STEP, "step": 80, "validation_loss": 0.91, "similarity_unseen": 0.7, "score": 0.78},
        {**STEP, "step": 120, "validation_loss": 0.9, "similarity_unseen": None, "score": 0.76},
    ],
    "hint": {"code": "stop_worse", "step": 80},
    "kept_step": 80,
    "chosen_by": "score",
    "judges": {"choosing": ["whisper", "resnet34"], "unseen": ["eres2net"]},
}


class PageRehearsal(Rehearsal):
    """Reports and samples as a real fit leaves them."""

    def analyze_recordings(
        self,
        recordings: Sequence[Path],
        engine: str,
        language: str | None,
        folder: Path,
        reporter: Reporter,
        text: str | None,
    ) -> Manifest:
        if os.environ.get("REAL_INTAKE") == "1":
            return CloningService.analyze_recordings(self, recordings, engine, language, folder, reporter, text)
        return super().analyze_recordings(recordings, engine, language, folder, reporter, text)

    def clone(
        self,
        folder: Path,
        manifest: Manifest,
        options: Mapping[str, Any],
        library: VoiceLibrary,
        work: Path,
        reporter: Reporter,
    ) -> VoiceMeta:
        meta = super().clone(folder, manifest, options, library, work, reporter)
        sound = load(folder / manifest.clips[0].audio_path)
        for name in ("stock", "recording"):
            save(sound, library.folder(meta.voice_id) / "samples" / f"{name}.wav")
        checkpoints = {"checkpoints": CHECKPOINTS} if options["dataset"] else {}
        if checkpoints:
            save(sound, library.folder(meta.voice_id) / "samples" / "step-000080.wav")
        library.replace_report(meta.voice_id, REPORT.as_mapping() | checkpoints)
        return library.get(meta.voice_id)


def table(settings: Settings, synthesizer: Synthesizer) -> Mapping[str, Task]:
    """What a worker process gets."""
    return tasks(synthesizer, PageRehearsal(synthesizer.store, settings.voices_path))


def main() -> None:
    """Serve until a signal comes."""
    settings = load_settings()
    app = create_app(settings)
    services = app.state.services
    app.state.services = replace(
        services,
        cloning=PageRehearsal(services.synthesizer.store, settings.voices_path),
        driver=EmbeddedDriver(settings, services.database, services.files, tasks_path="rehearsing_service:table"),
    )
    uvicorn.run(app, host=settings.host, port=settings.port, timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
