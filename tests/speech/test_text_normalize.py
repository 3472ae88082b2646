"""What normalisation does to every language, with rules of its own or without."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from speech.request_checks import checked_reading
from speech.text.clean import clean
from speech.text.normalize import normalize
from tests.speech.test_text_english import SPOKEN as ENGLISH
from tests.speech.test_text_portuguese import SPOKEN as PORTUGUESE


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1 234 567 habitants", "1234567 habitants"),
        ("12\u00a0345,50 €", "12345,50 €"),
        ("en 1999 il y avait 25\u202f000 voix", "en 1999 il y avait 25000 voix"),
        ("tel. 600 123 456", "tel. 600 123 456"),
        ("06 12 34 56 78, +33 612 345", "06 12 34 56 78, +33 612 345"),
        ("3 100 2", "3 100 2"),
        ("« Oui »  ！", '" Oui "!'),
    ],
)
def test_spaces_within_a_number_go(text: str, normal: str) -> None:
    assert normalize(text, "fr-FR") == normal


@pytest.mark.parametrize(
    ("language", "text", "count"),
    [
        ("zh-CN", "你好！今天天气怎么样？很好。", 3),
        ("ja-JP", "こんにちは！元気ですか？はい。", 3),
        ("hi-IN", "नमस्ते! मैं ठीक हूँ। और आप?", 3),
        ("ar", "مرحبا! كيف حالك؟ أنا بخير.", 3),
        ("ko-KR", "안녕하세요! 네. 좋아요.", 3),
        ("ru-RU", "Привет! Как дела? Хорошо.", 3),
        ("de-DE", "Am 3. Mai war Hr. Kurz da. Schön!", 2),
    ],
)
def test_a_plan_speaks_a_text_sentence_by_sentence(language: str, text: str, count: int) -> None:
    assert len(checked_reading(text, language, 200).sentences) == count


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Dne 3. května přišel.", "Dne třetího května přišel."),
        ("Narozen 21.12.1999 a 1. 1. 2024.", "Narozen dvacátého prvního prosince 1999 a prvního ledna 2024."),
        ("Je 2. v pořadí, 40. den, 1.500 lidí.", "Je druhý v pořadí, čtyřicátý den, 1.500 lidí."),
        ("Bylo jich 9. Odešli.", "Bylo jich 9. Odešli."),
        ("V 7.30 za 20.15", "V 7.30 za 20.15"),
    ],
)
def test_czech_ordinals(text: str, normal: str) -> None:
    assert normalize(text, "cs-CZ") == normal


def test_every_letter_and_numeral_stays() -> None:
    """Of any script, but for those that are another shape of a plain one."""
    for character in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.category(character)[0] in "LN" and unicodedata.is_normalized("NFKC", character):
            assert clean(f"a{character}b") == f"a{character}b", hex(ord(character))


@pytest.mark.parametrize("character", "\x00\x1b\x7f\x9f\xad\u200b\u200d\u202e\u20dd\ufe0f\ufeff")
def test_what_cannot_be_seen_goes(character: str) -> None:
    assert clean(f"a{character}b").replace(" ", "") == "ab"


def test_a_joiner_stays_where_it_is_spelling() -> None:
    assert clean("می\u200cخواهم क्\u200dष") == "می\u200cخواهم क्\u200dष"


@pytest.mark.parametrize(("language", "rows"), [("pt-BR", PORTUGUESE), ("en-US", ENGLISH)])
def test_time_grows_with_the_length_and_no_faster(language: str, rows: list[tuple[str, str]]) -> None:
    """Eight times the text takes about eight times as long; were it to grow with the square, sixty-four."""
    text = " ".join(written for written, _ in rows)
    longer = text * (40_000 // len(text) + 1)
    assert _least_s(longer[:40_000], language) < 16 * _least_s(longer[:5_000], language)


def _least_s(text: str, language: str) -> float:
    """Of three goes, on this thread's own clock."""
    took = []
    for _ in range(3):
        started = time.thread_time()
        normalize(text, language)
        took.append(time.thread_time() - started)
    return min(took)
