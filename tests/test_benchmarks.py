"""The benchmarks' document is what its script writes, and short."""

from __future__ import annotations

import pytest

from bench.api_load import margin_of
from bench.tables import CLAIMS, DOCUMENT, document


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
