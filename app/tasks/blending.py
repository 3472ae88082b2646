"""Voices that are mixed of others: which engine can, and how one is kept with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.tasks.cloning_service import voice_id_of
from speech.engines.blend import Blend
from speech.errors import SpeechError
from speech.synthesis import Synthesizer, match_language
from speech.voice_files import Consent, VoiceMeta
from speech.voice_library import VoiceLibrary
from speech.voices import MANY_LANGUAGES, Shape, Voice

EFFORT = "blend"  # what stands for the effort where nothing was fitted


@dataclass(frozen=True)
class NewVoice:
    """What a person says of a voice that is to be kept. `language` and `gender` "": those that the sources share."""

    title: str
    description: str = ""
    language: str = ""
    gender: str = ""


def engine_of(synthesizer: Synthesizer, voices: Sequence[str], asked: str | None = None) -> str:
    """The engine asked for, else the first that speaks all of `voices` and can mix them.

    Raises SpeechError `unknown_voice`, `morph_engines_differ`, and what `Registry.engine` raises.
    """
    if asked:
        return synthesizer.registry.engine(asked).name
    speaking = synthesizer.engines_by_voice()
    for voice_id in voices:
        if voice_id not in speaking:
            raise SpeechError("unknown_voice", voice=voice_id[:80], choices=sorted(speaking))
    blenders = [name for name, record in synthesizer.registry.engines.items() if record.blender]
    able = [name for name in blenders if all(name in speaking[voice_id] for voice_id in voices)]
    if not able:
        told = [f"{voice_id} ({', '.join(speaking[voice_id])})" for voice_id in voices]
        raise SpeechError("morph_engines_differ", voices=told, choices=blenders)
    return able[0]


def keep(
    synthesizer: Synthesizer, library: VoiceLibrary, engine: str, blend: Blend, shape: Shape, new: NewVoice
) -> VoiceMeta:
    """A voice in `library` that is `blend`, with its recipe, its sources and what their speakers agreed to.

    Raises SpeechError `voice_exists`, `unknown_voice`, and what `Registry.blended` and `VoiceLibrary.add` raise.
    """
    voice_id = voice_id_of(new.title)
    synthesizer.registry.check_blend(engine, blend, is_kept=True)
    library.check_new(voice_id)
    offered = {voice.voice_id: voice for voice in synthesizer.voices_of(engine)}
    for name in blend.voices:
        if name not in offered:
            raise SpeechError("unknown_voice", voice=name[:80], engine=engine, choices=sorted(offered))
    made = synthesizer.registry.blended(engine, blend, synthesizer.store, library)
    sources = [offered[name] for name in blend.voices]
    languages = {voice.language for voice in sources}
    own = languages.pop() if len(languages) == 1 else sources[0].language
    info = synthesizer.engines()[engine]
    language = match_language(new.language, info) if new.language else own
    genders = {voice.gender for voice in sources}
    meta = VoiceMeta(
        voice_id=voice_id,
        title=new.title,
        engine=engine,
        language=language or MANY_LANGUAGES,
        gender=new.gender or (genders.pop() if len(genders) == 1 else "unknown"),
        description=new.description,
        created_at=_now(),
        base_model=made["base_model"],
        base_sha256=made["base_sha256"],
        effort=EFFORT,
        reference_s=0.0,
        consent=_consent(library, sources),
        report={},
    )
    return library.add(meta, made["tensors"], {}, provenance=_provenance(library, blend, shape, sources))


def _provenance(library: VoiceLibrary, blend: Blend, shape: Shape, sources: Sequence[Voice]) -> dict[str, Any]:
    """`blend`: the weights; `sources`: who they were, and for those that were made here what made them."""
    [point] = blend.points
    changed = {name: value for name, value in asdict(shape).items() if value != getattr(Shape(), name)}
    return {
        "blend": {"method": blend.method, "timbre": dict(point.timbre), "prosody": dict(point.prosody)},
        "sources": [_source(library, voice) for voice in sources],
        **({"shape": changed} if changed else {}),
    }


def _source(library: VoiceLibrary, voice: Voice) -> Mapping[str, Any]:
    told = {"voice_id": voice.voice_id, "title": voice.title, "engine": voice.engine, "is_stock": voice.is_stock}
    if voice.is_stock:
        return told
    document = library.document(voice.voice_id)
    return {**told, "consent": asdict(document.meta.consent), "provenance": document.provenance}


def _consent(library: VoiceLibrary, sources: Sequence[Voice]) -> Consent:
    """What the speakers of the voices that were made here agreed to; nothing where all are stock."""
    given = {voice.title: library.get(voice.voice_id).consent for voice in sources if not voice.is_stock}
    statement = " ".join(f"{title}: {consent.statement}" for title, consent in given.items())
    return Consent(statement[:4000], max((consent.given_at for consent in given.values()), default=_now()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
