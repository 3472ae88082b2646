"""How far up recordings reach, and which are a telephone's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

INSIDE = 0.85  # of the measured bandwidth, where a recording is still whole
LEAST_HZ, HIGHEST_HZ = 3000.0, 11000.0  # up to which spectra are compared in any case, and at most
# Recordings of 8 kHz are measured at 3500 to 4750 Hz, those of 16 kHz at 8750 and more, or 7000 under noise.
NARROW_HZ = 5000.0


def usable_bandwidth_hz(measures: Iterable[Mapping[str, float]]) -> float:
    """Up to where the clips with these measures have sound (their median, less a margin), as far as that is known."""
    measured = [each["bandwidth_hz"] for each in measures if "bandwidth_hz" in each]
    return min(max(INSIDE * median(measured), LEAST_HZ), HIGHEST_HZ) if measured else HIGHEST_HZ


def is_narrow(top_hz: float) -> bool:
    """Whether recordings that reach so far are a telephone's: they tell nothing of how hisses sound."""
    return top_hz < INSIDE * NARROW_HZ
