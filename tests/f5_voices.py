"""A library with one voice that F5-TTS can hear, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.f5_reference import recording
from speech.audio import Audio
from speech.voice_files import Consent, VoiceMeta
from speech.voice_folder import SpokenClip
from speech.voice_library import VoiceLibrary

CONSENT = Consent("I agree.", "2026-11-22T19:00:00+00:00")
VALUES = ("f5tts", "pt-BR", "female", "", "2026-11-22T19:00:00+00:00", "", "", "reference", 4.0, CONSENT)
TEXT = "Bom dia a todos, hoje é sexta-feira e o sol brilha."


def clip(duration_s: float = 4.0, seed: int = 0) -> Audio:
    return Audio(recording(duration_s, seed), 24000)


def write_voice(folder: Path, clips: Sequence[SpokenClip] | None = None, name: str = "ana") -> Path:
    """`folder`, with the voice in it."""
    given = [SpokenClip(clip(), TEXT)] if clips is None else clips
    VoiceLibrary(folder).add(VoiceMeta(name, name.title(), *VALUES), {}, {}, given)
    return folder
