"""How words of the command line become values."""

from __future__ import annotations

from collections.abc import Callable

from speech.errors import SpeechError


def number(kind: type[int] | type[float]) -> Callable[[str], float]:
    def read(word: str) -> float:
        try:
            return kind(word)
        except ValueError as error:
            raise SpeechError("not_a_number", value=word) from error

    return read
