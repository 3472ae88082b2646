"""Who speaks in clips: what one window and what two say of a second person."""

from __future__ import annotations

import numpy as np
import pytest

from speech.analysis.quality import judge
from speech.analysis.speakers import compare
from speech.audio import Audio

RATE = 24000
STRANGER = 1.4  # radians from the main voice: a cosine of 0.17


class Angle:
    """A speaker judge for sounds of a constant level: who speaks is a direction, and the level is its angle."""

    name = "angle"

    def embed(self, audio: Audio) -> np.ndarray:
        angle = float(np.mean(audio.samples))
        return np.array([np.cos(angle), np.sin(angle)], np.float32)


def clip(duration_s: float, *strange_s: float) -> Audio:
    """The main voice, and a stranger between `strange_s`, start and end."""
    samples = np.zeros(round(duration_s * RATE), np.float32)
    if strange_s:
        start, end = (round(at * RATE) for at in strange_s)
        samples[start:end] = STRANGER
    return Audio(samples, RATE)


@pytest.mark.parametrize(
    ("heard", "least", "is_refused"),
    [
        (clip(4.1), 1.0, False),
        (clip(4.1, 0.8, 2.4), (np.cos(STRANGER) + np.cos(STRANGER / 2)) / 2, False),  # one window, its neighbours half
        (clip(4.1, 0.8, 3.2), np.cos(STRANGER), True),
        (clip(1.6, 0.0, 1.6), np.cos(STRANGER), True),  # a clip of one window is judged by it
    ],
)
def test_two_windows_that_follow_each_other_tell_of_a_second_person(
    heard: Audio, least: float, is_refused: bool
) -> None:
    found = compare([clip(20.1), clip(20.1), heard], Angle(), lambda done: None)
    assert found.least == pytest.approx((1.0, 1.0, least), abs=0.03)  # half strange windows pull at the centre
    findings = judge({"speaker_similarity_least": found.least[2]}, {})
    assert [(one.code, one.severity) for one in findings] == [("second_speaker", "refused")] * is_refused
    assert not found.are_two


def test_two_people_are_told_with_their_clips_and_their_share() -> None:
    told: list[int] = []
    found = compare([clip(8.1), clip(4.1, 0.0, 4.1), clip(8.1), clip(4.1, 0.0, 4.1)], Angle(), told.append)
    assert found.are_two and found.second == (1, 3) and told == [1, 2, 3, 4]
    assert found.second_share == pytest.approx(8 / 26)  # windows: 9 of each of the main voice's clips, 4 of the other's
