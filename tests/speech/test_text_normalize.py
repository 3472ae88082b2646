"""What normalisation does to every language that has no rules of its own."""

from __future__ import annotations

import pytest

from speech.synthesis import checked_sentences
from speech.text.normalize import normalize


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
    assert len(checked_sentences(text, language, 200)) == count


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
