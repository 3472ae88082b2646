"""OpenAI's speech API, as openai-python and Open WebUI call it: `/v1/audio/speech` and what they look up first."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.compat import elevenlabs
from app.api.compat.speaking import message_of, plan_of, told_changes, told_idle
from app.api.compat.webui_params import WebuiParams
from app.api.services import Services, Wired
from app.api.streaming import Sound, SoundResponse
from app.errors import Problem
from speech.errors import SpeechError
from speech.listening import NAME as LISTENER
from speech.plan import Plan
from speech.request_checks import MAX_SEED

PREFIX = "/v1/"
router = APIRouter(tags=["openai"])

# OpenAI's model names stand for the default engine, or for the voice's where that is another, so that its clients work
# unchanged; the answer's X-Papagaio-Engine header says what spoke.
MODEL_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
# Five of OpenAI's voices have a Kokoro voice of the same name; the others stand for one of their gender, so that what
# clients begin with speaks. X-Papagaio-Voice says which voice it was.
VOICE_ALIASES = {
    **{"alloy": "af_alloy", "echo": "am_echo", "fable": "bm_fable", "nova": "af_nova", "onyx": "am_onyx"},
    **{"coral": "af_bella", "marin": "af_heart", "sage": "af_sarah", "shimmer": "af_sky"},
    **{"ash": "am_michael", "ballad": "bm_george", "cedar": "am_fenrir", "verse": "am_puck"},
}
# Those of transcription, for whisper-base.
LISTENING_ALIASES = (
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-transcribe-diarize",
)
# When the weights were published: Kokoro-82M v1.0 on 2025-01-27 (its model card), Whisper on 2022-09-21 (its paper).
CREATED = {"kokoro": 1737936000, LISTENER: 1663718400}
PCM_RATE = 24000  # Hz, of which a client of raw samples is told nothing
EVENTS = "text/event-stream"
TOKENS_PER_S = 20  # of sound, in the usage that the contract wants; of the text each character is one


class VoiceName(BaseModel):
    id: str


class SpeechBody(Body):
    """`language` (BCP 47), `seed` and `wrapping` are ours: without them the voice's own language and a drawn seed are
    used, and the lines of one paragraph are joined. `speed` is moved into the engine's range, which
    `X-Papagaio-Fitted` tells. No engine follows `instructions`, which `X-Papagaio-Without-Effect` tells. `stream` and
    `params` are what SillyTavern's provider for TTS WebUI sends."""

    input: Annotated[str, Field(min_length=1, max_length=10_000)]
    model: str
    voice: str | VoiceName
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=0.25, le=4.0)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    stream: bool | None = None
    params: WebuiParams | None = None
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


class Working(BaseModel):
    status: Literal["ok"] = "ok"


class Named(BaseModel):
    id: str
    name: str


class AudioModels(BaseModel):
    models: list[Named]


class AudioVoices(BaseModel):
    voices: list[Named]


class Labelled(BaseModel):
    value: str
    label: str


class LabelledVoices(BaseModel):
    voices: list[Labelled]


@router.post(
    "/v1/audio/speech",
    summary="Speak a text and stream the sound while it is made",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(SpeechBody, JSON),
)
def speech(services: Wired, body: Annotated[SpeechBody, Depends(body_of(SpeechBody, JSON))]) -> SoundResponse:
    params = body.params or WebuiParams()
    asked = {"speed": body.speed, **params.values}
    plan = _plan(services, body, asked)
    rate = PCM_RATE if body.response_format == "pcm" else 0
    sound = Sound(services, plan, body.response_format, sample_rate=rate, is_tagged=body.stream is None)
    idle = [*params.idle(plan), *(("instructions",) if body.instructions else ())]
    sound.headers |= told_changes(asked, plan.parameters) | told_idle(plan.info, idle)
    if body.stream_format == "sse":
        sound.headers.pop("Content-Length", None)
        sound.blocks = _events(sound.blocks, sound, len(body.input))
        return SoundResponse(sound, EVENTS)
    return SoundResponse(sound)


def event(document: Mapping[str, Any]) -> bytes:
    """One server-sent event, as OpenAI's streams write it: no name beside its `type`."""
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"


def _events(blocks: Iterator[bytes], sound: Sound, characters: int) -> Iterator[bytes]:
    for block in blocks:
        yield event({"type": "speech.audio.delta", "audio": base64.b64encode(block).decode()})
    made = round(sound.duration_s * TOKENS_PER_S)
    usage = {"input_tokens": characters, "output_tokens": made, "total_tokens": characters + made}
    yield event({"type": "speech.audio.done", "usage": usage})


@router.get("/v1/models", summary="Engines, in OpenAI's words", response_model=ModelList)
def models(services: Wired, request: Request) -> ModelList | JSONResponse:
    if elevenlabs.KEY_HEADER in request.headers:  # a client of ElevenLabs', whose path it is too
        return JSONResponse(elevenlabs.models(services))
    return ModelList(data=[Model(id=name, created=CREATED.get(name, 0)) for name in _all_names(services)])


@router.get("/v1/models/{model_id}", summary="One engine, in OpenAI's words")
def model(services: Wired, model_id: str) -> Model:
    if model_id not in _all_names(services):
        raise Problem("unknown_model_name", model=model_id, choices=_all_names(services))
    return Model(id=model_id, created=CREATED.get(model_id, 0))


@router.get("/v1/test", summary="That this speaks, as clients of Kokoro-FastAPI ask")
def test(_services: Wired) -> Working:
    return Working()


@router.get("/v1/audio/models", summary="Engines, as Open WebUI asks")
def audio_models(services: Wired) -> AudioModels:
    return AudioModels(
        models=[Named(id=name, name=info.title) for name, info in services.synthesizer.usable_engines().items()]
    )


@router.get("/v1/audio/voices/{model_id}", summary="Voices of an engine, as SillyTavern's tts-webui asks")
def audio_voices_of(services: Wired, model_id: str) -> LabelledVoices:
    if model_id not in _model_names(services):
        raise Problem("unknown_model_name", model=model_id[:80], choices=_model_names(services))
    synthesizer = services.synthesizer
    voices = synthesizer.voices() if model_id in MODEL_ALIASES else synthesizer.voices_of(model_id)
    return LabelledVoices(voices=[Labelled(value=v.voice_id, label=f"{v.title} ({v.language})") for v in voices])


@router.get("/v1/audio/voices", summary="Voices, as Open WebUI asks")
def audio_voices(services: Wired) -> AudioVoices:
    voices = services.synthesizer.voices()
    return AudioVoices(voices=[Named(id=v.voice_id, name=f"{v.title} ({v.language})") for v in voices])


def envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's error body around our texts; every field that was wrong is named in the message."""
    fields = document["errors"]
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": message_of(document),
            "type": kind,
            "param": fields[0]["field"] if fields else None,
            "code": problem.code,
        }
    }


def _model_names(services: Services) -> list[str]:
    return [*services.synthesizer.usable_engines(), *MODEL_ALIASES]


def _all_names(services: Services) -> list[str]:
    return [*_model_names(services), *(listening_names() if is_listening(services) else ())]


def listening_names() -> tuple[str, ...]:
    return (LISTENER, *LISTENING_ALIASES)


def is_listening(services: Services) -> bool:
    """Whether recordings can be written down here."""
    try:
        services.synthesizer.check_listening()
    except SpeechError:
        return False
    return True


def _plan(services: Services, body: SpeechBody, asked: Mapping[str, float]) -> Plan:
    if body.model in services.synthesizer.engines() and body.model not in services.synthesizer.usable_engines():
        services.synthesizer.check(body.model)
    if body.model not in _model_names(services):
        raise Problem("unknown_model_name", model=body.model, choices=_model_names(services))
    name = body.voice if isinstance(body.voice, str) else body.voice.id
    aliases = VOICE_ALIASES | dict(services.client_settings.of(services.caller.user_id).voices)
    voice = aliases.get(name, name)
    seed = body.params.seed_asked if body.params and body.seed is None else body.seed
    return plan_of(
        services,
        body.input,
        voice,
        engine=None if body.model in MODEL_ALIASES else body.model,
        language=body.language,
        values=asked,
        seed=seed,
        wrapping=body.wrapping,
    )
