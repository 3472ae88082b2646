"""Which characters of a text a language is not written in, and whether there is anything to speak at all."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Scripts beside Latin, by the words that Unicode character names start with.
_SCRIPTS = {
    "ar": {"ARABIC"},
    "be": {"CYRILLIC"},
    "bg": {"CYRILLIC"},
    "bn": {"BENGALI"},
    "cmn": {"CJK", "BOPOMOFO", "IDEOGRAPHIC"},
    "el": {"GREEK"},
    "fa": {"ARABIC"},
    "gu": {"GUJARATI"},
    "he": {"HEBREW"},
    "hi": {"DEVANAGARI"},
    "hy": {"ARMENIAN"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"},
    "ka": {"GEORGIAN"},
    "kk": {"CYRILLIC"},
    "kn": {"KANNADA"},
    "ko": {"HANGUL", "CJK"},
    "mk": {"CYRILLIC"},
    "ml": {"MALAYALAM"},
    "mr": {"DEVANAGARI"},
    "ne": {"DEVANAGARI"},
    "pa": {"GURMUKHI"},
    "ru": {"CYRILLIC"},
    "sr": {"CYRILLIC"},
    "ta": {"TAMIL"},
    "te": {"TELUGU"},
    "th": {"THAI"},
    "uk": {"CYRILLIC"},
    "ur": {"ARABIC"},
    "yue": {"CJK", "BOPOMOFO", "IDEOGRAPHIC"},
    "zh": {"CJK", "BOPOMOFO", "IDEOGRAPHIC"},
}


def unreadable(text: str, language: str) -> tuple[str, ...]:
    """The distinct letters of `text`, in order, whose script `language` (BCP 47) is not written in.

    Latin letters are readable everywhere; digits, punctuation and symbols are never listed.
    """
    readable = frozenset({"LATIN"} | _SCRIPTS.get(language.replace("_", "-").split("-")[0].lower(), set()))
    letters = dict.fromkeys(character for character in text if not character.isascii() and character.isalpha())
    return tuple(letter for letter in letters if not _is_readable(letter, readable))


def has_speech(text: str) -> bool:
    """Whether a letter or a number is in `text`; emoji, punctuation and white space alone cannot be spoken."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)


@lru_cache(maxsize=4096)
def _is_readable(letter: str, readable: frozenset[str]) -> bool:
    # The compatibility form turns º into o, a mathematical bold A into A and a full-width letter into a plain one.
    plain = unicodedata.normalize("NFKC", letter)
    return all(
        not character.isalpha() or bool(readable & set(unicodedata.name(character, "").split())) for character in plain
    )
