"""Voices and presets (base API B2): who can speak, a sample of each, and the files of those that were cloned."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, Response

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.languages import Language, matches, primary_of
from app.api.queries import known_query
from app.api.services import Fetching, Services, Wired
from app.api.streaming import Sound, made_whole
from app.api.voice_facts import ConsentView, facts_of, samples_of
from app.api.voice_json import unpack_document, voice_document
from app.api.wav_file import WavFile
from app.errors import Problem
from speech.errors import SpeechError
from speech.voices import MANY_LANGUAGES, Voice

if TYPE_CHECKING:
    from app.storage.voice_labels import Labels
    from speech.voice_files import VoiceMeta

router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])

Gender = Annotated[Literal["female", "male", "unknown"], BeforeValidator(str.lower)]
Category = Literal["female", "male", "child", "elder", "narrator", "character", "other"]
SAMPLE_SEED = 1  # of engines that vary: a sample is made once, and the same everywhere
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
    """What does not apply to a stock voice, or was never measured, is null.

    `engine` is the one that speaks it where nobody asks for another, `engines` all that can, `mixed_by` those of them
    that can mix it with another, `converters` those that say a recording with it. `usage_count` and `last_used_at` are
    of what the caller had said with it. Of a cloned voice: `duration` is the seconds of speech it was fitted to,
    `ref_text` what is said in its clips, `samples` what can be heard of it, `has_weights` whether it has fine-tuned
    weights of its own, which no voice file holds.
    """

    id: str
    name: str
    title: str
    description: str
    language: str
    languages: list[str]
    gender: str
    engine: str
    engines: list[str]
    mixed_by: list[str]
    converters: list[str]
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
    effort: str | None = None
    consent: ConsentView | None = None
    samples: list[str] | None = None
    has_report: bool = False
    has_weights: bool = False
    licence: str
    licence_url: str | None = None
    is_commercial: bool = True
    tags: list[str] = []
    category: str | None = None


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


class Import(Body):
    """`voice_id`: another id than the file's."""

    file: Upload
    voice_id: str | None = None


class Deleted(BaseModel):
    message: str
    voice_id: str


@router.get("/presets", summary="Voice presets: a name for a voice in each language")
def presets(services: Wired, reader: Language) -> Presets:
    views = [
        PresetView(
            id=preset.name,
            name=preset.name,
            speaker=next(iter(preset.voices.values())),
            description=preset.description[reader],
            engine=name,
            languages=[tag for tag in record.info.languages if tag.partition("-")[0].lower() in preset.voices],
            voices=dict(preset.voices),
        )
        for name, record in services.synthesizer.registry.engines.items()
        for preset in record.presets
    ]
    return Presets(presets=views, total=len(views))


@router.get("/voices", summary="Voices that can speak")
def voices(
    services: Wired,
    language: str | None = None,
    gender: Gender | None = None,
    engine: str | None = None,
    tag: str | None = None,
    category: Annotated[Category | None, BeforeValidator(str.lower)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Voices:
    """`tag`, `category`: as one calls them oneself (`POST /voices/{voice_id}/tags`); a voice is in the category of its
    gender, too."""
    from app.storage.voice_labels import NONE, LabelStore

    labels = LabelStore(services.database, services.caller).all()
    engines, converters = services.synthesizer.engines_by_voice(), services.synthesizer.converters_by_voice()
    found = [
        voice
        for voice in services.synthesizer.voices()
        if voice.voice_id in engines  # one that has just been made comes with the next list
        and (language is None or matches(language, _own_languages(services, voice)))
        and gender in (None, voice.gender)
        and (engine is None or engine.lower() in engines[voice.voice_id])
        and (tag is None or tag.casefold() in {one.casefold() for one in labels.get(voice.voice_id, NONE).tags})
        and category in (None, voice.gender, labels.get(voice.voice_id, NONE).category)
    ]
    shown = found[:limit]
    facts = facts_of(services, shown)
    views = [
        _profile(services, voice, engines, converters, labels.get(voice.voice_id, NONE), facts[voice.voice_id])
        for voice in shown
        if voice.voice_id in facts
    ]
    return Voices(total=len(found), voices=views)


@router.post(
    "/voices/import",
    status_code=201,
    summary="Bring a voice that was exported",
    openapi_extra=documented(Import, MULTIPART),
)
def import_voice(services: Wired, body: Annotated[Import, Depends(body_of(Import, MULTIPART))]) -> VoiceProfile:
    """What it holds is checked before anything is kept; an id that is taken is refused."""
    from app.storage.voice_owners import set_owner

    library = services.cloning.library()
    with TemporaryDirectory(dir=services.settings.data_dir, prefix="import-") as folder:
        path = Path(folder) / "voice.safetensors"
        with path.open("xb") as file:
            shutil.copyfileobj(body.file.file, file, 1 << 20)
        unpack_document(path)
        meta = library.import_(path, body.voice_id)
        set_owner(library.folder(meta.voice_id), services.caller.user_id)
    return profile_of(services, find_voice(services, meta.voice_id))


@router.get("/voices/{voice_id}", summary="One voice")
def one_voice(services: Wired, voice_id: str) -> VoiceProfile:
    return profile_of(services, find_voice(services, voice_id))


@router.delete(
    "/voices/{voice_id}",
    summary="Delete a cloned voice",
    responses={403: {"description": "`voice_is_stock`: stock voices stay"}},
)
def delete_voice(services: Wired, voice_id: str) -> Deleted:
    from app.security.share_links import ShareLinks
    from app.storage.voice_labels import LabelStore

    voice = find_voice(services, voice_id)
    if voice.is_stock:
        raise Problem("voice_is_stock", voice_id=voice.voice_id)
    services.cloning.library().delete(voice_id)
    services.samples.delete(voice_id)
    services.note("voice_deleted", voice_id, title=voice.title)
    LabelStore(services.database).forget(voice_id)
    ShareLinks(services.database, services.identity.secrets.share_key).forget(voice_id)
    return Deleted(message=f"{voice_id} deleted", voice_id=voice_id)


@router.get("/voices/{voice_id}/report", summary="How near a cloned voice comes to its speaker, as measured")
def report(services: Wired, voice_id: str) -> dict[str, Any]:
    measured = dict(fitted(services, voice_id).report)
    if not measured:
        raise Problem("voice_without_report", voice_id=voice_id)
    return measured


@router.get(
    "/voices/{voice_id}/samples/{name}",
    summary="The same words by the stock voice, the cloned one and the speaker, as WAV",
    response_class=WavFile,
)
def kept_sample(services: Wired, voice_id: str, name: str) -> FileResponse:
    meta = fitted(services, voice_id)
    paths = {path.stem: path for path in samples_of(services, meta.voice_id)}
    if name not in paths:
        raise Problem("sample_not_found", name=name[:80], choices=sorted(paths) or ["–"])
    return FileResponse(paths[name], media_type="audio/wav", filename=f"{voice_id}_{name}.wav")


@router.get("/voices/{voice_id}/export", summary="A cloned voice as one file", response_class=FileResponse)
def export(services: Fetching, voice_id: str, format: Literal["file", "json"] = "file") -> Response:
    """With its clips, so that other engines can speak it elsewhere. `json`: the same file in a document that says what
    is known of the voice. Fine-tuned weights are in no file (409 `voice_with_weights`): `json` of a voice with them
    says what is known, and cannot be brought back."""
    meta = fitted(services, voice_id)
    named = {"Content-Disposition": f'attachment; filename="{voice_id}.json"'}
    if format == "json" and services.cloning.library().weights(voice_id):
        return JSONResponse(voice_document(meta, None), headers=named)
    path = services.settings.data_dir / f"export-{token_hex(8)}.safetensors"
    services.cloning.library().export(meta.voice_id, path)
    if format == "json":
        document = voice_document(meta, path)
        path.unlink()
        return JSONResponse(document, headers=named)
    done = BackgroundTask(path.unlink, missing_ok=True)
    kind, name = "application/octet-stream", f"{voice_id}.safetensors"
    return FileResponse(path, media_type=kind, filename=name, background=done)


@router.get("/voices/{voice_id}/sample", summary="A spoken sample, as WAV", response_class=WavFile)
def sample(services: Wired, voice_id: str, language: str | None = None) -> FileResponse:
    """Made when first asked for, then kept."""
    path, spoken = sample_file(services, voice_id, language)
    return FileResponse(path, media_type="audio/wav", filename=f"{voice_id}_{spoken}.wav")


def sample_file(services: Services, voice_id: str, language: str | None) -> tuple[Path, str]:
    """What a voice says of itself, in its own language where None; and which language that is.

    Raises Problem `over_capacity`, `too_many_requests` while there is none yet.
    """
    voice = find_voice(services, voice_id)
    spoken = language or _own_languages(services, voice)[0]
    text = SAMPLE_TEXTS.get(spoken.partition("-")[0].lower(), SAMPLE_TEXTS["en"])
    seed = SAMPLE_SEED if services.synthesizer.engines()[voice.engine].is_seeded else None
    plan = services.synthesizer.plan(
        text, engine=voice.engine, language=spoken, voice=voice_id, parameters={}, seed=seed
    )
    path = services.samples.path(voice_id, f"{plan.language}{_edition(services, voice)}.wav")
    if not path.exists():
        wav = made_whole(Sound(services, plan, "wav", is_whole=True))
        temporary = services.samples.temporary(voice_id, token_hex(8), ".wav")
        temporary.write_bytes(wav)
        for older in path.parent.glob(f"{plan.language}-*.wav"):
            older.unlink(missing_ok=True)
        services.samples.publish(temporary, path.name)
    return path, plan.language


def _own_languages(services: Services, voice: Voice) -> tuple[str, ...]:
    """The language a voice has, or all its engine's for one that has none."""
    is_of_all = voice.language == MANY_LANGUAGES
    return services.synthesizer.engines()[voice.engine].languages if is_of_all else (voice.language,)


def _edition(services: Services, voice: Voice) -> str:
    """What tells the sample of a voice from that of an earlier one with the same id; "" for a stock voice."""
    if voice.is_stock:
        return ""
    stamps = {stamp[0]: stamp for stamp in services.cloning.library().stamp()}
    _, changed_ns, size, _ = stamps.get(voice.voice_id, (voice.voice_id, 0, 0, 0))
    return f"-{changed_ns:x}{size:x}"


def fitted(services: Services, voice_id: str) -> VoiceMeta:
    """Raises Problem `unknown_voice`, `voice_not_fitted`."""
    voice = find_voice(services, voice_id)
    if voice.is_stock:
        raise Problem("voice_not_fitted", voice_id=voice_id)
    return services.cloning.library().get(voice_id)


def find_voice(services: Services, voice_id: str) -> Voice:
    """Raises Problem `unknown_voice`."""
    voices = {voice.voice_id: voice for voice in services.synthesizer.voices()}
    if voice_id not in voices:
        raise Problem("unknown_voice", voice=voice_id[:80], choices=sorted(voices))
    return voices[voice_id]


def first_voice(services: Services, engine: str, primary: str) -> str:
    """Id of the engine's first voice of the language whose primary tag is given, else of many languages, else of any.

    Raises Problem `engine_without_voices`.
    """
    voices = services.synthesizer.voices_of(engine)
    if not voices:
        raise Problem("engine_without_voices", engine=engine)
    for wanted in (primary, MANY_LANGUAGES):
        for voice in voices:
            if primary_of(voice.language) == wanted:
                return voice.voice_id
    return voices[0].voice_id


def profile_of(services: Services, voice: Voice) -> VoiceProfile:
    from app.storage.voice_labels import LabelStore

    labels = LabelStore(services.database, services.caller).get(voice.voice_id)
    engines, converters = services.synthesizer.engines_by_voice(), services.synthesizer.converters_by_voice()
    facts = facts_of(services, [voice])
    if voice.voice_id not in facts or voice.voice_id not in engines:
        raise SpeechError("unknown_voice", voice=voice.voice_id, engine=voice.engine, choices=sorted(engines))
    return _profile(services, voice, engines, converters, labels, facts[voice.voice_id])


def _profile(
    services: Services,
    voice: Voice,
    engines: Mapping[str, list[str]],
    converters: Mapping[str, list[str]],
    labels: Labels,
    facts: Mapping[str, Any],
) -> VoiceProfile:
    registry = services.synthesizer.registry
    info = registry.engine(voice.engine).info
    profile = VoiceProfile(
        id=voice.voice_id,
        name=voice.title,
        title=voice.title,
        description=f"{voice.title}, {voice.gender}, {voice.language}; {info.title}",
        language=voice.language,
        languages=list(info.languages),
        gender=voice.gender,
        engine=voice.engine,
        engines=engines[voice.voice_id],
        mixed_by=[name for name in engines[voice.voice_id] if registry.engine(name).blender],
        converters=converters.get(voice.voice_id, []),
        sample_rate=info.sample_rate,
        licence=info.licence,
        licence_url=info.licence_url or None,
        is_commercial=info.is_commercial,
        is_stock=voice.is_stock,
        tags=list(labels.tags),
        category=labels.category,
    )
    return profile.model_copy(update=facts)
