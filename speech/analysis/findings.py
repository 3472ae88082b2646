"""Something wrong with a piece of a recording, as a value that can be told to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from speech.decoding import Told

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


LOUD = 1.1  # times full scale: lossy codecs overshoot by less
OFFSET = 0.05  # of full scale


def of_reading(told: Told) -> tuple[Finding, ...]:
    """What a person should know of how their recording was read; `value` is of what each code says."""
    found = []
    if told.lost_s >= 0.1:
        found.append(Finding("packets_lost", "warning", {"value": round(told.lost_s, 1)}))
    if told.peak > LOUD:
        found.append(Finding("over_full_scale", "warning", {"value": round(told.peak, 1)}))
    if abs(told.offset) > OFFSET:
        found.append(Finding("offset", "warning", {"value": round(100 * abs(told.offset))}))
    if told.are_opposite:
        found.append(Finding("channels_cancel", "warning", {"value": told.channels}))
    if told.track:
        found.append(Finding("other_track", "warning", {"value": told.track + 1}))
    return tuple(found)
