"""How something is said: stress, pauses, and breath before a sentence."""

from __future__ import annotations

import numpy as np

from speech.audio import Audio
from speech.dsp import fade, rms_db
from speech.dsp.spectrum import envelope, smoothed

FRAME_S = 0.01
SILENT_DB = -40.0  # below the loudest frame
MOST_STRESS_DB = 6.0  # that a syllable is turned up or down at full strength
LONGEST_PAUSE_S, LEAST_PAUSE_S = 0.7, 0.12  # inside a sound; longer ones are shortened, shorter ones are none
BREATH_S, BREATH_ROOM_S = 0.28, 0.2  # of a breath; and the least silence that it needs
BREATH_DB = -22.0  # below the speech, at full strength


def stress(audio: Audio, strength: float) -> Audio:
    """The rise and fall of loudness from syllable to syllable made larger: each moves away from the mean level by up to
    half of its own distance and 6 dB, times `strength` (0 to 1). The level of the whole stays."""
    size = round(FRAME_S * audio.sample_rate)
    level = envelope(audio.samples, size)
    loud = level > level.max(initial=0.0) * 10 ** (SILENT_DB / 20)
    if strength <= 0 or not loud.any():
        return audio
    level_db = smoothed(20 * np.log10(level + 1e-9), 15)
    gain_db = np.clip(0.5 * strength * (level_db - level_db[loud].mean()), -MOST_STRESS_DB, MOST_STRESS_DB)
    gain_db = smoothed(np.where(loud, gain_db, 0.0), 5)
    at = (np.arange(len(level)) + 0.5) * size
    made = audio.samples * 10 ** (np.interp(np.arange(len(audio.samples)), at, gain_db) / 20)
    scale = 10 ** ((rms_db(audio.samples) - rms_db(made.astype(np.float32))) / 20)
    return Audio((made * scale).astype(np.float32), audio.sample_rate)


def even_pauses(audio: Audio) -> Audio:
    """Silence inside and at the end of a sound cut down to `LONGEST_PAUSE_S`; what is said stays as it is."""
    size = round(FRAME_S * audio.sample_rate)
    level = envelope(audio.samples, size)
    quiet = level <= level.max(initial=0.0) * 10 ** (SILENT_DB / 20)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]]).astype(np.int8))).reshape(-1, 2)
    kept = np.ones(len(level) * size, bool)
    most = round(LONGEST_PAUSE_S / FRAME_S)
    for start, stop in edges:
        if stop - start > most:
            kept[(start + most // 2) * size : (stop - (most - most // 2)) * size] = False
    return Audio(audio.samples[kept[: len(audio.samples)]], audio.sample_rate)


def breathe(audio: Audio, strength: float, seed: int = 0) -> Audio:
    """A breath in the silence at the end of a sound, where there is room: noise in the band of an open mouth, up to
    22 dB below the speech, times `strength` (0 to 1). The same `seed` gives the same breath."""
    size = round(FRAME_S * audio.sample_rate)
    level = envelope(audio.samples, size)
    loud = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (SILENT_DB / 20))
    end = (loud[-1] + 1) * size if len(loud) else len(audio.samples)
    room = len(audio.samples) - end
    if strength <= 0 or not len(loud) or room < BREATH_ROOM_S * audio.sample_rate:
        return audio
    count = min(room, round(BREATH_S * audio.sample_rate))
    hz = np.fft.rfftfreq(count, 1 / audio.sample_rate)
    shape = np.exp(-np.square(np.log2(np.maximum(hz, 1) / 1800)) / 1.5)
    noise = np.fft.irfft(np.fft.rfft(np.random.default_rng(seed).standard_normal(count)) * shape, count)
    speech_db = 20 * np.log10(np.sqrt(np.square(level[loud]).mean()))
    noise *= strength * 10 ** ((speech_db + BREATH_DB) / 20) / np.sqrt(np.square(noise).mean())
    breath = fade(Audio(noise.astype(np.float32), audio.sample_rate), 0.6 * BREATH_S, 0.3 * BREATH_S)
    made = audio.samples.copy()
    made[len(made) - count :] += breath.samples
    return Audio(made, audio.sample_rate)
