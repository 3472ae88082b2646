"""How far up recordings reach, and which are a telephone's."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from train.manifest import Clip

INSIDE = 0.85  # of the measured bandwidth, where a recording is still whole
LEAST_HZ, HIGHEST_HZ = 3000.0, 11000.0  # up to which spectra are compared in any case, and at most
# Recordings of 8 kHz are measured at 3500 to 4750 Hz, those of 16 kHz at 8750 and more, or 7000 under noise.
NARROW_HZ = 5000.0


def reach(clips: Sequence[Clip]) -> float:
    """Up to where the recordings have sound (their median, less a margin), as far as that was measured."""
    measured = [clip.measures["bandwidth_hz"] for clip in clips if "bandwidth_hz" in clip.measures]
    return min(max(INSIDE * median(measured), LEAST_HZ), HIGHEST_HZ) if measured else HIGHEST_HZ


def is_narrow(top_hz: float) -> bool:
    """Whether recordings that `reach` so far are a telephone's: they tell nothing of how hisses sound."""
    return top_hz < INSIDE * NARROW_HZ
