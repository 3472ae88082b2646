"""OpenAI's speech API, as openai-python and Open WebUI call it: `/v1/audio/speech` and what they look up first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.services import Services, Wired
from app.api.streaming import SoundResponse
from app.errors import FieldError, Problem
from speech.audio import format_of
from speech.plan import Plan
from speech.request_checks import MAX_SEED

PREFIX = "/v1/"
router = APIRouter(tags=["openai"])

# OpenAI's model names stand for the default engine, or for the voice's where that is another, so that its clients work
# unchanged; the answer's X-Papagaio-Engine header says what spoke.
MODEL_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
# Five of OpenAI's voices have a Kokoro voice of the same name; the others are refused like any unknown voice.
VOICE_ALIASES = {"alloy": "af_alloy", "echo": "am_echo", "fable": "bm_fable", "nova": "af_nova", "onyx": "am_onyx"}
CREATED = {"kokoro": 1737936000}  # when the weights were published: Kokoro-82M v1.0 on 2025-01-27 (its model card)


class VoiceName(BaseModel):
    id: str


class SpeechBody(Body):
    """`language` (BCP 47), `seed` and `wrapping` are ours: without them the voice's own language and a drawn seed are
    used, and the lines of one paragraph are joined."""

    input: Annotated[str, Field(min_length=1, max_length=10_000)]
    model: str
    voice: str | VoiceName
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str = ""
    language: str = ""
    wrapping: Literal["auto", "keep", "join"] = "auto"
    seed: Annotated[int | None, Field(ge=0, le=MAX_SEED)] = None


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int  # seconds since the epoch, 0 where nobody said
    owned_by: str = "papagaio"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class Named(BaseModel):
    id: str
    name: str


class AudioModels(BaseModel):
    models: list[Named]


class AudioVoices(BaseModel):
    voices: list[Named]


@router.post(
    "/v1/audio/speech",
    summary="Speak a text and stream the sound while it is made",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(SpeechBody, JSON),
)
def speech(services: Wired, body: Annotated[SpeechBody, Depends(body_of(SpeechBody, JSON))]) -> SoundResponse:
    plan = _plan(services, body)
    return SoundResponse(services.synthesizer, plan, format_of(body.response_format), body.response_format)


@router.get("/v1/models", summary="Engines, in OpenAI's words")
def models(services: Wired) -> ModelList:
    return ModelList(data=[Model(id=name, created=CREATED.get(name, 0)) for name in _model_names(services)])


@router.get("/v1/models/{model_id}", summary="One engine, in OpenAI's words")
def model(services: Wired, model_id: str) -> Model:
    if model_id not in _model_names(services):
        raise Problem("unknown_model_name", model=model_id, choices=_model_names(services))
    return Model(id=model_id, created=CREATED.get(model_id, 0))


@router.get("/v1/audio/models", summary="Engines, as Open WebUI asks")
def audio_models(services: Wired) -> AudioModels:
    return AudioModels(
        models=[Named(id=name, name=info.title) for name, info in services.synthesizer.usable_engines().items()]
    )


@router.get("/v1/audio/voices", summary="Voices, as Open WebUI asks")
def audio_voices(services: Wired) -> AudioVoices:
    voices = services.synthesizer.voices()
    return AudioVoices(voices=[Named(id=v.voice_id, name=f"{v.title} ({v.language})") for v in voices])


def envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's error body around our texts; every field that was wrong is named in the message."""
    fields = document["errors"]
    message = "; ".join(f"{error['field']}: {error['message']}" for error in fields) or document["detail"]
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": message,
            "type": kind,
            "param": fields[0]["field"] if fields else None,
            "code": problem.code,
        }
    }


def _model_names(services: Services) -> list[str]:
    return [*services.synthesizer.usable_engines(), *MODEL_ALIASES]


def _plan(services: Services, body: SpeechBody) -> Plan:
    _refuse_inapplicable(body)
    if body.model in services.synthesizer.engines() and body.model not in services.synthesizer.usable_engines():
        services.synthesizer.check(body.model)
    if body.model not in _model_names(services):
        raise Problem("unknown_model_name", model=body.model, choices=_model_names(services))
    asked = body.voice if isinstance(body.voice, str) else body.voice.id
    voice = VOICE_ALIASES.get(asked, asked)
    engine = services.synthesizer.choose_engine(None if body.model in MODEL_ALIASES else body.model, voice).engine
    parameters = {"speed": body.speed} if body.speed != 1.0 else {}
    return services.synthesizer.plan(
        body.input,
        engine=engine,
        language=body.language,
        voice=voice,
        parameters=parameters,
        seed=body.seed,
        reading=services.reading(body.wrapping),
    )


def _refuse_inapplicable(body: SpeechBody) -> None:
    """Raises Problem `invalid_request` for what the contract has and the engines do not."""
    errors = []
    if body.instructions:
        errors.append(FieldError("instructions", "field_not_applicable", {"reason": f"model = {body.model}"}))
    if body.stream_format == "sse":
        errors.append(FieldError("stream_format", "field_choice", {"value": "sse", "choices": ["audio"]}))
    if errors:
        raise Problem("invalid_request", errors=errors)
