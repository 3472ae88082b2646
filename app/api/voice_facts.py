"""What is known of voices beside what their engines say: how they were made, and how often they spoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from app.api.services import Services
from app.api.times import iso
from app.jobs.kinds import KINDS
from app.storage.usage import STREAM, UNUSED, UsageStore, VoiceUse
from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.voice_files import VoiceDocument, VoiceMeta
    from speech.voices import Voice

SPEAKING = (STREAM, *(kind.name for kind in KINDS.values() if kind.makes_sound))


class ConsentView(BaseModel):
    statement: str
    given_at: str


def facts_of(services: Services, voices: Sequence[Voice]) -> Mapping[str, dict[str, Any]]:
    """By voice: fields of a VoiceProfile. A voice that was deleted meanwhile is left out."""
    documents = _documents(services, [voice.voice_id for voice in voices if not voice.is_stock])
    voices = [voice for voice in voices if voice.is_stock or voice.voice_id in documents]
    uses = uses_of(services, [voice.voice_id for voice in voices], [one.meta for one in documents.values()])
    facts: dict[str, dict[str, Any]] = {}
    for voice in voices:
        use = uses.get(voice.voice_id, UNUSED)
        facts[voice.voice_id] = {"usage_count": use.count, "last_used_at": iso(use.last_at)}
        if voice.voice_id in documents:
            facts[voice.voice_id] |= _of_cloned(services, documents[voice.voice_id])
    return facts


def _documents(services: Services, voice_ids: Sequence[str]) -> dict[str, VoiceDocument]:
    library = services.cloning.library()
    found = {}
    for voice_id in voice_ids:
        try:
            found[voice_id] = library.document(voice_id)
        except SpeechError as error:
            if error.code != "unknown_voice":
                raise
    return found


def uses_of(services: Services, voice_ids: Sequence[str], cloned: Sequence[VoiceMeta]) -> Mapping[str, VoiceUse]:
    """Of the voices that were used. What an earlier voice said under the name of a cloned one is not its own."""
    since = dict.fromkeys(voice_ids, 0.0) | {meta.voice_id: made_at(meta) for meta in cloned}
    return UsageStore(services.database, services.caller).by_voice(since, SPEAKING)


def made_at(meta: VoiceMeta) -> float:
    """When a voice was made; 0 where its file does not say it."""
    try:
        return datetime.fromisoformat(meta.created_at).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def samples_of(services: Services, voice_id: str) -> list[Path]:
    return sorted((services.cloning.library().folder(voice_id) / "samples").glob("*.wav"))


def _of_cloned(services: Services, document: VoiceDocument) -> dict[str, Any]:
    meta = document.meta
    return {
        "description": meta.description,
        "ref_text": " ".join(clip.text for clip in document.clips if clip.text) or None,
        "created_at": meta.created_at,
        "duration": meta.reference_s,
        "quality_score": _quality(meta),
        "effort": meta.effort,
        "consent": _consent(meta),
        "samples": [path.stem for path in samples_of(services, meta.voice_id)],
        "has_report": bool(meta.report),
        "has_weights": services.cloning.library().weights(meta.voice_id) is not None,
    }


def _quality(meta: VoiceMeta) -> float | None:
    """DNSMOS' overall score of what it says in its own language, 1 to 5, as 0 to 1; None where nobody measured it."""
    try:
        of_its_own = (one for one in meta.report.get("languages", ()) if one["language"] == meta.language)
        return round(min(1.0, max(0.0, (float(next(of_its_own)["overall"]["fitted"]) - 1) / 4)), 3)
    except (StopIteration, KeyError, TypeError, ValueError):  # a voice that was brought may have any report
        return None


def _consent(meta: VoiceMeta) -> ConsentView | None:
    """None where nobody had to agree: a mixture of stock voices."""
    statement = meta.consent.statement
    return ConsentView(statement=statement, given_at=meta.consent.given_at) if statement else None
