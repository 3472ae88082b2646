"""The benchmarks' document is what its script writes, and short."""

from __future__ import annotations

import numpy as np
import pytest

from bench.api_load import margin_of
from bench.morph import contours, correlation
from bench.tables import CLAIMS, DOCUMENT, document
from speech.audio import Audio


def test_the_document_is_written_from_the_results() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "./run bench tables"


def test_every_claim_has_rows_and_the_whole_is_short() -> None:
    text = document()
    sections = text.split("\n## ")[1:]
    assert len(sections) == len(CLAIMS) and all(section.count("\n| ") > 1 for section in sections)
    lines = text.splitlines()
    assert sum(len(line.split()) for line in lines if not line.startswith("|")) < 800
    assert sum(line.startswith("|") for line in lines) < 200


def test_a_player_that_lacks_sound_waits_once_and_goes_on() -> None:
    assert margin_of([(1.0, 2.0)]) == (None, 0)
    assert margin_of([(1.0, 2.0), (2.0, 1.0), (3.5, 1.0)]) == (pytest.approx(0.5), 0)
    # It runs dry at 2.0, waits half a second, and has a second of sound when the last block comes.
    assert margin_of([(1.0, 1.0), (2.5, 2.0), (3.5, 1.0)]) == (pytest.approx(-0.5), 1)
    assert margin_of([(0.0, 1.0), (2.0, 1.0), (4.0, 1.0)]) == (pytest.approx(-1.0), 2)


def tone(start_hz: float, end_hz: float, seconds: float) -> Audio:
    """Glides and grows louder, with half a second of silence around it."""
    count = round(seconds * 16000)
    phase = 2 * np.pi * np.cumsum(np.geomspace(start_hz, end_hz, count)) / 16000
    sound = np.sum([np.sin(phase * harmonic) / harmonic for harmonic in range(1, 6)], axis=0) * np.linspace(
        0.1, 0.4, count
    )
    return Audio(np.pad(sound, 8000).astype(np.float32), 16000)


def test_contours_are_compared_whatever_they_last() -> None:
    rising, later, falling = (contours(tone(*of)) for of in ((120, 240, 1.0), (150, 300, 2.5), (240, 120, 1.0)))
    assert correlation(rising["f0"], later["f0"]) > 0.95 > -0.9 > correlation(rising["f0"], falling["f0"])
    assert correlation(rising["level"], falling["level"]) > 0.95, "both grow louder"
