"""English number words: cardinals, years, ordinals and digits; Americans say no `and` in them, Britons do."""

from __future__ import annotations

import re
from functools import lru_cache

from speech.text.number_words import number_words

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"


@lru_cache(maxsize=4096)
def cardinal(value: int, language: str) -> str:
    """`value` in words: one thousand two hundred thirty-four, or with British `and`s when `language` is `en_GB`."""
    return _regional(number_words(value, "en"), language)


@lru_cache(maxsize=1024)
def ordinal(value: int, language: str) -> str:
    """`value` as an ordinal: twenty-first."""
    return _regional(number_words(value, "en", to="ordinal"), language)


def _regional(words: str, language: str) -> str:
    words = words.replace(",", "")
    return words if language == "en_GB" else words.replace(" and ", " ")


def year(value: int, language: str) -> str:
    """A year as it is said: nineteen ninety-nine, nineteen oh five, two thousand five, twenty twenty-four."""
    century, rest = divmod(value, 100)
    if value < 1000 or value > 2099 or 2000 <= value <= 2009 or value % 1000 == 0:
        return cardinal(value, language)
    if rest == 0:
        return f"{cardinal(century, language)} hundred"
    return f"{cardinal(century, language)} {two_digits(rest, language)}"


def two_digits(value: int, language: str) -> str:
    """The last two digits of a year or a time: oh five, twelve."""
    return f"oh {cardinal(value, language)}" if value < 10 else cardinal(value, language)


def plural(words: str) -> str:
    """The plural of a number word: nineties, hundreds, twos, sixes."""
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("x") else f"{words}s"


def digits(written: str, language: str) -> str:
    """Every digit of `written` by itself, with a short pause between its groups."""
    groups = re.findall(r"\d+", written)
    return ", ".join(" ".join(cardinal(int(digit), language) for digit in group) for group in groups)


def number(written: str, language: str) -> str:
    """A number as it is written in English (1,234.56) in words; long ones digit by digit."""
    whole, _, decimals = written.partition(".")
    plain = whole.replace(",", "")
    by_digit = len(plain) > 15 or (whole == plain and _is_code(plain) and not decimals)
    spoken = digits(plain, language) if by_digit else cardinal(int(plain), language)
    return f"{spoken} point {digits(decimals, language)}" if decimals else spoken


def _is_code(plain: str) -> bool:
    """Long numbers without separators and those with leading zeros are names; they do not count anything."""
    return (len(plain) > 6 and not plain.endswith("000")) or (len(plain) > 2 and plain[0] == "0")


def is_one(written: str) -> bool:
    """Whether a unit after the number stands in the singular."""
    return written == "1"
