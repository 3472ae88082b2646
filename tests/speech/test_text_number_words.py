"""Numbers in words while other threads read other numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from speech.text.number_words import number_words

NUMBERS = [("tr", 3), ("tr", 987_654_321), ("pt_BR", 2.5), ("pt_BR", 3.14159), ("en", 0.25), ("en", 7.125)]
WORDS = [
    "üç",
    "dokuzyüzseksenyedimilyonaltıyüzellidörtbinüçyüzyirmibir",
    "dois vírgula cinco",
    "três vírgula um quatro um cinco nove",
    "zero point two five",
    "seven point one two five",
]


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns so often that what they share is seen half done."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_numbers_read_by_several_threads_keep_their_own_words(eager_threads: None) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda number: number_words(number[1], number[0]), NUMBERS * 200))
    assert found == WORDS * 200


def test_options_and_errors_are_num2words_own() -> None:
    assert number_words(21, "pt_BR", to="ordinal") == "vigésimo primeiro"
    with pytest.raises(NotImplementedError):
        number_words(1, "xx")
