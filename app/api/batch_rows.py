"""The rows of a batch: read from JSON or CSV, and checked one by one, so that a person sees what is wrong with each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from app.api.bodies import Body, validated
from app.api.job_requests import NewJob, params_of
from app.api.services import Services
from app.api.uploads import plain_name
from app.errors import FieldError, Problem
from speech.errors import SpeechError

MOST_ROWS = 1000
MOST_CSV_BYTES = 16 << 20
NAME_LENGTH = 60
# What a row calls the fields of POST /jobs.
NAMES = {
    "source_language": "language",
    "tts_engine": "engine",
    "quality_profile_id": "profile",
    "voice_id": "voice",
    "voice_preset": "voice",
}


class Row(Body):
    """`voice`: the id of a voice, or a preset; `name`: of its file in the ZIP."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    language: Annotated[str | None, Field(min_length=2, max_length=35)] = None
    voice: Annotated[str | None, Field(max_length=80)] = None
    engine: Annotated[str | None, Field(max_length=80)] = None
    profile: Annotated[str | None, Field(max_length=80)] = None
    speed: Annotated[float | None, Field(ge=0.5, le=2.0)] = None
    name: Annotated[str | None, Field(max_length=200)] = None


COLUMNS = tuple(Row.model_fields)


@dataclass(frozen=True)
class CheckedRow:
    """`params`: what its job would store; None where `errors` says why there is none."""

    number: int
    given: Mapping[str, Any]
    name: str = ""
    params: Mapping[str, Any] | None = None
    errors: Sequence[FieldError] = field(default=())

    @property
    def characters(self) -> int:
        return len(str(self.given.get("text") or ""))


def rows_of_csv(data: bytes) -> list[dict[str, Any]]:
    """Rows of a CSV in UTF-8 with commas or semicolons, its first line the names of COLUMNS in any order.

    Raises Problem `batch_columns`, `batch_too_many`, `body_too_large`; SpeechError `input_not_utf8`.
    """
    if len(data) > MOST_CSV_BYTES:
        raise Problem("body_too_large", limit_mb=MOST_CSV_BYTES >> 20)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpeechError("input_not_utf8", position=error.start) from error
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        return list(_rows(reader))
    except csv.Error as error:
        raise Problem("batch_columns", found=str(error)[:200], choices=list(COLUMNS)) from error


def _rows(reader: Iterator[list[str]]) -> Iterator[dict[str, Any]]:
    header = [name.strip().lower() for name in next(reader, [])]
    if "text" not in header or set(header) - set(COLUMNS) or len(set(header)) < len(header):
        raise Problem("batch_columns", found=", ".join(header)[:200] or "–", choices=list(COLUMNS))
    count = 0
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MOST_ROWS:
            raise Problem("batch_too_many", most=MOST_ROWS)
        row = {name: cell for name, cell in zip(header, cells) if name == "text" or cell.strip()}
        yield row | ({"": cells[len(header) :]} if len(cells) > len(header) else {})  # refused as a field by name


def checked_rows(
    services: Services, rows: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any], *, strict: bool
) -> list[CheckedRow]:
    """Every row with its params or its errors. `defaults`: of rows that do not say; `strict`: rows come from JSON.

    Raises Problem `batch_empty`, `batch_too_many`.
    """
    if not rows:
        raise Problem("batch_empty")
    if len(rows) > MOST_ROWS:
        raise Problem("batch_too_many", most=MOST_ROWS)
    voices = {voice.voice_id for voice in services.synthesizer.voices()}
    return [
        _checked(services, number, {**defaults, **row}, voices, strict=strict) for number, row in enumerate(rows, 1)
    ]


def _checked(
    services: Services, number: int, given: Mapping[str, Any], voices: set[str], *, strict: bool
) -> CheckedRow:
    try:
        row = validated(Row, dict(given), strict=strict)
        if row.language is None:
            return CheckedRow(number, given, errors=[FieldError("language", "field_missing", {})])
        params = params_of(services, _asked(row, row.language, voices))
    except Problem as problem:
        told = [FieldError(NAMES.get(e.field, e.field), e.code, e.values) for e in problem.errors]
        return CheckedRow(number, given, errors=told or [FieldError("", problem.code, problem.values)])
    except SpeechError as error:
        return CheckedRow(number, given, errors=[FieldError("", error.code, error.values)])
    return CheckedRow(number, given, plain_name(row.name)[:NAME_LENGTH] if row.name else "", params)


def _asked(row: Row, language: str, voices: set[str]) -> NewJob:
    voice: dict[str, Any] = {}
    if row.voice is not None:
        voice = {"voice_id": row.voice} if row.voice in voices else {"voice_preset": row.voice}
    fields = {
        "text": row.text,
        "source_language": language,
        "mode": "dubbing",
        "tts_engine": row.engine,
        "quality_profile_id": row.profile,
        "speed": row.speed,
        **voice,
    }
    return validated(NewJob, fields, strict=False)
