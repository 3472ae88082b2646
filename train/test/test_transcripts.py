"""A given text finds its clips, although the recogniser hears some words otherwise."""

from __future__ import annotations

import pytest

from speech.analysis.transcripts import difference, place

TEXT = "Bom dia a todos. O trem das 11 chegou atrasado, e ninguém soube explicar. Minha avó fazia bolo."


def test_words_go_to_the_clip_that_says_them() -> None:
    heard = ["bom dia todos", "o trem das onze chegou atrazado", "e ninguem sou explicar", "Minha avó fazia um bolo"]
    assert place(TEXT, heard, "pt-BR") == (
        "Bom dia a todos.",
        "O trem das 11 chegou atrasado,",
        "e ninguém soube explicar.",
        "Minha avó fazia bolo.",
    )


def test_every_word_is_placed_once_and_in_order() -> None:
    heard = ["bom dia", "o trem", "xyz", "fazia bolo"]
    assert " ".join(part for part in place(TEXT, heard, "pt-BR") if part) == TEXT


def test_words_nobody_said_stay_with_their_sentence() -> None:
    heard = ["bom dia", "trem chegou"]
    assert place("Bom dia, gente amiga. O trem chegou.", heard, "pt-BR") == ("Bom dia, gente amiga.", "O trem chegou.")


def test_nothing_heard_takes_no_words() -> None:
    assert place("Bom dia.", ["", "bom dia", ""], "pt-BR") == ("", "Bom dia.", "")
    assert place("Bom dia.", ["", ""], "pt-BR") == ("", "")
    assert place("", ["bom dia"], "pt-BR") == ("",)
    assert place("Bom dia.", [], "pt-BR") == ()


@pytest.mark.parametrize(
    ("text", "heard", "language", "least", "most"),
    [
        ("O trem das 11 chegou!", "o trem das onze chegou", "pt-BR", 0, 0),
        ("It's 5 o'clock.", "its five oclock", "en-US", 0, 0),
        ("e sbloccare la conferenza", "e z bloccare la conferenza", "it", 0, 0.1),
        ("Despues del tono", "Después del tono", "es", 0, 0),
        ("Bom dia a todos", "O trem chegou atrasado", "pt-BR", 0.6, 1),
        ("Bom dia", "", "pt-BR", 1, 1),
        ("", "", "pt-BR", 0, 0),
    ],
)
def test_difference_is_in_what_is_said(text: str, heard: str, language: str, least: float, most: float) -> None:
    assert least <= difference(text, heard, language) <= most
