"""Portuguese and English told apart, and no answer where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from speech.text.language import guess

SENTENCES = json.loads((Path(__file__).parents[2] / "bench" / "sentences.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_every_sentence_of_the_benchmark_is_told(language: str) -> None:
    written = SENTENCES[language]["plain"] + [pair[0] for pair in SENTENCES[language]["numbers"]]
    assert [text for text in written if guess(text) != language] == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Olá, mundo", "pt-BR"),
        ("Bom dia", "pt-BR"),
        ("Hello, world", "en-US"),
        ("Good morning", "en-US"),
        ("Papagaio", None),
        ("123", None),
        ("", None),
    ],
)
def test_short_texts(text: str, language: str | None) -> None:
    assert guess(text) == language
