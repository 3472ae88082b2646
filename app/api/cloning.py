"""Cloning (base API B2 and beyond): recordings taken in, a voice fitted to them, and what can be heard on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import FileResponse

from app.api.bodies import JSON, MULTIPART, Body, Upload, body_of, documented
from app.api.dataset_fits import dataset_clips, refuse_beside
from app.api.job_requests import Word
from app.api.job_views import AnyJob, view_of
from app.api.jobs import find_job
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.uploads import add_with_files, add_with_recordings
from app.api.wav_file import WavFile
from app.errors import FieldError, Problem
from app.jobs.kinds import CLONING, INTAKE
from app.texts import render
from speech.synthesis import match_language

if TYPE_CHECKING:
    from app.jobs.job import Job
    from train.manifest import Clip, Manifest

router = APIRouter(tags=["cloning"], dependencies=[Depends(known_query)])

TEXT_FINDINGS = ("wrong_text", "unclear", "no_words", "too_fast")  # say nothing of a text that a person has put right
Engine = Annotated[str | None, Word]  # None: the first of CloningService.engines()
Effort = Annotated[Literal["fast", "default", "best"], Word]
Gender = Annotated[Literal["female", "male", "unknown"], Word]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Description = Annotated[str, Field(max_length=2000)]
LanguageTag = Annotated[str, Field(min_length=2, max_length=35)]
Files = Annotated[list[Upload], Field(min_length=1, max_length=10)]
Words = Annotated[str | None, Field(max_length=20_000)]
SpeechSeconds = Annotated[float | None, Query(ge=0, le=3600, allow_inf_nan=False)]
Dataset = Annotated[str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Speaker = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]
Statement = Annotated[str | None, Field(min_length=1, max_length=2000)]


class EffortView(BaseModel):
    effort: str
    estimate_s: float
    description: str
    steps: int | None = None  # at most, of a dataset; recordings have those of the effort


class Intake(Body):
    """`text`: what is said in all recordings, in their order, where it is known; otherwise it is recognised."""

    file: Files
    language: LanguageTag
    text: Words = None
    tts_engine: Engine = None


class ClipChoice(Body):
    clip_id: str
    text: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    use: bool = True


class Fit(Body):
    """Clips of an intake, or of a built dataset: `intake_job_id` or `dataset`, exactly one of them.

    `clips`: what to change of an intake; a clip that is not named is used when it is usable. `speaker` and `max_steps`
    are of a dataset: whose clips, where it has several, and fewer steps than its length asks for.

    Where an engine's `voice_source` is `reference`, nothing is fitted: the best clips are the voice, and `effort` does
    not apply.
    """

    intake_job_id: str | None = None
    dataset: Dataset = None
    speaker: Speaker = ""
    max_steps: Annotated[int | None, Field(ge=1, le=100_000)] = None
    name: Name
    clips: Annotated[list[ClipChoice], Field(max_length=1000)] = []
    language: LanguageTag | None = None
    tts_engine: Engine = None
    effort: Effort | None = None
    consent: bool | None = None
    consent_statement: Statement = None
    gender: Gender = "unknown"
    description: Description = ""


class Clone(Body):
    file: Files
    name: Name
    language: LanguageTag
    description: Description = ""
    tts_engine: Engine = None
    ref_text: Words = None
    effort: Effort | None = None
    consent: bool | None = None
    consent_statement: Statement = None
    gender: Gender = "unknown"


class SampleList(BaseModel):
    samples: list[str]


class CloneStarted(BaseModel):
    message: str
    job_id: str
    status: str
    poll_url: str


@router.get("/voices/efforts", summary="The efforts of a fit, and how long each takes")
def efforts(
    services: Wired,
    reader: Language,
    speech_s: SpeechSeconds = None,
    dataset: Annotated[Dataset, Query()] = None,
    speaker: Annotated[Speaker, Query()] = "",
) -> list[EffortView]:
    """What they took elsewhere on as many cores; how long one takes here is told while it runs.

    For `speech_s` seconds of usable clips, or for fifty; with `dataset` for that, and `speaker` in it.

    Raises Problem `training_not_installed`, `cloning_models_missing`: then no voice can be fitted here yet; as
    `POST /voices/fit` does of a dataset.
    """
    cloning = services.cloning
    if dataset is not None:
        services.datasets.open(dataset, services.caller)
    cloning.check()
    if dataset is not None:
        speech_s = dataset_clips(services, dataset, speaker)[1].usable_s

    def view(effort: str) -> EffortView:
        steps = None if dataset is None or speech_s is None else cloning.dataset_steps(effort, speech_s)
        description = render(f"clone.effort.{effort}", reader, {})
        estimate_s = cloning.estimate_s(effort, speech_s, steps)
        return EffortView(effort=effort, estimate_s=estimate_s, description=description, steps=steps)

    return [view(effort) for effort in ("fast", "default", "best")]


@router.post(
    "/voices/intake",
    status_code=202,
    summary="Take recordings in: clips, their text, and what is wrong with each",
    openapi_extra=documented(Intake, MULTIPART),
)
def intake(services: Working, reader: Language, body: Annotated[Intake, Depends(body_of(Intake, MULTIPART))]) -> AnyJob:
    engine = engine_for(services, body.tts_engine)
    language = _language(services, body.language, engine)
    params = {"mode": "intake", "engine": engine, "language": language, "ref_text": body.text or None}
    return view_of(add_with_recordings(services, INTAKE, params, body.file), reader)


@router.post("/voices/fit", status_code=202, summary="Fit a voice to clips", openapi_extra=documented(Fit, JSON))
def fit(services: Working, reader: Language, body: Annotated[Fit, Depends(body_of(Fit, JSON))]) -> AnyJob:
    consented(services, body.consent)
    if body.dataset is not None:
        services.datasets.open(body.dataset, services.caller)
    engine = engine_for(services, body.tts_engine)
    if body.dataset is not None:
        return view_of(_fit_dataset(services, body, engine, reader), reader)
    if body.intake_job_id is None:
        raise Problem("invalid_request", errors=[FieldError("intake_job_id", "field_missing", {})])
    refuse_beside("intake_job_id", ("speaker", "max_steps"), body)
    job, manifest = _taken_in(services, body.intake_job_id)
    chosen = _chosen(manifest, body.clips)
    params = _params(services, body, engine, body.language or job.params["language"], reader, chosen.usable_s)
    added = _add_with_clips(services, params | {"intake_job_id": job.id}, services.files.path(job.id, "kept"), chosen)
    _note_consent(services, params, added)
    return view_of(added, reader)


def _fit_dataset(services: Services, body: Fit, engine: str, reader: str) -> Job:
    """Raises Problem `invalid_request` for what is of an intake, or an engine that nothing is fitted of; as
    `dataset_clips`."""
    if not services.cloning.is_fitted(engine):
        error = FieldError("dataset", "field_not_applicable", {"reason": f"tts_engine = {engine}"})
        raise Problem("invalid_request", errors=[error])
    refuse_beside("dataset", ("intake_job_id", "clips", "language"), body)
    assert body.dataset is not None
    built, manifest = dataset_clips(services, body.dataset, body.speaker)
    language = services.datasets.open(body.dataset, services.caller).language
    params = _params(services, body, engine, language, reader, manifest.usable_s)
    steps = services.cloning.dataset_steps(params["effort"], manifest.usable_s, body.max_steps)
    params |= {"estimate_s": services.cloning.estimate_s(params["effort"], manifest.usable_s, steps), "steps": steps}
    asked = {"dataset": body.dataset, "speaker": body.speaker, "max_steps": body.max_steps}
    added = _add_with_clips(services, params | asked, built, manifest)
    _note_consent(services, params, added)
    return added


@router.post(
    "/voices/clone",
    status_code=202,
    summary="Clone a voice from recordings: intake and fit in one job",
    responses={501: {"description": "`engine_not_built`: an engine that is announced and not built yet"}},
    openapi_extra=documented(Clone, MULTIPART),
)
def clone(
    services: Working, reader: Language, body: Annotated[Clone, Depends(body_of(Clone, MULTIPART))]
) -> CloneStarted:
    consented(services, body.consent)
    engine = engine_for(services, body.tts_engine)
    job = add_clone(services, reader, body, engine)
    return CloneStarted(message=f"{job.id} added", job_id=job.id, status=job.status, poll_url=f"/jobs/{job.id}")


def add_clone(services: Services, reader: str, body: Clone, engine: str) -> Job:
    """A job of intake and fit. Raises as `clone`."""
    params = _params(services, body, engine, body.language, reader) | {"ref_text": body.ref_text or None}
    with _reserving(params["voice"]):
        job = add_with_recordings(services, CLONING, params, body.file, reserves=f"voice:{params['voice']}")
    _note_consent(services, params, job)
    return job


@router.get("/jobs/{job_id}/clips/{clip_id}", summary="A clip of an intake, as WAV", response_class=WavFile)
def clip(services: Wired, job_id: str, clip_id: str) -> FileResponse:
    job, manifest = _taken_in(services, job_id)
    path = _kept(services, job.id, manifest.get(clip_id[:80]).audio_path)
    return FileResponse(path, media_type="audio/wav")


@router.get("/jobs/{job_id}/samples", summary="What can be heard of a fit so far, oldest first")
def job_samples(services: Wired, job_id: str) -> SampleList:
    return SampleList(samples=_sample_names(services, find_job(services, job_id)))


@router.get("/jobs/{job_id}/samples/{name}", summary="What a fit sounds like so far, as WAV", response_class=WavFile)
def job_sample(services: Wired, job_id: str, name: str) -> FileResponse:
    job = find_job(services, job_id)
    names = _sample_names(services, job)
    if name not in names:
        raise Problem("sample_not_found", name=name[:80], choices=names or ["–"])
    path = services.files.path(job.id, f"sample-{name}.wav")
    return FileResponse(path, media_type="audio/wav", headers={"Cache-Control": "no-store"})


def _sample_names(services: Services, job: Job) -> list[str]:
    paths = list(services.files.path(job.id, "any").parent.glob("sample-*.wav"))
    by_age = sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [path.stem.removeprefix("sample-") for path in by_age]


def engine_for(services: Services, asked: str | None) -> str:
    """The engine a voice is made for. Raises SpeechError or Problem, with the command that helps where one does."""
    choices, registry = services.cloning.engines(), services.synthesizer.registry
    engine = asked or choices[0]
    if engine in registry.announced:
        raise registry.refusal(engine, choices)
    if engine not in choices:
        error = FieldError("tts_engine", "field_choice", {"value": engine, "choices": choices})
        raise Problem("invalid_request", errors=[error])
    if not services.cloning.is_fitted(engine):
        services.synthesizer.check(engine)
    services.cloning.check(engine)
    return engine


def _language(services: Services, asked: str, engine: str) -> str:
    return match_language(asked, services.synthesizer.engines()[engine])


def consented(services: Services, consent: bool | None) -> None:
    """Asked of every request, unless the operator stated it once for all; a plain no is one.

    Raises Problem `consent_missing`.
    """
    if consent is False or (consent is None and not services.settings.consent_statement):
        raise Problem("consent_missing")


def statement_of(services: Services, consent: bool | None, given: str | None, reader: str) -> str:
    """What is kept with the voice: the request's words, the operator's where none was asked for, or the usual ones."""
    general = services.settings.consent_statement if consent is None else ""
    return given or general or render("clone.consent_statement", reader, {})


def _note_consent(services: Services, params: dict[str, Any], job: Job) -> None:
    services.note("consent_given", params["voice"], job_id=job.id, statement=params["consent"]["statement"])


def _params(
    services: Services, body: Fit | Clone, engine: str, language: str, reader: str, speech_s: float | None = None
) -> dict[str, Any]:
    """What a job of fitting stores. Raises Problem or SpeechError for a name that is taken, a language not spoken."""
    from app.tasks.cloning_service import REFERENCE, voice_id_of

    is_fitted = services.cloning.is_fitted(engine)
    if body.effort is not None and not is_fitted:
        error = FieldError("effort", "field_not_applicable", {"reason": f"tts_engine = {engine}"})
        raise Problem("invalid_request", errors=[error])
    effort = body.effort or "default"
    voice_id = voice_id_of(body.name)
    refuse_taken(services, voice_id)
    statement = statement_of(services, body.consent, body.consent_statement, reader)
    return {
        "mode": "clone_voice",
        "engine": engine,
        "voice": voice_id,
        "title": body.name,
        "language": _language(services, language, engine),
        "gender": body.gender,
        "description": body.description,
        "effort": effort if is_fitted else REFERENCE,
        "estimate_s": services.cloning.estimate_s(effort, speech_s) if is_fitted else None,
        "consent": {"statement": statement, "given_at": datetime.now(UTC).isoformat()},
    }


def refuse_taken(services: Services, voice_id: str) -> None:
    """Raises Problem `voice_exists`."""
    stock = {voice.voice_id for voice in services.synthesizer.voices()}
    if voice_id in stock or services.cloning.is_taken(voice_id):
        raise Problem("voice_exists", voice=voice_id)


def _taken_in(services: Services, job_id: str) -> tuple[Job, Manifest]:
    """Raises Problem `not_an_intake`, `intake_not_ready`."""
    from app.tasks.cloning_service import MANIFEST
    from train.manifest import Manifest

    job = find_job(services, job_id)
    if job.kind != INTAKE.name:
        raise Problem("not_an_intake", job_id=job.id, kind=job.kind)
    if job.status != "completed":
        raise Problem("intake_not_ready", job_id=job.id, status=job.status)
    return job, Manifest.load(_kept(services, job.id, MANIFEST))


def _kept(services: Services, job_id: str, name: str) -> Path:
    return services.files.path(job_id, f"kept/{name}")


def _chosen(manifest: Manifest, choices: Sequence[ClipChoice]) -> Manifest:
    """The clips to fit to, with the text a person gave them. Raises `clip_not_usable`, `no_clip_chosen`."""
    by_id = {choice.clip_id: choice for choice in choices}
    if len(by_id) < len(choices):
        raise Problem("invalid_request", errors=[FieldError("clips.clip_id", "field_repeated", {})])
    for clip_id in by_id:
        manifest.get(clip_id)
    clips = [_corrected(clip, by_id.get(clip.clip_id)) for clip in manifest.clips]
    chosen = [clip for clip in clips if (by_id[clip.clip_id].use if clip.clip_id in by_id else clip.is_usable)]
    for clip in chosen:
        if not clip.is_usable:
            reasons = [finding.code for finding in clip.findings if finding.severity == "refused"]
            raise Problem("clip_not_usable", clip_id=clip.clip_id, reasons=reasons)
    if not chosen:
        raise Problem("no_clip_chosen")
    return replace(manifest, clips=tuple(chosen))


def _corrected(clip: Clip, choice: ClipChoice | None) -> Clip:
    if choice is None or choice.text is None or choice.text == clip.text:
        return clip
    left = tuple(finding for finding in clip.findings if finding.code not in TEXT_FINDINGS)
    return replace(clip, text=choice.text, findings=left)


def _add_with_clips(services: Services, params: dict[str, Any], source: Path, manifest: Manifest) -> Job:
    """The clips in `source` are linked or copied, so that what they came from may be deleted."""
    from app.tasks.cloning_service import INTAKE as FOLDER
    from app.tasks.cloning_service import keep_clips

    def keep(work: Path) -> dict[str, Any]:
        keep_clips(manifest, source, work / FOLDER)
        return params

    with _reserving(params["voice"]):
        return add_with_files(services, CLONING, keep, reserves=f"voice:{params['voice']}")


@contextmanager
def _reserving(voice_id: str) -> Iterator[None]:
    """Raises Problem `voice_being_made` where another job, not ended yet, makes a voice of this id."""
    from app.jobs.store import NameReserved

    try:
        yield
    except NameReserved as error:
        raise Problem("voice_being_made", voice_id=voice_id, job_id=error.job_id) from error
