"""Levels, trimming, fades: measured on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from speech.audio import Audio
from speech.dsp import append_silence, fade, limit_peak, rms_db, silence, trim

RATE = 24000


def noise(duration_s: float, level: float) -> Audio:
    count = round(duration_s * RATE)
    return Audio((np.random.default_rng(0).uniform(-level, level, count)).astype(np.float32), RATE)


def test_rms_of_a_full_scale_square_is_zero_db() -> None:
    assert rms_db(np.array([1, -1, 1, -1], np.float32)) == 0
    assert rms_db(np.array([0.1, -0.1], np.float32)) == pytest.approx(-20)
    assert rms_db(np.zeros(4, np.float32)) == float("-inf")


def test_trim_keeps_the_sound_and_its_margins() -> None:
    samples = np.concatenate([silence(0.5, RATE).samples, noise(1, 0.5).samples, silence(0.7, RATE).samples])
    trimmed = trim(Audio(samples, RATE), head_s=0.03, tail_s=0.08)
    assert trimmed.duration_s == pytest.approx(1.11, abs=0.011)
    assert np.isin(noise(1, 0.5).samples, trimmed.samples).all()


def test_trim_leaves_silence_whole() -> None:
    assert trim(silence(1, RATE)).duration_s == 1
    assert trim(silence(0.001, RATE)).duration_s == 0.001


def test_fade_starts_and_ends_at_nothing_and_spares_the_middle() -> None:
    audio = noise(1, 0.5)
    faded = fade(audio, 0.1, 0.1)
    assert faded.samples[0] == 0 and abs(faded.samples[-1]) < 1e-6
    assert np.array_equal(faded.samples[2400:-2400], audio.samples[2400:-2400])
    assert not np.shares_memory(faded.samples, audio.samples)


def test_pause_and_peak() -> None:
    assert append_silence(noise(1, 0.5), 0.25).duration_s == 1.25
    loud = Audio(np.array([1.5, -0.3], np.float32), RATE)
    assert limit_peak(loud).samples == pytest.approx([0.99, -0.198])
    quiet = noise(0.1, 0.5)
    assert limit_peak(quiet) is quiet
