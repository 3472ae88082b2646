"""Kokoro's stock voices, told by their ids: language letter, gender letter, name (hexgrad/Kokoro-82M, VOICES.md)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from speech.errors import SpeechError
from speech.models import CATALOGUE, read_catalogue
from speech.voices import Voice

LANGUAGES = {
    "p": "pt-BR",
    "a": "en-US",
    "b": "en-GB",
    "e": "es",
    "f": "fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "z": "zh",
}
GENDERS = {"f": "female", "m": "male"}


def stock_voice(voice_id: str) -> Voice:
    """`pf_dora` is the female Brazilian voice Dora. Raises SpeechError `unknown_voice` for an id of another shape."""
    letters, _, name = voice_id.partition("_")
    if len(letters) != 2 or letters[0] not in LANGUAGES or letters[1] not in GENDERS or not name:
        raise SpeechError("unknown_voice", voice=voice_id, choices=[])
    return Voice(voice_id, "kokoro", LANGUAGES[letters[0]], GENDERS[letters[1]], name.replace("_", " + ").title())


@cache
def stock_voices() -> tuple[Voice, ...]:
    """All of `stock_ids`, Brazilian first, then American and British, then the rest as in `LANGUAGES`."""
    order = list(LANGUAGES.values())
    voices = [stock_voice(voice_id) for voice_id in stock_ids()]
    return tuple(sorted(voices, key=lambda voice: (order.index(voice.language), voice.voice_id)))


# Three stock voices are Brazilian; each of these is one more person, told apart from the others by a speaker encoder
# and understood as well (bench/NOTES.md). A blend is the weighted mean of the styles.
BLENDS: Mapping[str, Mapping[str, float]] = {
    "pf_dora_bella": {"pf_dora": 0.5, "af_bella": 0.5},
    "pf_dora_sara": {"pf_dora": 0.5, "if_sara": 0.5},
    "pf_dora_sky": {"pf_dora": 0.5, "af_sky": 0.5},
    "pm_alex_eric": {"pm_alex": 0.5, "am_eric": 0.5},
    "pm_alex_michael": {"pm_alex": 0.5, "am_michael": 0.5},
}


def recipe(voice_id: str) -> Mapping[str, float]:
    """Stock voices that `voice_id` is made of, with weights that sum to one; itself when it is no blend."""
    return BLENDS.get(voice_id, {voice_id: 1.0})


def is_stock(voice_id: str) -> bool:
    return voice_id in stock_ids()


@cache
def stock_ids() -> tuple[str, ...]:
    """Every voice that comes with the engine: the catalogue's files and the blends."""
    files = read_catalogue(CATALOGUE)["kokoro-voices"].files
    return (*(Path(file.path).stem for file in files if file.path.endswith(".bin")), *BLENDS)
