"""Jobs as a client sees them: each kind has its own view; the flat one of the base API (B1) is of speech alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from app.api.services import Services
from app.api.times import iso
from app.jobs import kinds
from app.jobs.events import Event
from app.jobs.job import Job
from app.statuses import STATUS
from app.texts import LANGUAGES, render

Status = Literal["pending", "processing", "paused", "completed", "failed", "cancelled"]
# What the result of a job with sound has and a client sees under the same name.
TOLD = (
    "device",
    "precision",
    "pieces_cut_short",
    "licence",
    "licence_url",
    "is_commercial",
    "parameters_without_effect",
)


class JobError(BaseModel):
    code: str
    details: dict[str, str]  # by language


class JobView(BaseModel):
    """What every job has; a kind without a view of its own is seen as this. `result`: as its task returned it.

    While it runs, `stage` is what it does, a code of the texts, and `left_s` the seconds that are left, as estimated
    here; null where nobody can tell.
    """

    id: str
    kind: str
    mode: str | None = None
    status: Status
    progress: float
    stage: str | None = None
    left_s: float | None = None
    can_pause: bool
    pause_requested: bool
    cancel_requested: bool
    attempt: int
    max_attempts: int
    created_at: str
    started_at: str | None
    completed_at: str | None
    expires_at: str | None
    error: JobError | None = None
    error_message: str | None = None
    result: dict[str, Any] | None = None

    @classmethod
    def fields_of(cls, job: Job) -> dict[str, Any]:
        """What this kind shows beyond the fields of every job."""
        return _same(job, cls) | {"result": dict(job.result) if job.result is not None else None}


class IntakeJob(JobView):
    """Recordings taken in; `result` has the clips and warnings."""

    source_language: str | None = None
    tts_engine: str | None = None
    ref_text: str | None = None
    input_file: str | None = None
    input_files: list[str] | None = None
    file_size_input: int | None = None  # of all of them

    @classmethod
    def fields_of(cls, job: Job) -> dict[str, Any]:
        return super().fields_of(job) | _recorded(job)


class CloningJob(IntakeJob):
    """A voice made of recordings or clips; `result` has the voice and its report."""

    voice_id: str | None = None
    voice_name: str | None = None
    voice_description: str | None = None
    effort: str | None = None
    estimate_s: float | None = None
    intake_job_id: str | None = None
    dataset: str | None = None  # whose clips are fitted to, instead of recordings
    speaker: str | None = None  # of the dataset
    steps: int | None = None  # of a dataset's fit, at most

    @classmethod
    def fields_of(cls, job: Job) -> dict[str, Any]:
        told = {"voice_id": job.params.get("voice"), "voice_name": job.params.get("title")}
        return super().fields_of(job) | told | {"voice_description": job.params.get("description")}


class DatasetJob(JobView):
    """Work on a dataset, from stage `first` to `last`; `result` has its figures, and what could not be used."""

    dataset: str | None = None
    first: str | None = None
    last: str | None = None


class SoundView(JobView):
    """A job whose result is sound."""

    source_language: str | None = None
    voice_id: str | None = None
    tts_engine: str | None = None
    tts_engine_used: str | None = None
    output_file: str | None = None
    audio_url: str | None = None
    duration: float | None = None
    real_time_factor: float | None = None
    file_size_output: int | None = None
    ref_text: str | None = None
    device: str | None = None
    precision: str | None = None  # of the engine's weights, where it has a choice
    pieces_cut_short: int | None = None  # that ended at the engine's limit: their last words may be missing
    licence: str | None = None
    licence_url: str | None = None
    is_commercial: bool | None = None
    parameters_without_effect: list[str] | None = None
    rating: int | None = None  # 1 to 5, what whoever asks voted

    @classmethod
    def fields_of(cls, job: Job) -> dict[str, Any]:
        shown = super().fields_of(job)
        return shown | {"voice_id": job.params.get("voice"), "tts_engine": job.params.get("engine")} | _made(job)


class ConversionJob(SoundView, IntakeJob):
    """A recording said again by another voice; `result` has the words, and what was used."""

    pitch: str | float | None = None
    parameters: dict[str, float | bool | str] | None = None
    output_format: str | None = None


class CheckedSentence(BaseModel):
    """What was heard of a sentence in the take that was kept, and what was done for it."""

    text: str
    heard: str
    is_good: bool
    problems: list[str]  # of the take that was kept: words_missing, words_added, babble, other_words
    missing: list[str]  # words that nobody was heard saying
    added: list[str]  # heard before or among them, and not of the text
    babble: list[str]  # heard after the last word, and still there
    cut: list[str]  # heard after the last word, and cut away
    cut_s: float
    tries: int
    kept: int  # the take that is heard, from 1
    seeds: list[int]  # of every take
    not_again: str  # why no take followed one that is not good: same_again (no seed varies it), budget


class WordCheck(BaseModel):
    tries: int  # that each sentence had
    sentences: list[CheckedSentence]


class SpeechJob(SoundView):
    """A text spoken: every field of the base API (B1), null where it does not apply."""

    text: str | None = None
    target_language: str | None = None
    voice_preset: str | None = None
    tts_engine_requested: str | None = None
    engine_reason: str | None = None  # requested, voice, preset, setting or auto
    engines_passed_over: dict[str, str] | None = None  # that `auto` prefers: code of what they lack
    engine_fallback: bool = False  # whether `auto` took another engine than the one it prefers
    fallback_reason: str | None = None  # `engines_passed_over` in a line: engine and code, those preferred most first
    quality_profile: str | None = None
    quality_profile_mapped: None = None  # no profile is put in another's place
    parameters: dict[str, float | int | bool] | None = None
    input_file: None = None  # a text comes without one
    file_size_input: None = None
    seed: int | None = None
    voice_name: str | None = None  # as it was when the job was asked for
    voice_description: str | None = None  # of a voice that was made here
    enable_rvc: bool = False
    rvc_model_id: str | None = None
    rvc_pitch: int | None = None
    rvc_index_rate: float | None = None
    rvc_protect: float | None = None
    rvc_rms_mix_rate: float | None = None
    rvc_filter_radius: int | None = None
    rvc_f0_method: str | None = None  # the one that is used; null for a model without F0
    rvc_f0_method_requested: str | None = None
    rvc_hop_length: None = None  # F0 has frames of 10 ms by every method
    check_words: bool = False
    check: WordCheck | None = None  # of a completed job

    @classmethod
    def fields_of(cls, job: Job) -> dict[str, Any]:
        passed_over = job.params.get("engines_passed_over") or {}
        told = {
            "engine_fallback": bool(passed_over),
            "fallback_reason": ", ".join(f"{name}: {code}" for name, code in passed_over.items()) or None,
            "quality_profile": job.params.get("quality_profile_id"),
            "check_words": bool(job.params.get("check_tries")),
            "check": (job.result or {}).get("check"),
            "result": None,
        }
        return super().fields_of(job) | told


AnyJob = SpeechJob | ConversionJob | CloningJob | IntakeJob | DatasetJob | JobView
VIEWS: Mapping[str, type[JobView]] = {
    kinds.SPEECH.name: SpeechJob,
    kinds.CONVERSION.name: ConversionJob,
    kinds.CLONING.name: CloningJob,
    kinds.INTAKE.name: IntakeJob,
    kinds.DATASET.name: DatasetJob,
}


class JobList(BaseModel):
    total: int
    jobs: list[AnyJob]


def views_of(services: Services, found: Sequence[Job], language: str) -> list[JobView]:
    """Jobs as they are seen, with how far those are that run, and what was voted on those with sound."""
    from app.storage.ratings import RatingStore

    told = services.events.newest_progress([job.id for job in found if job.status == "processing"])
    sounding = [job.id for job in found if job.makes_sound and job.status == "completed"]
    votes = RatingStore(services.database, services.caller).of_jobs(sounding)
    views = [view_of(job, language, told.get(job.id)) for job in found]
    return [view.model_copy(update={"rating": votes[view.id]}) if view.id in votes else view for view in views]


def view_of(job: Job, language: str, told: Event | None = None) -> JobView:
    """A job as its kind is seen. `language` is one of the catalogue's, of `error_message`; `told` is its newest
    `job.progress`, which may be of an earlier attempt."""
    now = told.data if told is not None and told.created_at >= (job.started_at or 0.0) else {}
    error = error_of(job)
    kind = VIEWS.get(job.kind, JobView)
    common = {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "progress": job.progress,
        "stage": now.get("note") or None,
        "left_s": now.get("left_s"),
        "can_pause": job.can_pause,
        "pause_requested": job.pause_requested_at is not None,
        "cancel_requested": job.cancel_requested_at is not None,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "expires_at": iso(job.expires_at),
        "error": error,
        "error_message": error.details[language] if error else None,
    }
    return kind.model_validate(kind.fields_of(job) | common)


def _same(job: Job, kind: type[JobView]) -> dict[str, Any]:
    """What a job stores and shows under the same name."""
    return {name: job.params[name] for name in kind.model_fields if name in job.params}


def _recorded(job: Job) -> dict[str, Any]:
    files = job.params.get("input_files", ())
    return {
        "source_language": job.params.get("language") or (job.result or {}).get("language"),
        "tts_engine": job.params.get("engine"),
        "input_file": next(iter(files), None),
    }


def _made(job: Job) -> dict[str, Any]:
    if job.status != "completed" or job.result is None:
        return {}
    wanted = job.params.get("output_format", "wav")
    return {name: job.result[name] for name in TOLD if name in job.result} | {
        "tts_engine_used": job.result["engine"],
        "output_file": f"dubbed_{job.id}.{wanted}",
        "audio_url": f"/jobs/{job.id}/download" + ("" if wanted == "wav" else f"?format={wanted}"),
        "duration": job.result["duration_s"],
        "real_time_factor": job.result["real_time_factor"],
        "file_size_output": job.result["size_bytes"],
    }


def error_of(job: Job) -> JobError | None:
    """What a job failed of, in every language."""
    if job.error is None:
        return None
    code, values = job.error["code"], job.error.get("values", {})
    if code not in STATUS:
        raise KeyError(f"{code} is not in the table of errors")
    return JobError(code=code, details={tag: render(f"error.{code}", tag, values) for tag in LANGUAGES})
