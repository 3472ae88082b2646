"""Letters that a language is not written in are named; text without speech is told apart."""

from __future__ import annotations

import pytest

from speech.text.script import has_speech, unreadable


@pytest.mark.parametrize(
    ("text", "language", "letters"),
    [
        ("Olá, 你好! Я", "pt-BR", ("你", "好", "Я")),
        ("São Paulo, 1º e 2ª, ﬁm, Å", "pt-BR", ()),
        ("naïve café Łódź", "en-US", ()),
        ("привет hello", "ru", ()),
        ("こんにちは世界 コーヒー", "ja", ()),
        ("こんにちは", "zh-CN", ("こ", "ん", "に", "ち", "は")),
        ("你好", "cmn", ()),
        ("नमस्ते", "hi", ()),
        ("नमस्ते", "pt_BR", ("न", "म", "स", "त")),
        ("ab 你你 c", "en", ("你",)),
        ("😀 ½ € …", "en", ()),
    ],
)
def test_unreadable(text: str, language: str, letters: tuple[str, ...]) -> None:
    assert unreadable(text, language) == letters


@pytest.mark.parametrize("text", ["a", "5", "你", "½", "... é"])
def test_has_speech(text: str) -> None:
    assert has_speech(text)


@pytest.mark.parametrize("text", ["", "  \n", "?!…", "😀👍🏽", "— “”", "🇧🇷", "\u200b"])
def test_has_no_speech(text: str) -> None:
    assert not has_speech(text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de-DE", "Größe, 20 € und 5°"),
        ("cs-CZ", "Příliš žluťoučký kůň"),
        ("hu-HU", "Árvíztűrő tükörfúrógép"),
        ("pl-PL", "Zażółć gęślą jaźń"),
        ("tr-TR", "İğne, ılık, Şule"),
        ("ru-RU", "Съешь ещё, iPhone"),
        ("ar", "مرحبا، كيف حالك؟ ١٢"),
        ("hi-IN", "नमस्ते। ज़िंदगी १२"),
        ("ja-JP", "々ー東京タワー、ｶﾅ、ＯＫ！"),
        ("ko-KR", "안녕하세요, 漢字 ㅋㅋ"),
        ("zh-CN", "你好，重庆！〇"),
    ],
)
def test_every_language_of_xtts_is_readable_in_its_own_letters(language: str, text: str) -> None:
    assert unreadable(text, language) == ()
