"""How a text will be said, without a sound: its sentences as written, in spoken words and in phonemes."""

from __future__ import annotations

from dataclasses import dataclass

from speech.request_checks import MAX_CHARS, checked_reading
from speech.text.markup import LeftOut
from speech.text.reading import DEFAULT, ReadingOptions, written_parts


@dataclass(frozen=True)
class ReadSentence:
    """A sentence three times: as written, as it is said, and in phonemes ("" where the language has none here)."""

    written: str
    spoken: str
    phonemes: str


@dataclass(frozen=True)
class Preview:
    """How a text will be said, and what of it will not."""

    language: str
    sentences: tuple[ReadSentence, ...]
    left_out: tuple[LeftOut, ...]


def preview(text: str, language: str, voice: str = "", options: ReadingOptions = DEFAULT) -> Preview:
    """How `text` will be said in `language` (BCP 47) by `voice`. Raises what `checked_reading` raises."""
    from speech.engines.kokoro.phonemes import phonemize

    reading = checked_reading(text, language, MAX_CHARS, options.narrowed(language, voice))
    alphabet = _phoneme_language(language)
    sentences = tuple(
        ReadSentence(written, sentence.text, phonemize(sentence.text, alphabet, sentence.given) if alphabet else "")
        for sentence, written in zip(reading.sentences, written_parts(reading), strict=True)
    )
    return Preview(language, sentences, reading.left_out)


def _phoneme_language(language: str) -> str:
    """The language with phonemes that `language` is, or is a form of; "" where there is none."""
    from speech.engines.kokoro.phonemes import ESPEAK_VOICES

    wanted = language.replace("_", "-").lower()
    exact = (tag for tag in ESPEAK_VOICES if tag.lower() == wanted)
    related = (tag for tag in ESPEAK_VOICES if tag.lower().partition("-")[0] == wanted.partition("-")[0])
    return next(exact, next(related, ""))
