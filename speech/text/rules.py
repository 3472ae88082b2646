"""What the languages share: rules applied in order, Roman numerals, the end of an abbreviation."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

# What a pattern finds and the language, as num2words names it (`pt_BR`), give the words spoken in its place.
Speak = Callable[[re.Match[str], str], str]
Rule = tuple[re.Pattern[str], Speak]

# 1 234 567; three threes, as in 600 123 456, are a telephone number.
SPACED_NUMBER = re.compile(r"(?<![\d.,+])(?<!\d )(?!\d{3} \d{3} \d{3}(?!\d))\d{1,3}(?: \d{3})+(?! ?\d)")
# A short word without a vowel that is no unit: its stop before a number ends no sentence.
UNKNOWN_ABBREVIATION = re.compile(
    r"(?<![\w.])(?!(?:hrs?|[cmk]m|kg|lbs?|ft|yd)\.)"
    r"([b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ][b-df-hj-np-tv-xz]{1,4})\.(?=\s\d)"
)
ROMAN = r"(?:M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3}))"
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_NEXT_WORD = re.compile(r"\s[\"'(—\s]*([^\W\d_]+)")
_OPENING = " \"'(—["


def apply(rules: Iterable[Rule], text: str, language: str) -> str:
    """`text` after every rule, in order."""
    for pattern, speak in rules:
        text = pattern.sub(_placing(speak, language), text)
    return text


def _placing(speak: Speak, language: str) -> Callable[[re.Match[str]], str]:
    return lambda found: _placed(found, speak(found, language))


def _placed(found: re.Match[str], spoken: str) -> str:
    """`spoken`, with a capital where a sentence starts, so that the sentence before it is still seen to end."""
    written = found[0]
    if (
        not written
        or spoken == written
        or not spoken[:1].islower()
        or written[:1].islower()
        or not starts_sentence(found)
    ):
        return spoken
    return spoken[0].upper() + spoken[1:]


def starts_sentence(found: re.Match[str]) -> bool:
    """Whether `found` stands at the start of the text or right after the end of a sentence."""
    start = found.start()
    if start and not found.string[start - 1].isspace() and found.string[start - 1] not in _OPENING:
        return False
    before = found.string[max(0, start - 6) : start].rstrip(_OPENING)
    return before[-1:] in (".", "!", "?", "\n") if before else start <= 6


def ends_sentence(found: re.Match[str], may_be_last: bool, starters: frozenset[str] = frozenset()) -> bool:
    """Whether the full stop that ends the abbreviation `found` ends its sentence too.

    A capital after it says so where the abbreviation `may_be_last`, or where the word is one of `starters`.
    """
    rest = found.string[found.end() : found.end() + 4]
    if not rest.strip(" \"')") or "\n" in rest[: len(rest) - len(rest.lstrip())]:
        return True
    if starters and (word := _NEXT_WORD.match(found.string, found.end())):
        may_be_last = may_be_last or word[1] in starters
    return may_be_last and rest[0].isspace() and rest.lstrip(" \"'(—")[:1].isupper()


def roman(numeral: str) -> int:
    """The value of a well-formed Roman numeral in capitals."""
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-value if value < max(values[index:]) else value for index, value in enumerate(values))


def is_letter(part: str, numeral: str, hundreds: frozenset[str], lettered: frozenset[str]) -> bool:
    """Whether a single `numeral` names what `part` says (class C) and does not count it (chapter C)."""
    if numeral in ("C", "L"):
        return part.lower() not in hundreds
    return numeral == "X" and part.lower() in lettered


def alternatives(words: Iterable[str]) -> str:
    """A pattern that finds any of `words`, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def to(words: str) -> Speak:
    """Always `words`."""
    return lambda found, language: words


def ending(words: str) -> Speak:
    """`words`, and the full stop of the abbreviation when it ends the sentence too."""
    return lambda found, language: f"{words}." if found[0].endswith(".") and ends_sentence(found, True) else words


def compile_rules(*pairs: tuple[str | re.Pattern[str], Speak]) -> tuple[Rule, ...]:
    """Rules from patterns and what speaks them."""
    return tuple((re.compile(pattern), speak) for pattern, speak in pairs)
