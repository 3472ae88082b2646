"""Voices and presets (base API B2): who can speak, and a sample of each."""

from __future__ import annotations

from secrets import token_hex
from typing import Annotated, Literal, NoReturn

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import FileResponse

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.languages import Language, matches
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem
from speech.audio import join, to_bytes
from speech.engines.kokoro.presets import PRESETS
from speech.voices import Voice

router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])

Gender = Annotated[Literal["female", "male", "unknown"], BeforeValidator(str.lower)]
# What a voice says of itself, by primary language tag.
SAMPLE_TEXTS = {
    "pt": "Olá! É assim que eu falo. Escolha um texto e eu leio para você.",
    "en": "Hello! This is how I speak. Choose a text and I will read it to you.",
    "es": "¡Hola! Así es como hablo. Elige un texto y te lo leeré.",
    "fr": "Bonjour ! Voici comment je parle. Choisissez un texte et je vous le lirai.",
    "it": "Ciao! Ecco come parlo. Scegli un testo e te lo leggerò.",
    "hi": "नमस्ते! मैं ऐसे बोलती हूँ। कोई पाठ चुनिए और मैं उसे पढ़ूँगी।",
}


class VoiceProfile(BaseModel):
    """What does not apply to a stock voice, or was never measured, is null."""

    id: str
    name: str
    title: str
    description: str
    language: str
    languages: list[str]
    gender: str
    engine: str
    sample_rate: int
    is_stock: bool = True
    source_audio_path: str | None = None
    profile_path: str | None = None
    ref_text: str | None = None
    duration: float | None = None
    quality_score: float | None = None
    created_at: str | None = None
    last_used_at: str | None = None
    expires_at: str | None = None
    usage_count: int | None = None


class Voices(BaseModel):
    total: int
    voices: list[VoiceProfile]


class PresetView(BaseModel):
    id: str
    name: str
    speaker: str
    description: str
    engine: str
    languages: list[str]
    voices: dict[str, str]


class Presets(BaseModel):
    presets: list[PresetView]
    total: int


class Clone(Body):
    file: Upload
    name: Annotated[str, Field(min_length=1, max_length=200)]
    language: Annotated[str, Field(min_length=2, max_length=35)]
    description: Annotated[str, Field(max_length=2000)] = ""
    tts_engine: Annotated[Literal["xtts", "f5tts"], BeforeValidator(str.lower)] = "xtts"
    ref_text: str | None = None


@router.get("/presets", summary="Voice presets: a name for a voice in each language")
def presets(services: Wired, reader: Language) -> Presets:
    info = services.speaker.engines()["kokoro"]
    views = [
        PresetView(
            id=name,
            name=preset.name,
            speaker=next(iter(preset.voices.values())),
            description=preset.description[reader],
            engine=info.name,
            languages=[tag for tag in info.languages if tag.partition("-")[0].lower() in preset.voices],
            voices=dict(preset.voices),
        )
        for name, preset in PRESETS.items()
    ]
    return Presets(presets=views, total=len(views))


@router.get("/voices", summary="Voices that can speak")
def voices(
    services: Wired,
    language: str | None = None,
    gender: Gender | None = None,
    engine: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Voices:
    found = [
        _profile(services, voice)
        for voice in services.speaker.voices()
        if (language is None or matches(language, [voice.language]))
        and gender in (None, voice.gender)
        and (engine is None or engine.lower() == voice.engine)
    ]
    return Voices(total=len(found), voices=found[:limit])


@router.post(
    "/voices/clone",
    status_code=202,
    summary="Clone a voice from a recording",
    response_model=None,
    responses={501: {"description": "`cloning_not_built`: cloning is not built yet"}},
    openapi_extra=documented(Clone, MULTIPART),
)
def clone(body: Annotated[Clone, Depends(body_of(Clone, MULTIPART))]) -> NoReturn:
    raise Problem("cloning_not_built")


@router.get("/voices/{voice_id}", summary="One voice")
def one_voice(services: Wired, voice_id: str) -> VoiceProfile:
    return _profile(services, find_voice(services, voice_id))


@router.delete(
    "/voices/{voice_id}",
    summary="Delete a voice",
    response_model=None,
    responses={403: {"description": "`voice_is_stock`: stock voices stay"}},
)
def delete_voice(services: Wired, voice_id: str) -> NoReturn:
    raise Problem("voice_is_stock", voice_id=find_voice(services, voice_id).voice_id)


@router.get("/voices/{voice_id}/sample", summary="A spoken sample, as WAV", response_class=FileResponse)
def sample(services: Wired, voice_id: str, language: str | None = None) -> FileResponse:
    """Made when first asked for, then kept."""
    voice = find_voice(services, voice_id)
    text = SAMPLE_TEXTS.get((language or voice.language).partition("-")[0].lower(), SAMPLE_TEXTS["en"])
    plan = services.speaker.plan(
        text, engine=voice.engine, language=language or voice.language, voice=voice_id, parameters={}
    )
    path = services.samples.path(voice_id, f"{plan.language}.wav")
    if not path.exists():
        sound = join(services.speaker.speak(plan))
        temporary = services.samples.temporary(voice_id, token_hex(8), ".wav")
        temporary.write_bytes(to_bytes(sound, "wav"))
        services.samples.publish(temporary, path.name)
    return FileResponse(path, media_type="audio/wav", filename=f"{voice_id}_{plan.language}.wav")


def find_voice(services: Services, voice_id: str) -> Voice:
    """Raises Problem `unknown_voice`."""
    voices = {voice.voice_id: voice for voice in services.speaker.voices()}
    if voice_id not in voices:
        raise Problem("unknown_voice", voice=voice_id[:80], choices=sorted(voices))
    return voices[voice_id]


def _profile(services: Services, voice: Voice) -> VoiceProfile:
    info = services.speaker.engines()[voice.engine]
    return VoiceProfile(
        id=voice.voice_id,
        name=voice.title,
        title=voice.title,
        description=f"{voice.title}, {voice.gender}, {voice.language}; {info.title}",
        language=voice.language,
        languages=list(info.languages),
        gender=voice.gender,
        engine=voice.engine,
        sample_rate=info.sample_rate,
    )
