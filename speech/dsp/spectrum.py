"""Short-time Fourier frames of a sound and back, for steps that turn single bands up or down."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, Samples

Frames = NDArray[np.complex64]
FRAME_S = 0.032  # of a frame; a quarter of it is the hop


def reshaped(audio: Audio, change: Callable[[Frames, NDArray[np.floating]], NDArray[np.floating]]) -> Audio:
    """`audio` with each bin of each frame turned by what `change(frames, hz)` gives for it.

    `frames` is (frames, bins), `hz` the frequency of each bin. Square roots of Hann windows on both ways: with a gain
    of 1 the sound comes back as it was.
    """
    size = 4 * max(16, round(FRAME_S * audio.sample_rate / 4))
    hop = size // 4
    window = np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)
    count = len(audio.samples)
    padded = np.pad(audio.samples, (size, size + (-count) % hop))
    starts = np.arange(0, len(padded) - size + 1, hop)
    frames = np.fft.rfft(padded[starts[:, None] + np.arange(size)] * window).astype(np.complex64)
    gains = change(frames, np.fft.rfftfreq(size, 1 / audio.sample_rate))
    back = np.fft.irfft(frames * gains, size).astype(np.float32) * window
    made = np.zeros(len(padded), np.float32)
    for start, piece in zip(starts, back, strict=True):
        made[start : start + size] += piece
    return Audio(made[size : size + count] / np.float32(2), audio.sample_rate)  # four windows overlap: they sum to 2


def smoothed(values: NDArray[np.floating], width: int) -> NDArray[np.floating]:
    """Each the mean of itself and its neighbours along the first axis, `width` together (odd)."""
    if width < 2 or len(values) < 2:
        return values
    padded = np.pad(values, ((width // 2, width // 2), *((0, 0),) * (values.ndim - 1)), mode="edge")
    sums = np.cumsum(padded, axis=0, dtype=np.float64)
    sums = np.concatenate([np.zeros((1, *sums.shape[1:])), sums])
    return (sums[width:] - sums[:-width]) / width


def envelope(samples: Samples, size: int) -> NDArray[np.float64]:
    """Level of every `size` samples (root mean square), the rest of the last one with silence."""
    padded = np.pad(samples, (0, (-len(samples)) % size)).reshape(-1, size)
    level: NDArray[np.float64] = np.sqrt(np.square(padded, dtype=np.float64).mean(axis=1))
    return level
