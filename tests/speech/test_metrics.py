"""Word error rate against counts made by hand."""

from __future__ import annotations

import pytest

from speech.metrics.wer import errors, word_error_rate, words


@pytest.mark.parametrize(
    ("wanted", "heard", "count"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a c", 1),
        ("a b c", "a b b c", 1),
        ("a b c", "", 3),
        ("", "a", 1),
        ("a b c d", "b c d a", 2),
    ],
)
def test_errors(wanted: str, heard: str, count: int) -> None:
    assert errors(wanted.split(), heard.split()) == count


def test_words_ignore_case_and_marks() -> None:
    assert words("Olá, Sr. João! It’s well-known_ok…") == ["olá", "sr", "joão", "its", "well", "known", "ok"]


def test_rate_is_over_all_words_together() -> None:
    assert word_error_rate(["one two three", "four"], ["one two", "four"]) == 0.25
    with pytest.raises(ValueError, match="no words"):
        word_error_rate(["…"], ["a"])
