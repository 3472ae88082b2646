"""OpenAI's `POST /v1/audio/voices`: a voice from a recording, at once where an engine hears a speaker in seconds of
speech, else as a job that fits one."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.cloning import Clone, LanguageTag, Name, add_clone, consented, engine_for
from app.api.compat.spoken_files import LONGEST_S
from app.api.jobs import find_job
from app.api.languages import Language
from app.api.services import Services, Working
from app.api.sound import ended
from app.api.uploads import read_sound
from app.errors import Problem
from app.jobs.job import Job
from speech.asr import HearingOptions
from speech.errors import SpeechError
from speech.synthesis import match_language

if TYPE_CHECKING:
    from speech.audio import Audio

JOB_HEADER = "X-Papagaio-Job"
HEARD_S = 30.0  # of a recording, by which its language is told
NO = frozenset({"false", "no", "0"})
router = APIRouter(tags=["openai"])


class NewAudioVoice(Body):
    """`consent`: the speaker's, in words that are kept with the voice, or the id of theirs that a client has; left out
    where the operator has stated it once for all. `language` is ours: left out, it is heard. `type` is only told back.
    """

    name: Name
    audio_sample: Upload
    consent: Annotated[str | None, Field(max_length=2000)] = None
    type: Annotated[str, Field(max_length=40)] = "custom"
    language: LanguageTag | None = None


class AudioVoice(BaseModel):
    id: str
    object: Literal["audio.voice"] = "audio.voice"
    created_at: int  # seconds since the epoch
    name: str
    type: str


@router.post(
    "/v1/audio/voices",
    summary="A voice from a recording",
    responses={202: {"description": "It is being fitted; `X-Papagaio-Job` is the job", "model": AudioVoice}},
    openapi_extra=documented(NewAudioVoice, MULTIPART),
)
async def new_voice(
    services: Working,
    reader: Language,
    response: Response,
    body: Annotated[NewAudioVoice, Depends(body_of(NewAudioVoice, MULTIPART))],
) -> AudioVoice:
    """200 when it can speak; 202 where it is fitted, which takes minutes: until then its id is unknown.

    Raises Problem `consent_missing`, what `POST /voices/clone` raises, and what its job ends with.
    """
    job = await run_in_threadpool(_added, services, reader, body)
    response.headers[JOB_HEADER] = job.id
    if services.cloning.is_fitted(job.params["engine"]):
        response.status_code = 202
    else:
        _check_made(await ended(services, job.id, LONGEST_S, find_job))
    voice_id = str(job.params["voice"])
    return AudioVoice(id=voice_id, created_at=int(job.created_at), name=body.name, type=body.type)


def _added(services: Services, reader: str, body: NewAudioVoice) -> Job:
    consent = None if not body.consent else body.consent.strip().lower() not in NO
    consented(services, consent)
    audio = read_sound(body.audio_sample)
    body.audio_sample.file.seek(0)
    language = body.language or _heard_language(services, audio)
    engine = _engine(services, language)
    clone = Clone(
        file=[body.audio_sample],
        name=body.name,
        language=language,
        consent=consent,
        consent_statement=body.consent or None,
    )
    return add_clone(services, reader, clone, engine)


def _heard_language(services: Services, audio: Audio) -> str:
    services.synthesizer.check_listening()
    with closing(services.capacity.take()):
        heard = services.synthesizer.hear(audio.slice(0, HEARD_S), HearingOptions())
        heard.segments.close()
    return heard.language


def _engine(services: Services, language: str) -> str:
    """The first that hears a speaker in a recording, can be loaded and speaks `language`; else the one that voices are
    fitted for. Raises as `engine_for`."""
    engines, synthesizer = services.cloning.engines(), services.synthesizer
    for engine in engines:
        if services.cloning.is_fitted(engine) or synthesizer.lack(engine) is not None:
            continue
        try:
            match_language(language, synthesizer.engines()[engine])
        except SpeechError:
            continue
        return engine_for(services, engine)
    return engine_for(services, None)


def _check_made(job: Job) -> None:
    """Raises Problem as the job ended with, `voice_not_made` where it was cancelled."""
    if job.status == "completed":
        return
    if job.error is None:
        raise Problem("voice_not_made", job_id=job.id, status=job.status)
    raise Problem(job.error["code"], **job.error.get("values", {}))
