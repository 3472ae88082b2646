"""Likeness of two sounds by their mean mel cepstra. It tells a man from a woman, and hardly one man from another: the
speaker encoders do that."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, resample
from speech.engines.kokoro.alignment import filters, spectrum

SAMPLE_RATE, FFT, WINDOW, BANDS, COUNT = 24000, 1024, 600, 40, 20
LOW_HZ, TOP_HZ = 50.0, 8000.0
FLOOR_DB = 60.0  # under the loudest frame, below which a frame is a pause


def mfcc(audio: Audio) -> NDArray[np.float64]:
    """Cepstra of the frames with sound, 12.5 ms apart, loudness first: (frames, 20).

    Raises ValueError for less than 50 ms of sound.
    """
    samples = resample(audio, SAMPLE_RATE).samples
    if len(samples) <= FFT:
        raise ValueError(f"{audio.duration_s:.3f} s are too short")
    power = filters(FFT, BANDS, LOW_HZ, TOP_HZ) @ spectrum(samples, FFT, WINDOW) ** 2
    level_db = 10 * np.log10(power.sum(axis=0) + 1e-12)
    heard = np.log(power[:, level_db > level_db.max() - FLOOR_DB] + 1e-10)
    places = np.arange(COUNT)[:, None] * (np.arange(BANDS) + 0.5) * np.pi / BANDS  # DCT-II
    cepstra: NDArray[np.float64] = (np.sqrt(2 / BANDS) * np.cos(places) @ heard).T
    return cepstra


def mfcc_similarity(a: Audio, b: Audio) -> float:
    """Cosine of the mean cepstra without loudness, -1 to 1. Raises ValueError as `mfcc` does."""
    first, second = (mfcc(audio)[:, 1:].mean(axis=0) for audio in (a, b))
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))
