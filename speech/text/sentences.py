"""Cut a text into sentences so that no character is lost and no piece is longer than an engine can take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """A piece of text spoken in one breath; `ends_paragraph` asks for a longer pause after it."""

    text: str
    ends_paragraph: bool = False
