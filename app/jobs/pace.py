"""How long the rest of an attempt takes."""

from __future__ import annotations

LEAST_SHARE, LEAST_S = 3.0, 8.0  # percent and seconds; less says too little of how fast it goes
MEASURED_AT = 50.0  # percent that were made: from here on only the pace that was seen counts


class Pace:
    """Made when the attempt begins. `estimate_s`: of the whole work, from before anything of it was measured."""

    def __init__(self, estimate_s: float | None = None) -> None:
        self._estimate_s = estimate_s
        self._first: tuple[float, float] | None = None

    def left_s(self, percent: float, now: float) -> float | None:
        """Seconds that are left at `percent` (0 to 100) and `now` (monotonic); None while nobody can tell.

        The estimate gives way to the measured pace as more is made, so that what is told does not jump.
        """
        first_percent, began = self._first = self._first or (percent, now)
        made, took, rest = percent - first_percent, now - began, 100.0 - percent
        estimated = None if self._estimate_s is None else self._estimate_s * rest / 100
        if made < LEAST_SHARE or took < LEAST_S:
            return estimated
        measured = took / made * rest
        if estimated is None:
            return measured
        weight = min(1.0, made / MEASURED_AT)
        return weight * measured + (1 - weight) * estimated
