"""Moments as every answer tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def iso(moment: float) -> str: ...


@overload
def iso(moment: None) -> None: ...


def iso(moment: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC, with milliseconds."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
