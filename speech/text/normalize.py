"""Written text as it is spoken: numbers, dates, money, abbreviations and symbols in words."""

from __future__ import annotations

from speech.text.clean import clean


def normalize(text: str, language: str) -> str:
    """`text` as a person reads it out in `language` (BCP 47)."""
    return clean(text)
