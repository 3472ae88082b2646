"""AllTalk v2's main calls: a text becomes a job of ours, and its sound is fetched by the job's name."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from app.api.bodies import MULTIPART, URLENCODED, Body, body_of, documented
from app.api.compat.narrator import with_narrator
from app.api.compat.speaking import (
    WAV_RATE,
    engine_of,
    message_of,
    plan_of,
    switched_engine,
    told_changes,
    told_idle,
    usable_engine,
)
from app.api.compat.spoken_files import SUFFIX, add_job, made
from app.api.queries import known_query
from app.api.rvc import models_of
from app.api.services import Fetching, Services, Wired
from app.api.sound import download
from app.api.streaming import Sound, SoundResponse
from app.api.voices import find_voice
from app.errors import FieldError, Problem
from app.jobs.job import Job
from app.jobs.kinds import SPEECH
from speech.engines.base import EngineInfo
from speech.errors import SpeechError
from speech.voices import MANY_LANGUAGES

PREFIXES = ("/api/", "/audio/", "/audiocache/")
FORMS = (URLENCODED, MULTIPART)
DISABLED = "Disabled"  # among the models of RVC: none
CLIENT, MOST_STOPPED = "alltalk", 1000  # what its jobs are marked with, and how many are stopped at a time
FILE = re.compile(r"(?:.*_)?(job_[0-9a-f]{12})\.wav")
router = APIRouter(tags=["alltalk"], dependencies=[Depends(known_query)])


class Generate(Body):
    """What changes nothing is named in `X-Papagaio-Without-Effect`: `pitch`, `autoplay`, what the voice's engine has
    not (`temperature`, `repetition_penalty`), `text_filtering` = `none` (the text is always read as
    `POST /text/preview` shows) and `output_file_timestamp` = false (the file is always new). RVC for the narrator is
    refused."""

    text_input: Annotated[str, Field(min_length=1, max_length=10_000)]
    text_filtering: Literal["none", "standard", "html"] = "standard"
    character_voice_gen: Annotated[str, Field(min_length=1, max_length=200)]
    rvccharacter_voice_gen: str = DISABLED
    rvccharacter_pitch: Annotated[int, Field(ge=-24, le=24)] = 0
    narrator_enabled: Literal["false", "true", "silent"] = "false"
    narrator_voice_gen: str = ""
    rvcnarrator_voice_gen: str = DISABLED
    rvcnarrator_pitch: Annotated[int, Field(ge=-24, le=24)] = 0
    text_not_inside: Literal["character", "narrator", "silent"] = "character"
    language: Annotated[str, Field(min_length=2, max_length=35)] = "auto"
    output_file_name: Annotated[str, Field(max_length=100)] = "papagaio"
    output_file_timestamp: bool = True
    autoplay: bool = False
    autoplay_volume: Annotated[float, Field(ge=0, le=1)] = 0.8
    speed: Annotated[float | None, Field(ge=0.25, le=2)] = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    pitch: float | None = None
    streaming: bool = False


class Generated(BaseModel):
    status: Literal["generate-success"] = "generate-success"
    output_file_path: str
    output_file_url: str
    output_cache_url: str


class Streamed(Body):
    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    voice: Annotated[str, Field(min_length=1, max_length=200)]
    language: Annotated[str, Field(min_length=2, max_length=35)] = "auto"
    output_file: Annotated[str, Field(max_length=100)] = "papagaio"


class StreamedInto(BaseModel):
    output_file_path: str


class Stopped(BaseModel):
    status: Literal["success"] = "success"
    message: str


class PreviewAsked(Body):
    voice: str


class Listed(BaseModel):
    status: Literal["success"] = "success"
    voices: list[str]


class RvcListed(BaseModel):
    status: Literal["success"] = "success"
    rvcvoices: list[str]


class Switched(BaseModel):
    status: str


@router.get("/api/ready", summary="Whether a text can be spoken now", response_class=PlainTextResponse)
def ready(services: Wired) -> PlainTextResponse:
    lack = services.synthesizer.lack(services.synthesizer.default_engine().engine)
    return PlainTextResponse("Unloaded" if lack else "Ready")


@router.get("/api/voices", summary="Voices, as AllTalk lists them")
def voices(services: Wired) -> Listed:
    return Listed(voices=[voice.voice_id for voice in services.synthesizer.voices()])


@router.get("/api/rvcvoices", summary="Models of RVC, as AllTalk lists them")
def rvc_voices(services: Wired) -> RvcListed:
    found = models_of(services).store.all()
    return RvcListed(rvcvoices=[DISABLED, *(model.model_id for model in found)])


@router.get("/api/currentsettings", summary="Engines, and what the one in use can do")
def current_settings(services: Wired) -> dict[str, Any]:
    usable, current = list(services.synthesizer.usable_engines()), _engine(services)
    engine = current or services.synthesizer.default_engine().engine
    parameters = {parameter.name for parameter in services.synthesizer.engines()[engine].parameters}
    absent = ("deepspeed", "lowvram", "pitch", "multimodel")
    return {
        "engines_available": usable,
        "current_engine_loaded": engine,
        "models_available": [{"name": name} for name in usable],
        "current_model_loaded": engine,
        "audio_format": "wav",
        **{f"{name}_capable": False for name in absent},
        **{f"{name}_capable": True for name in ("streaming", "multivoice", "languages", "generationspeed")},
        "temperature_capable": "temperature" in parameters,
        "repetitionpenalty_capable": "repetition_penalty" in parameters,
        "deepspeed_available": False,
        "deepspeed_enabled": False,
        "lowvram_enabled": False,
    }


@router.post(
    "/api/tts-generate", summary="Have a text spoken, and wait for it", openapi_extra=documented(Generate, *FORMS)
)
async def generate(
    services: Wired, response: Response, body: Annotated[Generate, Depends(body_of(Generate, *FORMS))]
) -> Generated:
    path = await _made(services, response, body)
    cached = path.replace("/audio/", "/audiocache/", 1)
    return Generated(output_file_path=path, output_file_url=path, output_cache_url=cached)


@router.get("/audio/{file}", summary="The sound of a text", response_class=Response)
@router.get("/audiocache/{file}", summary="The same", response_class=Response)
async def audio(services: Fetching, file: str) -> Response:
    found = FILE.fullmatch(file)
    if found is None:
        raise Problem("job_not_found", job_id=file[:80])
    return await download(services, found[1])


@router.get(
    "/api/tts-generate-streaming",
    summary="A text as a WAV that is sent while it is made",
    status_code=200,
    response_class=SoundResponse,
)
def generate_streaming(
    services: Wired,
    text: Annotated[str, Query(min_length=1, max_length=10_000)],
    voice: Annotated[str, Query(min_length=1, max_length=200)],
    language: Annotated[str, Query(min_length=2, max_length=35)] = "auto",
    output_file: str = "",
) -> SoundResponse:
    spoken = "" if language == "auto" else language
    voice_id = voice.removesuffix(SUFFIX)
    plan = plan_of(services, text, voice_id, engine=switched_engine(services, voice_id), language=spoken)
    return SoundResponse(Sound(services, plan, "wav", sample_rate=WAV_RATE, is_tagged=False))


@router.post("/api/tts-generate-streaming", summary="The same into a file", openapi_extra=documented(Streamed, *FORMS))
async def generate_into_file(
    services: Wired, response: Response, body: Annotated[Streamed, Depends(body_of(Streamed, *FORMS))]
) -> StreamedInto:
    asked = Generate(
        text_input=body.text,
        character_voice_gen=body.voice,
        language=body.language,
        output_file_name=body.output_file,
    )
    return StreamedInto(output_file_path=await _made(services, response, asked))


@router.put("/api/stop-generation", summary="Stop what was asked for here and is not done")
def stop_generation(services: Wired) -> Stopped:
    for status in ("pending", "processing"):
        for job in services.jobs.list(limit=MOST_STOPPED, status=status, kind=SPEECH.name)[1]:
            if job.params.get("client") == CLIENT and job.user_id == services.caller.user_id:
                services.jobs.cancel(job.id)
    return Stopped(message="Cancelled current generation")


@router.post("/api/previewvoice", include_in_schema=False)
@router.post("/api/previewvoice/", summary="Where a voice can be heard", openapi_extra=documented(PreviewAsked, *FORMS))
def preview_voice(services: Wired, body: Annotated[PreviewAsked, Depends(body_of(PreviewAsked, *FORMS))]) -> Generated:
    voice = find_voice(services, body.voice.removesuffix(SUFFIX))
    path = f"/voices/{voice.voice_id}/sample"
    return Generated(output_file_path=path, output_file_url=path, output_cache_url=path)


@router.post("/api/reload", summary="The engine of the texts to come")
def reload(services: Wired, tts_method: str) -> Switched:
    _switch(services, tts_method)
    return Switched(status="model-success")


@router.post("/api/enginereload", summary="The same")
def reload_engine(services: Wired, engine: str) -> Switched:
    _switch(services, engine)
    return Switched(status="engine-success")


@router.post("/api/deepspeed", summary="Refused: there is none")
def deepspeed(services: Wired, new_deepspeed_value: str) -> None:
    raise Problem("client_setting_absent", name="deepspeed")


@router.post("/api/lowvramsetting", summary="Refused: there is none")
def low_vram(services: Wired, new_low_vram_value: str) -> None:
    raise Problem("client_setting_absent", name="low_vram")


def envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    return {"status": "error", "message": message_of(document)}


def _added(services: Services, body: Generate) -> tuple[Job, dict[str, str]]:
    """The job, and the headers that tell what of `body` does not count as it was sent."""
    _refuse_inapplicable(body)
    voice_id = body.character_voice_gen.removesuffix(SUFFIX)
    engine = switched_engine(services, voice_id)
    fields: dict[str, Any] = {
        "text": _text(services, body),
        "source_language": _language(services, body.language, voice_id),
        "voice_id": voice_id,
        "tts_engine": engine,
    }
    if body.rvccharacter_voice_gen != DISABLED:
        converted = {"rvc_model_id": body.rvccharacter_voice_gen, "rvc_pitch": body.rvccharacter_pitch}
        fields |= {"enable_rvc": True, **converted}
    info, asked = engine_of(services, engine, voice_id), _tuning(body)
    job = add_job(services, CLIENT, fields, asked)
    return job, told_changes(asked, job.params["parameters"]) | told_idle(info, _idle(body, asked, info))


async def _made(services: Services, response: Response, body: Generate) -> str:
    job, told = await run_in_threadpool(_added, services, body)
    response.headers.update(told)
    return await made(services, job, body.output_file_name)


def _text(services: Services, body: Generate) -> str:
    """With turns for the narrator. Raises Problem `nothing_to_say` where all of it is silent, `unknown_voice`."""
    written = html.unescape(body.text_input) if body.text_filtering == "html" else body.text_input
    if body.narrator_enabled == "false":
        return written
    narrator = ""
    if body.narrator_enabled == "true":
        narrator = find_voice(services, body.narrator_voice_gen.removesuffix(SUFFIX)).voice_id
    text = with_narrator(written, narrator, body.text_not_inside)
    if not text:
        raise SpeechError("nothing_to_say")
    return text


def _tuning(body: Generate) -> dict[str, float]:
    asked = {name: getattr(body, name) for name in ("speed", "temperature", "repetition_penalty")}
    return {name: value for name, value in asked.items() if value is not None}


def _idle(body: Generate, asked: Iterable[str], info: EngineInfo) -> list[str]:
    """What was sent and changes nothing."""
    known = {parameter.name for parameter in info.parameters}
    sent = {
        "pitch": bool(body.pitch),
        "autoplay": body.autoplay,
        "text_filtering": body.text_filtering == "none",
        "output_file_timestamp": not body.output_file_timestamp,
    }
    return [*(name for name in asked if name not in known), *(name for name, is_sent in sent.items() if is_sent)]


def _refuse_inapplicable(body: Generate) -> None:
    """Raises Problem `invalid_request` for what would be another answer, or another voice, than was asked for."""
    asked = {
        "rvcnarrator_voice_gen": body.narrator_enabled == "true" and body.rvcnarrator_voice_gen != DISABLED,
        "streaming": body.streaming,
    }
    reasons = {"rvcnarrator_voice_gen": "narrator_enabled = true", "streaming": "GET /api/tts-generate-streaming"}
    errors = [
        FieldError(name, "field_not_applicable", {"reason": reasons[name]})
        for name, is_asked in asked.items()
        if is_asked
    ]
    if errors:
        raise Problem("invalid_request", errors=errors)


def _language(services: Services, asked: str, voice_id: str) -> str:
    """`auto` is the voice's own. Raises Problem `language_needed` for a voice that has none."""
    if asked != "auto":
        return asked
    voice = find_voice(services, voice_id)
    if voice.language == MANY_LANGUAGES:
        choices = list(services.synthesizer.engines()[voice.engine].languages)
        raise Problem("language_needed", voice=voice_id, choices=choices)
    return voice.language


def _engine(services: Services) -> str | None:
    return services.client_settings.of(services.caller.user_id).engine


def _switch(services: Services, name: str) -> None:
    services.client_settings.change(services.caller.user_id, engine=usable_engine(services, name))
