"""The job that says a recording again by another voice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.jobs.context import Cancelled, JobContext
from app.tasks.cloning import uploaded
from app.tasks.conversion_service import ConversionService
from app.tasks.synthesis import OUTPUT
from speech.audio import to_bytes


class ConversionParams(BaseModel):
    """What a job of this kind stores; its recording lies in its work folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    voice: str
    language: str
    ref_text: str | None = None
    parameters: dict[str, float | bool | str] | None = None
    pitch: str | float | None = None  # the one parameter of jobs before there were `parameters`


def convert_voice(conversion: ConversionService, context: JobContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """Convert and publish `OUTPUT`; the result says what was heard, used and measured.

    Raises SpeechError as `ConversionService` does, Cancelled when the job is to stop.
    """
    wanted = ConversionParams.model_validate(params)
    parameters = wanted.parameters or ({"pitch": wanted.pitch} if wanted.pitch else {})

    def progress(done: int, total: int, note: str) -> None:
        context.progress(done, total, note)
        if context.should_stop():
            raise Cancelled

    started = time.perf_counter()
    [path] = uploaded(context.work_dir)
    info, options = conversion.options(wanted.voice, wanted.language, wanted.ref_text, parameters)
    made = conversion.convert(path, info, options, progress)
    whole, data = context.temporary(".wav"), to_bytes(made.audio, "wav")
    whole.write_bytes(data)
    context.publish(whole, OUTPUT)
    took_s, duration_s = time.perf_counter() - started, made.audio.duration_s
    return {
        "output": OUTPUT,
        "size_bytes": len(data),
        "sample_rate": made.audio.sample_rate,
        "duration_s": duration_s,
        "synthesis_s": took_s,
        "real_time_factor": took_s / duration_s,
        "engine": info.name,
        "licence": info.licence,
        "licence_url": info.licence_url or None,
        "is_commercial": info.is_commercial,
        "voice": options.voice.voice_id,
        "language": made.language,
        "text": made.text,
        "is_text_given": made.is_text_given,
        "lines": [asdict(line) for line in made.lines],
        "parameters": dict(options.parameters),
        "pitch": options.parameters.get("pitch"),
        "semitones": round(made.semitones, 2),
        "speech_s": round(made.speech_s, 2),
        "voiced_s": round(made.voiced_s, 2),
    }
