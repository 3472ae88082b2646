"""ElevenLabs' text to speech, as its package and Open WebUI call it with a base URL: models, voices, speech.

Its `/v1/models` has the path of OpenAI's: the `xi-api-key` header says whose answer is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.compat.speaking import message_of, plan_of, told_changes, told_idle, usable_engine
from app.api.services import Services, Wired
from app.api.streaming import Sound, SoundResponse
from app.api.voices import find_voice
from app.errors import Problem
from speech.request_checks import MAX_SEED
from speech.voices import Voice

PREFIXES = ("/v1/text-to-speech", "/v1/voices", "/v2/voices")
KEY_HEADER = "xi-api-key"
ALIAS = "eleven_"  # models of theirs, which stand for the voice's engine
# Of what a client always sends and no engine here knows.
IDLE_SETTINGS = ("stability", "similarity_boost", "style", "use_speaker_boost", "clone_strength")
IDLE_FIELDS = (
    "previous_text",
    "next_text",
    "previous_request_ids",
    "next_request_ids",
    "apply_text_normalization",
    "apply_language_text_normalization",
    "use_pvc_as_ivc",
)
MP3_RATES = {22050: (32,), 24000: (48,), 44100: (32, 64, 96, 128, 192)}  # kbit/s by Hz
OPUS_RATES = (32, 64, 96, 128, 192)
SAMPLE_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
Unit = Annotated[float | None, Field(ge=0, le=1)]
router = APIRouter(tags=["elevenlabs"])


@dataclass(frozen=True)
class OutputFormat:
    """One of their names of formats."""

    format_name: str
    sample_rate: int
    bit_rate: int | None = None


FORMATS: dict[str, OutputFormat] = {
    **{
        f"mp3_{rate}_{kbit}": OutputFormat("mp3", rate, kbit * 1000)
        for rate, each in MP3_RATES.items()
        for kbit in each
    },
    **{f"opus_48000_{kbit}": OutputFormat("opus", 48000, kbit * 1000) for kbit in OPUS_RATES},
    **{f"{kind}_{rate}": OutputFormat(kind, rate) for kind in ("pcm", "wav") for rate in SAMPLE_RATES},
    **{f"{kind}_8000": OutputFormat(kind, 8000) for kind in ("ulaw", "alaw")},
}


class VoiceSettings(Body):
    stability: Unit = None
    similarity_boost: Unit = None
    style: Unit = None
    clone_strength: Unit = None
    use_speaker_boost: bool | None = None
    speed: Annotated[float | None, Field(ge=0.25, le=4)] = None


class SpeechBody(Body):
    """Of `voice_settings` only `speed` counts; `X-Papagaio-Without-Effect` names what else was sent for nothing."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    model_id: str = "eleven_multilingual_v2"
    language_code: Annotated[str | None, Field(min_length=2, max_length=35)] = None
    voice_settings: VoiceSettings | None = None
    seed: Annotated[int | None, Field(ge=0, le=MAX_SEED)] = None
    previous_text: str | None = None
    next_text: str | None = None
    previous_request_ids: Annotated[list[str] | None, Field(max_length=3)] = None
    next_request_ids: Annotated[list[str] | None, Field(max_length=3)] = None
    apply_text_normalization: str | None = None
    apply_language_text_normalization: bool | None = None
    use_pvc_as_ivc: bool | None = None


class VoiceView(BaseModel):
    voice_id: str
    name: str
    category: str
    description: str
    labels: dict[str, str]
    preview_url: str


class ElevenVoices(BaseModel):
    voices: list[VoiceView]


class VoicePage(BaseModel):
    voices: list[VoiceView]
    has_more: bool
    total_count: int
    next_page_token: str | None = None


@router.get("/v1/voices", summary="Voices, in ElevenLabs' words")
def voices(services: Wired) -> ElevenVoices:
    return ElevenVoices(voices=[_view(voice) for voice in services.synthesizer.voices()])


@router.get("/v2/voices", summary="The same, by pages")
def voice_page(
    services: Wired,
    search: str = "",
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
    next_page_token: Annotated[int, Query(ge=0)] = 0,
) -> VoicePage:
    found = [view for view in map(_view, services.synthesizer.voices()) if search.lower() in view.name.lower()]
    end = next_page_token + page_size
    more = end < len(found)
    token = str(end) if more else None
    page = found[next_page_token:end]
    return VoicePage(voices=page, has_more=more, total_count=len(found), next_page_token=token)


@router.get("/v1/voices/{voice_id}", summary="One of them")
def voice(services: Wired, voice_id: str) -> VoiceView:
    return _view(find_voice(services, voice_id))


@router.post(
    "/v1/text-to-speech/{voice_id}",
    summary="Speak a text",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(SpeechBody, JSON),
)
@router.post(
    "/v1/text-to-speech/{voice_id}/stream",
    summary="The same; both are streamed while they are made",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(SpeechBody, JSON),
)
def speak(
    services: Wired,
    voice_id: str,
    body: Annotated[SpeechBody, Depends(body_of(SpeechBody, JSON))],
    output_format: str = "mp3_44100_128",
    optimize_streaming_latency: Annotated[int | None, Query(ge=0, le=4)] = None,
    enable_logging: bool = True,
) -> SoundResponse:
    wanted = FORMATS.get(output_format)
    if wanted is None:
        raise Problem("unknown_format", format=output_format[:80], choices=list(FORMATS))
    engine = None if body.model_id.startswith(ALIAS) else usable_engine(services, body.model_id)
    settings = body.voice_settings or VoiceSettings()
    asked = {"speed": settings.speed} if settings.speed is not None else {}
    plan = plan_of(
        services,
        body.text,
        voice_id,
        engine=engine,
        language=body.language_code or "",
        values=asked,
        seed=body.seed,
    )
    sound = Sound(services, plan, wanted.format_name, sample_rate=wanted.sample_rate, bit_rate=wanted.bit_rate)
    idle = [name for name in IDLE_SETTINGS if getattr(settings, name) is not None]
    idle += [name for name in IDLE_FIELDS if getattr(body, name) is not None]
    sound.headers |= told_changes(asked, plan.parameters) | told_idle(plan.info, idle)
    return SoundResponse(sound)


def models(services: Services) -> list[dict[str, Any]]:
    """Engines, in their words; the names of their own models are taken as well, and not listed."""
    return [
        {
            "model_id": name,
            "name": info.title,
            "can_do_text_to_speech": True,
            "can_do_voice_conversion": False,
            "languages": [{"language_id": tag, "name": tag} for tag in info.languages],
        }
        for name, info in services.synthesizer.usable_engines().items()
    ]


def envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    return {"detail": {"status": problem.code, "message": message_of(document)}}


def _view(voice: Voice) -> VoiceView:
    return VoiceView(
        voice_id=voice.voice_id,
        name=voice.title,
        category="premade" if voice.is_stock else "cloned",
        description=f"{voice.title}, {voice.gender}, {voice.language}",
        labels={"gender": voice.gender, "language": voice.language},
        preview_url=f"/voices/{voice.voice_id}/sample",
    )
