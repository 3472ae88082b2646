"""CSV that a spreadsheet shows and does not compute, and reading it back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with which a cell is computed (OWASP: CSV injection)


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """RFC 4180, a line at a time; a text that begins like a formula gets an apostrophe before it."""
    yield _line(header)
    for cells in rows:
        yield _line([safe_cell(cell) for cell in cells])


def safe_cell(cell: object) -> object:
    """Numbers stay numbers, None is an empty cell. A text that looks as if it had been through here gets one more
    apostrophe, so that `plain_cell` finds what was."""
    if cell is None:
        return ""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA) else cell


def plain_cell(text: str) -> str:
    """The inverse of `safe_cell` for a text."""
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(FORMULA) else text


def _line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
