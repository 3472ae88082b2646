"""F5-TTS gives what f5-tts gives on the same weights: tests/speech/golden/f5, by `./run parity f5 --golden`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("rjieba")

from bench.f5_reference import CASES, SENTENCES  # noqa: E402
from bench.parity_f5 import GOLDEN, Ours, compared, kept, made_of, wanted_of  # noqa: E402


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


def test_everything_is_as_the_reference_makes_it(f5_tiny: Path, reference: dict[str, np.ndarray]) -> None:
    """Spectrum, spelling, frames at 8 and 32 steps and others, two rows in one pass, the older version, samples."""
    made = made_of(Ours(f5_tiny), reference, range(len(CASES)))
    wanted = wanted_of(reference, range(len(CASES)))
    findings = compared({name: kept(name, values) for name, values in made.items()}, wanted)
    assert {finding.name for finding in findings} >= {"mel", "spoken.0", "spoken.1", "batch", "older", "samples"}
    assert len([finding for finding in findings if finding.name.startswith("spelled")]) == len(SENTENCES)
    assert not [finding for finding in findings if not finding.is_good]
    assert {CASES[0][0], CASES[1][0]} == {8, 32}


def test_what_differs_is_told(reference: dict[str, np.ndarray]) -> None:
    wanted = wanted_of(reference, [0])
    (near,) = compared({"spoken.0": wanted["spoken.0"] + np.float32(1e-3)}, wanted)
    (other,) = compared({"spoken.0": wanted["spoken.0"][1:]}, wanted)
    assert not near.is_good and not other.is_good
