"""A row of `docs/BENCHMARKS.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Row:
    what: str
    how: str
    ours: str
    reference: str
    ratio: str = "–"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def compared(what: str, how: str, ours: float, reference: float, *, unit: str = " s") -> Row:
    digits = 0 if unit == " MB" else 2
    said = (f"{value:.{digits}f}{unit}" for value in (ours, reference))
    return Row(what, how, *said, f"{ours / reference:.2f}")
