"""How far recordings reach, and where a telephone's end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from speech.analysis.bandwidth import NARROW_HZ, is_narrow, usable_bandwidth_hz
from speech.analysis.quality import bandwidth_hz, judge
from speech.audio import Audio, resample
from train.kokoro.report import compared_up_to

RATE = 24000


def clips(*measured_hz: float) -> list[Mapping[str, float]]:
    return [{"bandwidth_hz": one} for one in measured_hz]


def test_they_reach_as_far_as_most_clips() -> None:
    assert usable_bandwidth_hz(clips(4400.0, 4500.0, 11900.0)) == pytest.approx(0.85 * 4500.0)
    assert usable_bandwidth_hz(clips(500.0)) == 3000.0
    assert usable_bandwidth_hz([]) == usable_bandwidth_hz(clips(24000.0)) == 11000.0


def recorded(rate: int, noise: float = 0.0) -> Audio:
    """Bursts of all frequencies as a recorder of that rate keeps them, in a noise or without."""
    chance = np.random.default_rng(0)
    moments = np.arange(4 * RATE) / RATE
    bursts = (0.2 * chance.normal(0, 1, len(moments)) * (np.sin(2 * np.pi * 2 * moments) > 0)).astype(np.float32)
    kept = resample(resample(Audio(bursts, RATE), rate), RATE).samples
    return Audio(kept + noise * chance.normal(0, 1, len(kept)).astype(np.float32), RATE)


@pytest.mark.parametrize(
    ("rate", "noise", "is_telephone"), [(8000, 0.0, True), (16000, 0.0, False), (16000, 0.01, False)]
)
def test_what_a_person_is_warned_of_is_what_a_fit_goes_by(rate: int, noise: float, is_telephone: bool) -> None:
    measured = bandwidth_hz(recorded(rate, noise))
    top_hz = usable_bandwidth_hz(clips(measured))
    assert is_narrow(top_hz) == is_telephone
    assert [one.code for one in judge({"bandwidth_hz": measured}, {})] == ["narrow_band"] * is_telephone
    assert compared_up_to(top_hz) == (top_hz if is_telephone else None)


def test_both_sides_of_the_bound() -> None:
    assert is_narrow(usable_bandwidth_hz(clips(NARROW_HZ - 250))) and not is_narrow(
        usable_bandwidth_hz(clips(NARROW_HZ))
    )
    assert compared_up_to(None) is None
