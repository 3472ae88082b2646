"""Text as XTTS was trained to hear it: lower case, numbers and symbols in words, Asian scripts in Latin letters.

The public weights learned from text that one particular cleaner had written out, so equality with it matters more
than beauty: what is wrong here (a Turkish "1,5" is two numbers, "2ª" is masculine, "15:30" keeps its colon) is what
the model heard in training. Better words come from `speech.text.normalize`, before this.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Mapping
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from speech.errors import SpeechError
from speech.text import chinese, hindi
from speech.text.number_words import number_words

INSTALL_COMMAND = "./run xtts"
_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "ja": ("cutlet", "fugashi", "unidic_lite"),
    "ko": ("ko_speech_tools",),
    "zh": ("pypinyin",),
}
_COMMA_GROUPS = re.compile(r"\b\d{1,3}(,\d{3})*(\.\d+)?\b")
# Any character stands between the groups, not a point alone: so it was in training.
_DOT_GROUPS = re.compile(r"\b\d{1,3}(.\d{3})*(\,\d+)?\b")
_DECIMAL = re.compile(r"[0-9]+[.,][0-9]+")
_AMOUNT = r"[0-9\.\,]*[0-9]+"
_CURRENCIES = {
    code: re.compile(f"{sign}{_AMOUNT}|{_AMOUNT}{sign}") for code, sign in (("GBP", "£"), ("USD", r"\$"), ("EUR", "€"))
}
# What num2words raises where a language has no such word; the training's cleaner failed on these sentences.
_NO_WORDS = (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError)
_japanese_lock = threading.Lock()


def clean(text: str, language: str) -> str:
    """`text` as the model of `language` (two letters) was trained on it.

    Raises SpeechError `xtts_language_package_missing`.
    """
    missing = [name for name in _PACKAGES.get(language, ()) if find_spec(name) is None]
    if missing:
        raise SpeechError("xtts_language_package_missing", language=language, packages=missing, command=INSTALL_COMMAND)
    if language == "ja":
        with _japanese_lock:  # MeCab keeps the sentence it is reading
            return str(_japanese().romaji(text)).lower()
    text = text.replace('"', "")
    if language == "tr":
        text = text.replace("İ", "i")  # else lower() leaves a dot above the i
    text = text.lower()
    text = chinese.spoken(text) if language == "zh" else _numbers(text, language)
    rules = _rules()[language]
    for short, word in rules["short"].items():
        end = "" if short.endswith(".") else r"\b"
        text = re.sub(rf"\b{re.escape(short)}{end}", word, text, flags=re.IGNORECASE)
    for symbol, word in rules["symbols"].items():
        text = text.replace(symbol, f" {word} ")
    return _in_latin_letters(" ".join(text.split()), language)


def _in_latin_letters(text: str, language: str) -> str:
    if language == "zh":
        from pypinyin import Style, pinyin

        return "".join(sound[0] for sound in pinyin(text, style=Style.TONE3, neutral_tone_with_five=True))
    if language == "ko":
        from ko_speech_tools import hangul_romanize

        return str(hangul_romanize(text))
    return text


def _numbers(text: str, language: str) -> str:
    if language == "hi":
        return hindi.spoken(text)  # num2words has no Hindi
    if language in ("en", "ru"):
        text = _COMMA_GROUPS.sub(lambda found: found[0].replace(",", ""), text)
    else:
        text = _DOT_GROUPS.sub(lambda found: found[0].replace(".", ""), text)
    with contextlib.suppress(Exception):  # a currency without words in this language stays a symbol, and the next ones
        for code, pattern in _CURRENCIES.items():
            text = pattern.sub(partial(_money, language=language, code=code), text)
    if language != "tr":
        text = _DECIMAL.sub(partial(_decimal, language=language), text)
    text = re.sub(f"([0-9]+)({_rules()[language]['ordinal']})", partial(_ordinal, language=language), text)
    return re.sub(r"[0-9]+", lambda found: _cardinal(found[0], language), text)


def _money(found: re.Match[str], language: str, code: str) -> str:
    amount = float(re.sub(r"[^\d.]", "", found[0].replace(",", ".")))
    words = number_words(amount, language, to="currency", currency=code)
    return words.rpartition(_rules()[language]["cents"])[0] or words if amount.is_integer() else words


def _decimal(found: re.Match[str], language: str) -> str:
    try:
        return number_words(float(found[0].replace(",", ".")), language)
    except _NO_WORDS:
        return found[0]  # it is read as two numbers


def _ordinal(found: re.Match[str], language: str) -> str:
    """The ordinal; in Czech and for most of Korean's, which num2words lacks, the cardinal and its ending."""
    try:
        return number_words(int(found[1]), language, ordinal=True)
    except _NO_WORDS:
        within = found[2] == "." and found.end() < len(found.string)
        return _cardinal(found[1], language) + ("" if within else found[2])


def _cardinal(number: str, language: str) -> str:
    try:
        return number_words(int(number), language)
    except _NO_WORDS:  # too large to have a name
        return " ".join(number_words(int(digit), language) for digit in number)


@lru_cache(maxsize=1)
def _rules() -> dict[str, dict[str, Any]]:
    """Per language: what parts a currency from its cents, endings of ordinals, abbreviations, words of symbols."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    rules: dict[str, dict[str, Any]] = json.loads(text)
    return rules


@lru_cache(maxsize=1)
def _japanese() -> Any:
    import cutlet

    return cutlet.Cutlet()
