"""Alignment and features, on sequences whose answer is known and on speech whose durations are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from speech.analysis.bandwidth import HIGHEST_HZ
from speech.audio import Audio
from speech.engines.kokoro import alignment
from speech.models import ModelStore
from train.kokoro import corpus, features
from train.kokoro.fitting import styled
from train.kokoro.trainable import difference


def test_a_sequence_lies_on_itself() -> None:
    a = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    path = alignment.warp(a, a)
    assert (path == np.arange(40)[:, None]).all()


def test_a_stretched_sequence_is_found_again() -> None:
    a = np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)
    times = np.random.default_rng(2).integers(1, 5, size=30)
    path = alignment.warp(a, np.repeat(a, times, axis=0))
    owner = np.repeat(np.arange(30), times)
    assert (owner[path[:, 1]] == path[:, 0]).all()


def test_the_path_is_monotonic_and_ends_at_both_ends() -> None:
    rng = np.random.default_rng(3)
    path = alignment.warp(rng.normal(size=(25, 4)).astype(np.float32), rng.normal(size=(60, 4)).astype(np.float32))
    steps = np.diff(path, axis=0)
    assert tuple(path[0]) == (0, 0) and tuple(path[-1]) == (24, 59)
    assert ((steps >= 0) & (steps <= 1)).all() and (steps.sum(1) >= 1).all()


def test_a_phoneme_without_a_frame_gets_one() -> None:
    frames = np.array([0, 0, 5, 0, 2, 0, 0])
    given = alignment.at_least_one(frames)
    assert given.sum() == 7 and (given == 1).all()
    assert (alignment.at_least_one(np.array([3, 1, 4])) == [3, 1, 4]).all()
    assert (alignment.at_least_one(np.array([0, 0, 1])) == [0, 0, 1]).all(), "too few for all"


def test_filters_cover_the_band_and_nothing_else() -> None:
    bank = features.filters(1024, 40, 4000.0, torch.device("cpu"))
    hertz = np.linspace(0, 12000, 513)
    assert (bank >= 0).all() and float(bank.max()) <= 1
    assert float(bank[:, hertz > 4000].sum()) == 0
    assert (bank.sum(1) > 0).all()


def test_spectra_end_where_the_recording_ends() -> None:
    rng = torch.Generator().manual_seed(0)
    low = torch.randn(1, 24000, generator=rng)
    high = low + torch.sin(torch.arange(24000) * 2 * torch.pi * 9000 / 24000)
    for one, other in zip(features.log_mels(low, 7000.0), features.log_mels(high, 7000.0)):
        assert float((one - other).abs().mean()) < 0.002
    assert any(
        float((a - b).abs().mean()) > 0.01
        for a, b in zip(features.log_mels(low, 11000.0), features.log_mels(high, 11000.0))
    )


def shelved(sound: torch.Tensor, low_hz: float, high_hz: float) -> torch.Tensor:
    """The sound (1, n) with half of what lies between."""
    spectrum = torch.fft.rfft(sound)
    hertz = torch.linspace(0, 12000, spectrum.shape[1])
    made: torch.Tensor = torch.fft.irfft(torch.where((hertz > low_hz) & (hertz < high_hz), 0.5 * spectrum, spectrum))
    return made


def test_a_spoken_step_frees_the_timbre_only_where_recordings_reach() -> None:
    sound = torch.randn(1, 24000, generator=torch.Generator().manual_seed(0))
    assert float(difference(shelved(sound, 500, 2500), sound, 4000.0)) < 0.03
    assert float(difference(shelved(sound, 6000, 12000), sound, 4000.0)) > 0.1
    assert float(difference(shelved(sound, 6000, 12000), sound, HIGHEST_HZ)) < 0.03
    assert float(difference(sound, sound, 4000.0)) == 0


@pytest.mark.parametrize("top_hz", [6587.0, 7650.0])
def test_recordings_of_no_telephone_free_the_whole_timbre(top_hz: float) -> None:
    sound = torch.randn(1, 24000, generator=torch.Generator().manual_seed(0))
    other = 3 * shelved(sound, 2000, 2600) + torch.sin(torch.arange(24000) * 2 * torch.pi * 10000 / 24000)
    terms = []
    for a, b in zip(features.log_mels(other, top_hz), features.log_mels(sound, top_hz)):
        centred = (a - a.mean(-1, keepdim=True)) - (b - b.mean(-1, keepdim=True))
        terms.append(float(centred.abs().mean()))
    assert float(difference(other, sound, top_hz)) == pytest.approx(np.mean(terms), rel=1e-4)


def test_the_gradient_is_finite_at_silence() -> None:
    silence = torch.zeros(1, 4800, requires_grad=True)
    sum(mel.sum() for mel in features.log_mels(silence, 7000.0)).backward()  # type: ignore[union-attr]
    assert silence.grad is not None and torch.isfinite(silence.grad).all()


@pytest.fixture(scope="module")
def spoken(fit_store: ModelStore) -> tuple[corpus.Utterance, corpus.Utterance]:
    """One text in two voices of Kokoro: what was rendered with known durations, F0 and energy must be measured so."""
    from speech.engines.kokoro.runtime import load_voice
    from speech.engines.kokoro.weights import load_network

    network = load_network(fit_store.path("kokoro-fp32") / "kokoro-fp32.onnx")
    voices = fit_store.path("kokoro-voices") / "voices"
    line = corpus.line(network, "O trem para o aeroporto sai a cada vinte minutos.", "pt-BR")
    assert line is not None
    tables = [torch.from_numpy(load_voice(voices / f"{name}.bin")) for name in ("pf_dora", "pm_alex")]
    one, other = (corpus.render(network, line, styled(table, torch.zeros(256))) for table in tables)
    return one, other


def test_durations_are_found_in_another_voice(spoken: tuple[corpus.Utterance, corpus.Utterance]) -> None:
    one, other = spoken
    found = alignment.durations(one.samples.numpy(), one.frames.numpy(), other.samples.numpy(), 11000.0)
    assert found.sum() == int(other.frames.sum())
    borders = np.abs(np.cumsum(found) - np.cumsum(other.frames.numpy()))
    assert np.median(borders) <= 1, "frames of 25 ms"


def test_pitch_and_energy_are_the_networks_own(spoken: tuple[corpus.Utterance, corpus.Utterance]) -> None:
    for one in spoken:
        f0 = alignment.pitch(Audio(one.samples.numpy(), 24000))
        both = (f0 > 0) & (one.f0.numpy() > 60)
        cents = 1200 * np.abs(np.log2(f0[both] / one.f0.numpy()[both]))
        assert both.sum() > 20 and np.median(cents) < 40
        measured = alignment.energy(one.samples.numpy())
        assert np.corrcoef(measured, one.energy.numpy())[0, 1] > 0.97
