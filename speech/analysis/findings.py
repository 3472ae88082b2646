"""Something wrong with a piece of a recording, as a value that can be told to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "refused"]


@dataclass(frozen=True)
class Finding:
    """Something wrong with a clip. `clone.finding.CODE` and `clone.hint.CODE` of the text catalogue say it to a
    person, `values` filling their placeholders."""

    code: str
    severity: Severity  # refused: the clip is left out; warning: it is used, and the report says so
    values: Mapping[str, float | str]

    def __post_init__(self) -> None:
        if self.severity not in ("warning", "refused"):
            raise ValueError(f"severity is warning or refused, not {self.severity!r}")
