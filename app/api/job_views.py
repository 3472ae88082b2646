"""A job as a client sees it: every field of the base API (B1), null where it does not apply."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from app.errors import STATUS
from app.jobs.job import Job
from app.texts import LANGUAGES, render

# What a job stores and shows under the same name.
ECHOED = (
    "mode",
    "text",
    "source_language",
    "target_language",
    "voice_preset",
    "parameters",
    "seed",
    "ref_text",
    "effort",
    "estimate_s",
    "intake_job_id",
    "input_files",
    "pitch",
    "output_format",
)
# What the result of a synthesis has and a client sees under the same name.
TOLD = ("device", "pieces_cut_short", "licence", "licence_url", "is_commercial", "parameters_without_effect")
SOUNDING = ("dubbing", "conversion")  # kinds whose result is sound
Status = Literal["pending", "processing", "paused", "completed", "failed", "cancelled"]
Mode = Literal["dubbing", "dubbing_with_clone", "intake", "clone_voice", "conversion"]


class JobError(BaseModel):
    code: str
    details: dict[str, str]  # by language


class JobView(BaseModel):
    id: str
    kind: str
    mode: Mode | None
    status: Status
    progress: float
    text: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    voice_preset: str | None = None
    voice_id: str | None = None
    tts_engine: str | None = None
    tts_engine_requested: str | None = None
    tts_engine_used: str | None = None
    engine_fallback: bool = False
    fallback_reason: str | None = None
    quality_profile: str | None = None
    quality_profile_mapped: str | None = None
    parameters: dict[str, float | int | bool] | None = None
    input_file: str | None = None
    output_file: str | None = None
    audio_url: str | None = None
    duration: float | None = None
    real_time_factor: float | None = None
    seed: int | None = None
    device: str | None = None
    pieces_cut_short: int | None = None  # that ended at the engine's limit: their last words may be missing
    licence: str | None = None
    licence_url: str | None = None
    is_commercial: bool | None = None
    parameters_without_effect: list[str] | None = None
    file_size_input: int | None = None
    file_size_output: int | None = None
    ref_text: str | None = None
    voice_name: str | None = None
    voice_description: str | None = None
    enable_rvc: bool = False
    rvc_model_id: str | None = None
    rvc_pitch: int | None = None
    rvc_index_rate: float | None = None
    rvc_protect: float | None = None
    rvc_rms_mix_rate: float | None = None
    rvc_filter_radius: int | None = None
    rvc_f0_method: str | None = None
    rvc_hop_length: int | None = None
    effort: str | None = None
    estimate_s: float | None = None
    intake_job_id: str | None = None
    input_files: list[str] | None = None
    pitch: str | None = None
    output_format: str | None = None
    # Of an intake: clips and warnings; of a fit: the voice and its report; of a conversion: words, and what was used.
    result: dict[str, Any] | None = None
    can_pause: bool
    pause_requested: bool
    attempt: int
    max_attempts: int
    cancel_requested: bool
    created_at: str
    started_at: str | None
    completed_at: str | None
    expires_at: str | None
    error: JobError | None = None
    error_message: str | None = None

    @classmethod
    def of(cls, job: Job, language: str) -> JobView:
        """`language` is one of the catalogue's: the one `error_message` is in."""
        error = _error(job)
        return cls(
            id=job.id,
            status=job.status,  # type: ignore[arg-type]
            progress=job.progress,
            kind=job.kind,
            can_pause=job.can_pause,
            pause_requested=job.pause_requested_at is not None,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            cancel_requested=job.cancel_requested_at is not None,
            created_at=iso(job.created_at) or "",
            started_at=iso(job.started_at),
            completed_at=iso(job.completed_at),
            expires_at=iso(job.expires_at),
            error=error,
            error_message=error.details[language] if error else None,
            **_asked(job),
            **_made(job),
        )


class JobList(BaseModel):
    total: int
    jobs: list[JobView]


def iso(moment: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _asked(job: Job) -> dict[str, Any]:
    asked = {name: job.params.get(name) for name in ECHOED}
    if job.kind != "dubbing":
        asked |= {"source_language": job.params.get("language"), "voice_name": job.params.get("title")}
        asked |= {"voice_description": job.params.get("description")}
        asked |= {"input_file": next(iter(job.params.get("input_files", ())), None)}
    return asked | {
        "voice_id": job.params.get("voice"),
        "tts_engine": job.params.get("engine"),
        "tts_engine_requested": job.params.get("tts_engine_requested"),
        "quality_profile": job.params.get("quality_profile_id"),
    }


def _made(job: Job) -> dict[str, Any]:
    if job.status != "completed" or job.result is None:
        return {}
    result = {} if job.kind == "dubbing" else {"result": dict(job.result)}
    if job.kind not in SOUNDING:
        return result
    wanted = job.params.get("output_format", "wav")
    told = {name: job.result[name] for name in TOLD if name in job.result}
    return (
        result
        | told
        | {
            "tts_engine_used": job.result["engine"],
            "output_file": f"dubbed_{job.id}.{wanted}",
            "audio_url": f"/jobs/{job.id}/download" + ("" if wanted == "wav" else f"?format={wanted}"),
            "duration": job.result["duration_s"],
            "real_time_factor": job.result["real_time_factor"],
            "file_size_output": job.result["size_bytes"],
        }
    )


def _error(job: Job) -> JobError | None:
    if job.error is None:
        return None
    code, values = job.error["code"], job.error.get("values", {})
    if code not in STATUS:
        raise KeyError(f"{code} is not in the table of errors")
    return JobError(code=code, details={tag: render(f"error.{code}", tag, values) for tag in LANGUAGES})
