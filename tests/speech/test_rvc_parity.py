"""RVC gives what infer-rvc-python gives on the same weights: tests/speech/golden/rvc, by `bench.parity_rvc`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
parity = pytest.importorskip("bench.parity_rvc")
CASES = pytest.importorskip("bench.rvc_reference").CASES


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(parity.GOLDEN).items())


@pytest.mark.parametrize("number", range(6))
def test_a_recording_becomes_the_sound_of_the_reference(
    rvc_tiny: Path, golden: dict[str, np.ndarray], number: int
) -> None:
    """v1 and v2, with F0 and without, 32, 40 and 48 kHz, with index and without, every parameter off its default."""
    from speech.engines.rvc.contentvec import load_contentvec

    content = load_contentvec(rvc_tiny / "contentvec")
    case, [length] = CASES[number], golden[f"{number}.lengths"]
    [made] = parity.ours(rvc_tiny, case, golden[f"{number}.f0"], content)
    assert np.abs(made).max() > 0.3 and 0 <= len(made) - length <= 3 * len(made) / (100 * case.seconds)
    for name, values in (
        ("blocks", made[:length]),
        ("sound", parity.mixed(case, made[:length], round(length_rate(case.voice))) * 32768),
    ):
        step = parity.STEPS[name]
        limit = parity.WAVEFORM if name == "blocks" else 32768 * parity.SIXTEEN_BIT
        np.testing.assert_allclose(values[::step], golden[f"{number}.{name}"], rtol=0, atol=limit)


def length_rate(voice: str) -> float:
    from bench.rvc_weights import VOICES

    return VOICES[voice].sample_rate


def test_autocorrelation_finds_the_f0_of_praat(golden: dict[str, np.ndarray]) -> None:
    """Case 0 was estimated by Praat; within a cent, and voiced where it says so."""
    from bench.rvc_reference import recording
    from speech.engines.f0.autocorrelation import autocorrelation_f0
    from speech.engines.rvc.conversion import prepared

    padded = np.pad(prepared(recording(CASES[0].seconds)), 16000, mode="reflect")
    theirs, made = golden["0.f0"], autocorrelation_f0(padded, 50.0, 1100.0)
    missing = len(theirs) - len(made)
    made = np.pad(made, ((missing + 1) // 2, missing - (missing + 1) // 2))
    assert ((made > 0) == (theirs > 0)).all() and (made > 0).sum() > 100
    voiced = made > 0
    assert np.abs(1200 * np.log2(made[voiced] / theirs[voiced])).max() < 1


def test_rmvpe_finds_the_f0_of_the_reference(rvc_tiny: Path, golden: dict[str, np.ndarray]) -> None:
    import torch

    from bench.rvc_reference import recording
    from speech.engines.f0.rmvpe import load_rmvpe, rmvpe_f0
    from speech.engines.rvc.conversion import prepared

    padded = np.pad(prepared(recording(CASES[5].seconds)), 16000, mode="reflect").astype(np.float32)
    made = rmvpe_f0(load_rmvpe(rvc_tiny / "rmvpe.pt"), torch.from_numpy(padded)).numpy()
    np.testing.assert_allclose(made[: len(golden["5.f0"])], golden["5.f0"], rtol=1e-4)
