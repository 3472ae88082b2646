"""What runs later: one function a job kind, and `tasks`, the table of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from app.jobs.runner import Task
from app.settings import Settings
from app.tasks.cloning import clone_voice
from app.tasks.convert import Booth, booth_of, say_again
from app.tasks.intake import take_in
from app.tasks.synthesis import synthesize
from app.tasks.workshop import Workshop
from speech.synthesis import Speaker, SpeakerOptions


def tasks(speaker: Speaker, workshop: Workshop, booth: Booth | None = None) -> Mapping[str, Task]:
    """Job kind to the function that does it; without a booth nothing is converted here."""
    table: dict[str, Task] = {
        "dubbing": partial(synthesize, speaker),
        "intake": partial(take_in, workshop),
        "clone_voice": partial(clone_voice, workshop),
    }
    return table | ({"conversion": partial(say_again, booth, speaker.voices)} if booth else {})


def from_settings(settings: Settings) -> Mapping[str, Task]:
    """The table of a worker process."""
    speaker = speaker_of(settings)
    speaker.warm_up()
    return tasks(speaker, Workshop(speaker.store, settings.voices_path), booth_of(settings))


def speaker_of(settings: Settings) -> Speaker:
    """The engines as an operator set them."""
    return Speaker(
        SpeakerOptions(
            models_dir=settings.models_path,
            precision=settings.kokoro_precision,
            threads=os.cpu_count() or 1,
            memory_bytes=settings.pool_memory_mb << 20,
            idle_s=settings.pool_idle_s,
            extra_engines=settings.extra_engines,
            voices_dir=settings.voices_path,
            cache_dir=settings.cache_path,
            precisions={"xtts": settings.xtts_precision},
            checkpoints={"xtts": settings.xtts_dir} if settings.xtts_dir else {},
            device=settings.device,
            warm_engines=settings.warm_engines,
        )
    )
