"""The sentences that voices are measured with say what their references say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from speech.text.normalize import normalize
from speech.text.script import unreadable

SENTENCES = json.loads((Path(__file__).parents[2] / "bench" / "sentences.json").read_text("utf-8"))


def _words(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_numbers_are_spoken_as_their_reference(language: str) -> None:
    numbers = SENTENCES[language]["numbers"]
    assert len(numbers) == 8
    for written, spoken in numbers:
        assert _words(normalize(written, language)) == _words(spoken)


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_plain_sentences_have_nothing_to_normalise(language: str) -> None:
    plain = SENTENCES[language]["plain"]
    assert len(set(plain)) == 12
    for sentence in plain:
        assert normalize(sentence, language) == sentence
        assert 6 <= len(_words(sentence)) <= 16
        assert unreadable(sentence, language) == ()
