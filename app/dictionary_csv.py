"""A dictionary's CSV read for a person: what is wrong with a line is said in their language."""

from __future__ import annotations

from app.texts import render
from speech.errors import SpeechError
from speech.text.dictionary import Entry, from_csv


def entries_of(data: bytes, language: str) -> list[Entry]:
    """Checked entries of a CSV in UTF-8. Raises SpeechError `input_not_utf8`, `csv_columns`, `csv_row`."""
    try:
        return from_csv(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SpeechError("input_not_utf8", position=error.start) from error
    except SpeechError as error:
        cause = error.__cause__
        if not isinstance(cause, SpeechError):
            raise
        reason = render(f"error.{cause.code}", language, cause.values)
        raise SpeechError(error.code, **{**error.values, "reason": reason}) from error
