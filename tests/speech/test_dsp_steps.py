"""Each step of processing does what it says to a sound made for it, and leaves alone what it has no business with."""

from __future__ import annotations

import numpy as np
import pytest

from speech.audio import Audio
from speech.dsp import append_silence, rms_db, silence
from speech.dsp.delivery import breathe, even_pauses, stress
from speech.dsp.loudness import loudness_lufs, normalize_loudness
from speech.dsp.repair import declip, deess, denoise
from speech.dsp.spectrum import reshaped
from speech.processing import PARAMETERS, ProcessingOptions, process, with_steps

RATE = 24000


def tone(hz: float = 200.0, duration_s: float = 1.0, level: float = 0.3, sample_rate: int = RATE) -> Audio:
    at = np.arange(round(duration_s * sample_rate)) / sample_rate
    return Audio((level * np.sin(2 * np.pi * hz * at)).astype(np.float32), sample_rate)


def noise(duration_s: float, level: float, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(round(duration_s * RATE))).astype(np.float32)


def syllables(duration_s: float = 2.0) -> Audio:
    """A tone that comes and goes three times a second, every second time louder."""
    sound = tone(180.0, duration_s)
    at = np.arange(len(sound.samples)) / RATE
    beat = np.maximum(np.sin(2 * np.pi * 3 * at), 0) * np.where((at * 3).astype(int) % 2, 0.5, 1.0)
    return Audio((sound.samples * beat).astype(np.float32), RATE)


def test_frames_and_back_are_the_same_sound() -> None:
    sound = Audio(noise(0.7, 0.2), RATE)
    again = reshaped(sound, lambda frames, hz: np.ones(frames.shape))
    assert np.abs(again.samples - sound.samples).max() < 1e-5


@pytest.mark.parametrize("sample_rate", [24000, 48000])
def test_loudness_is_that_of_the_standard(sample_rate: int) -> None:
    """EBU Tech 3341: a sine of 1 kHz at -23 dBFS on one channel is 3 LU below that on two, which is -23 LUFS."""
    peak = 10 ** (-23 / 20)
    assert loudness_lufs(tone(1000.0, 5.0, peak, sample_rate)) == pytest.approx(-26.0, abs=0.1)
    assert loudness_lufs(silence(1.0, sample_rate)) == float("-inf")


def test_a_pause_does_not_make_a_sound_quieter_and_a_target_is_met() -> None:
    sound = tone(500.0, 3.0, 0.05)
    assert loudness_lufs(append_silence(sound, 4.0)) == pytest.approx(loudness_lufs(sound), abs=0.3)
    assert loudness_lufs(normalize_loudness(sound, -16)) == pytest.approx(-16, abs=0.05)
    assert np.abs(normalize_loudness(sound, -1).samples).max() <= 0.99
    assert not normalize_loudness(silence(0.5, RATE), -16).samples.any()


def test_noise_is_turned_down_and_speech_stays() -> None:
    speech, hiss = syllables(), noise(2.0, 0.01)
    mixed = Audio(speech.samples + hiss, RATE)
    cleaned, half = denoise(mixed, 1.0), denoise(mixed, 0.3)
    quiet = speech.samples == 0
    before, after, between = (rms_db(sound.samples[quiet]) for sound in (mixed, cleaned, half))
    assert before - after > 8 and before > between > after
    assert rms_db(cleaned.samples[~quiet]) == pytest.approx(rms_db(mixed.samples[~quiet]), abs=1.0)
    assert denoise(mixed, 0.0) is mixed


def test_cut_off_peaks_are_drawn_again_and_whole_ones_stay() -> None:
    whole = tone(150.0, 0.5, 0.9)
    clipped = Audio(np.clip(whole.samples, -0.6, 0.6), RATE)
    mended = declip(clipped)
    scale = float(mended.samples @ whole.samples / (whole.samples @ whole.samples))
    error, before = (np.abs(one - whole.samples).max() for one in (mended.samples / scale, clipped.samples))
    assert error < before / 2 and np.abs(mended.samples).max() <= 0.99
    assert declip(whole) is whole or np.abs(declip(whole).samples - whole.samples).max() < 0.02
    assert declip(silence(0.1, RATE)).samples.any() == False  # noqa: E712


def test_a_sharp_s_is_softened_and_a_vowel_is_not() -> None:
    vowel = tone(200.0, 1.0).samples.copy()
    hiss = np.fft.rfft(noise(1.0, 0.2))
    hiss[: round(7000 * 1.0)] = 0
    sharp = np.fft.irfft(hiss, RATE).astype(np.float32)
    sound = Audio(np.concatenate([vowel, sharp, vowel, vowel]), RATE)
    softened = deess(sound, 6000)
    assert rms_db(sharp) - rms_db(softened.samples[RATE : 2 * RATE]) > 6
    assert rms_db(softened.samples[2 * RATE + 2000 :]) == pytest.approx(rms_db(vowel), abs=0.2)
    assert deess(sound, 11999).samples.shape == sound.samples.shape


def test_stress_moves_syllables_apart_and_keeps_the_level() -> None:
    sound = syllables()
    more = stress(sound, 1.0)
    beats = [(0.02, 0.15), (0.68, 0.82)], [(0.35, 0.48), (1.02, 1.15)]
    strong, weak = (
        np.mean([rms_db(more.slice(*one).samples) - rms_db(sound.slice(*one).samples) for one in two]) for two in beats
    )
    assert strong - weak > 1.0 or weak - strong > 1.0
    assert rms_db(more.samples) == pytest.approx(rms_db(sound.samples), abs=0.1)
    assert stress(sound, 0.0) is sound


def test_long_pauses_are_shortened_and_short_ones_stay() -> None:
    word = tone(200.0, 0.5)
    long = Audio(np.concatenate([word.samples, np.zeros(2 * RATE, np.float32), word.samples]), RATE)
    assert even_pauses(long).duration_s == pytest.approx(1.7, abs=0.05)
    short = Audio(np.concatenate([word.samples, np.zeros(RATE // 3, np.float32), word.samples]), RATE)
    assert np.array_equal(even_pauses(short).samples, short.samples)


def test_a_breath_stands_in_the_pause_only_and_is_the_same_each_time() -> None:
    sound = append_silence(tone(200.0, 1.0), 0.6)
    breathed = breathe(sound, 1.0)
    assert np.array_equal(breathed.samples[:RATE], sound.samples[:RATE])
    assert -40 < rms_db(breathed.samples[RATE:]) - rms_db(sound.samples[:RATE]) < -15
    assert np.array_equal(breathed.samples, breathe(sound, 1.0).samples)
    assert breathe(tone(), 1.0).samples.shape == tone().samples.shape
    quieter = breathe(sound, 0.3)
    assert rms_db(quieter.samples[RATE:]) < rms_db(breathed.samples[RATE:]) - 8


def test_only_what_is_asked_for_is_done() -> None:
    sound = syllables()
    assert process(sound, ProcessingOptions()) is sound and not ProcessingOptions().is_any
    asked = ProcessingOptions.of({"speed": 1.0, "apply_normalization": True, "target_loudness": -18.0})
    assert asked.is_any and loudness_lufs(process(sound, asked)) == pytest.approx(-18, abs=0.1)
    names = [one.name for one in with_steps((), {"add_breathing": True, "speed": 2})]
    assert names == ["add_breathing"] and len(with_steps(PARAMETERS, {"add_breathing": True})) == len(PARAMETERS)
