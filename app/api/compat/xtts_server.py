"""xtts-api-server's contract, as SillyTavern and others call it: at the root, and whole under `/xtts`.

Its `/languages` has the path of our own, so that it is under `/xtts` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.client_settings import Wanted
from app.api.compat.speaking import WAV_RATE, fitting, plan_of, switched_engine, usable_engine
from app.api.compat.spoken_files import SUFFIX, add_job, made
from app.api.languages import NAMES
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.streaming import Sound, SoundResponse
from app.api.uploads import plain_name
from app.api.voices import sample
from app.api.wav_file import WavFile
from app.errors import FieldError, Problem
from app.jobs.job import Job
from speech.errors import SpeechError
from speech.plan import Plan
from speech.synthesis import match_language

PREFIX = "/xtts"
# Where its error body is answered.
PREFIXES = (f"{PREFIX}/", "/speakers", "/sample/", "/tts_", "/set_", "/get_", "/switch_model")
SPLITTING = "enable_text_splitting"
# Name, least and most; top_k 0 is what SillyTavern sends for none.
RANGES: tuple[tuple[str, float, float], ...] = (
    ("temperature", 0.01, 1),
    ("speed", 0.2, 2),
    ("length_penalty", -100, 100),
    ("repetition_penalty", 0.1, 10),
    ("top_p", 0.01, 1),
    ("top_k", 0, 100),
    ("stream_chunk_size", 20, 400),
)
DEFAULTS: dict[str, float | bool] = {
    "temperature": 0.75,
    "speed": 1.0,
    "length_penalty": 1.0,
    "repetition_penalty": 5.0,
    "top_p": 0.85,
    "top_k": 50,
    "stream_chunk_size": 100,
    SPLITTING: True,
}
# Where they are known by other words than ours.
LANGUAGE_CODES = {"zh": "zh-cn"}
Text = Annotated[str, Field(min_length=1, max_length=10_000)]
router = APIRouter(tags=["xtts-api-server"], dependencies=[Depends(known_query)])


class Speak(Body):
    """`speaker_wav`: the id of a voice."""

    text: Text
    speaker_wav: Annotated[str, Field(min_length=1, max_length=200)]
    language: Annotated[str, Field(min_length=2, max_length=35)]


class SpeakToFile(Speak):
    """`file_name_or_path`: a name; where it lies is the service's to say."""

    file_name_or_path: Annotated[str, Field(min_length=1, max_length=200)]


class Stored(BaseModel):
    message: str = "The audio was successfully made and stored."
    output_path: str  # where to get it


class TtsSettings(Body):
    """Numbers may come as text, as SillyTavern sends them."""

    temperature: float | str
    speed: float | str
    length_penalty: float | str
    repetition_penalty: float | str
    top_p: float | str
    top_k: float | str
    enable_text_splitting: bool
    stream_chunk_size: float | str


class Switch(Body):
    model_name: str


class Folder(Body):
    output_folder: str | None = None
    speaker_folder: str | None = None


class Speaker(BaseModel):
    name: str
    voice_id: str
    preview_url: str


class Said(BaseModel):
    message: str


@router.get("/speakers", summary="Voices, as xtts-api-server lists them")
def speakers(services: Wired, request: Request) -> list[Speaker]:
    base = str(request.base_url).rstrip("/")
    return [
        Speaker(name=v.voice_id, voice_id=v.voice_id, preview_url=f"{base}/sample/{v.voice_id}{SUFFIX}")
        for v in services.synthesizer.voices()
    ]


@router.get("/speakers_list", summary="Their names")
def speakers_list(services: Wired) -> list[str]:
    return [voice.voice_id for voice in services.synthesizer.voices()]


@router.get("/sample/{file}", summary="What a voice sounds like", response_class=WavFile)
def preview(services: Wired, file: str) -> FileResponse:
    return sample(services, file.removesuffix(SUFFIX))


@router.post(
    "/tts_to_audio/",
    summary="A text as a whole WAV",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(Speak, JSON),
)
@router.post("/tts_to_audio", include_in_schema=False)
def tts_to_audio(services: Wired, body: Annotated[Speak, Depends(body_of(Speak, JSON))]) -> SoundResponse:
    plan = _plan(services, body.text, body.speaker_wav, body.language)
    return SoundResponse(Sound(services, plan, "wav", sample_rate=WAV_RATE, is_tagged=False, is_whole=True))


@router.post("/tts_to_file", summary="A text as a file of the service", openapi_extra=documented(SpeakToFile, JSON))
async def tts_to_file(services: Wired, body: Annotated[SpeakToFile, Depends(body_of(SpeakToFile, JSON))]) -> Stored:
    name = body.file_name_or_path.removesuffix(SUFFIX)
    if plain_name(name) != name:
        raise Problem("folder_not_yours")
    return Stored(output_path=await made(services, await run_in_threadpool(_added, services, body), name))


@router.get(
    "/tts_stream",
    summary="A text as a WAV that is sent while it is made",
    status_code=200,
    response_class=SoundResponse,
)
@router.get("/tts_stream/", include_in_schema=False)
def tts_stream(
    services: Wired,
    text: Annotated[str, Query(min_length=1, max_length=10_000)],
    speaker_wav: Annotated[str, Query(min_length=1, max_length=200)],
    language: Annotated[str, Query(min_length=2, max_length=35)],
) -> SoundResponse:
    return _streamed(services, text, speaker_wav, language)


@router.post(
    "/tts_stream",
    summary="The same, of a body",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(Speak, JSON),
)
@router.post("/tts_stream/", include_in_schema=False)
def tts_stream_of_body(services: Wired, body: Annotated[Speak, Depends(body_of(Speak, JSON))]) -> SoundResponse:
    return _streamed(services, body.text, body.speaker_wav, body.language)


@router.post("/set_tts_settings", summary="Settings for the texts to come", openapi_extra=documented(TtsSettings, JSON))
def set_tts_settings(services: Wired, body: Annotated[TtsSettings, Depends(body_of(TtsSettings, JSON))]) -> Said:
    values = _numbers(body.model_dump())
    services.client_settings.change(services.caller.user_id, values=values)
    return Said(message="Settings successfully applied")


@router.get("/get_tts_settings", summary="Those settings")
def get_tts_settings(services: Wired) -> dict[str, float | bool]:
    """As they count for the engine in use; those that it has not, as they were set or as the contract has them."""
    wanted = _wanted(services).values
    info = services.synthesizer.engines()[_engine(services) or services.synthesizer.default_engine().engine]
    profile = services.profiles.default(info.name).parameters
    own = {name: value for name, value in profile.items() if name in DEFAULTS}
    return {**DEFAULTS, **own, **wanted, **fitting(info, _without_none(wanted))}


@router.get("/get_models_list", summary="Engines, as models")
def get_models_list(services: Wired) -> list[str]:
    return list(services.synthesizer.usable_engines())


@router.post("/switch_model", summary="The engine of the texts to come", openapi_extra=documented(Switch, JSON))
def switch_model(services: Wired, body: Annotated[Switch, Depends(body_of(Switch, JSON))]) -> Said:
    name = usable_engine(services, body.model_name)
    services.client_settings.change(services.caller.user_id, engine=name)
    return Said(message=f"Model switched to {name}")


@router.get("/get_folders", summary="The names of the service's folders")
def get_folders(services: Wired) -> dict[str, str]:
    settings = services.settings
    return {
        "speaker_folder": settings.voices_path.name,
        "output_folder": services.files.root.name,
        "model_folder": settings.models_path.name,
    }


@router.post("/set_output", summary="Refused: folders are the operator's", openapi_extra=documented(Folder, JSON))
@router.post(
    "/set_speaker_folder", summary="Refused: folders are the operator's", openapi_extra=documented(Folder, JSON)
)
def set_folder(services: Wired, body: Annotated[Folder, Depends(body_of(Folder, JSON))]) -> None:
    raise Problem("folder_not_yours")


def languages(services: Wired) -> dict[str, dict[str, str]]:
    """Name to code, of what the engine speaks that the caller's texts go to."""
    info = services.synthesizer.engines()[_engine(services) or services.synthesizer.default_engine().engine]
    found = {}
    for code, name in NAMES.items():
        if "-" not in code and _speaks(info, code):
            found[name] = LANGUAGE_CODES.get(code, code)
    return {"languages": found}


def whole_router() -> APIRouter:
    """All of it, under its prefix."""
    made = APIRouter(prefix=PREFIX, tags=["xtts-api-server"], dependencies=[Depends(known_query)])
    made.add_api_route("/languages", languages, summary="Languages of the engine, by name")
    made.include_router(router, include_in_schema=False)
    return made


def _speaks(info: Any, code: str) -> bool:
    try:
        return bool(match_language(code, info))
    except SpeechError:
        return False


def _streamed(services: Services, text: str, voice: str, language: str) -> SoundResponse:
    plan = _plan(services, text, voice, language)
    return SoundResponse(Sound(services, plan, "wav", sample_rate=WAV_RATE, is_tagged=False))


def _plan(services: Services, text: str, voice: str, language: str) -> Plan:
    voice = voice.removesuffix(SUFFIX)
    values = _without_none(_wanted(services).values)
    return plan_of(services, text, voice, engine=switched_engine(services, voice), language=language, values=values)


def _added(services: Services, body: Speak) -> Job:
    voice = body.speaker_wav.removesuffix(SUFFIX)
    fields = {"text": body.text, "source_language": body.language, "voice_id": voice}
    engine = switched_engine(services, voice)
    values = _without_none(_wanted(services).values)
    return add_job(services, "xtts-api-server", {**fields, "tts_engine": engine}, values)


def _without_none(values: Mapping[str, float | bool]) -> dict[str, float | bool]:
    """Without a top_k of 0, which means none."""
    return {name: value for name, value in values.items() if name != "top_k" or value}


def _wanted(services: Services) -> Wanted:
    return services.client_settings.of(services.caller.user_id)


def _engine(services: Services) -> str | None:
    return _wanted(services).engine


def _numbers(given: Mapping[str, Any]) -> dict[str, float | bool]:
    """Raises Problem `settings_refused` with every setting out of its range."""
    errors: list[FieldError] = []
    found: dict[str, float | bool] = {SPLITTING: bool(given[SPLITTING])}
    for name, low, high in RANGES:
        try:
            value = float(given[name])
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            errors.append(
                FieldError(name, "field_range", {"value": str(given[name])[:80], "minimum": low, "maximum": high})
            )
        found[name] = value
    if errors:
        raise Problem("settings_refused", errors=errors)
    return found
