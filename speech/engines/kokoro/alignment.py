"""A recording in Kokoro's frames: its pitch and energy, and which of them belong to which phoneme.

Numpy alone. Everything is at 24 kHz; F0 and energy have a value every 300 samples (12.5 ms), a frame of Kokoro two.
Dynamic time warping of mel cepstra (Sakoe and Chiba 1978, https://doi.org/10.1109/TASSP.1978.1163055) lays a
rendering, whose durations are known, over the recording and carries its phoneme borders into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, Samples, resample
from speech.engines.kokoro.record import SAMPLE_RATE

VALUE = 300  # samples of one F0 or energy value
FRAME = 600
VALUES_PER_FRAME = FRAME // VALUE
ENERGY_FFT, ENERGY_WINDOW, ENERGY_BANDS = 2048, 1200, 80
CEPSTRUM_FFT, CEPSTRUM_BANDS = 1024, 60
VOICED = 0.5  # the tracker's certainty
# The tracker's times and Kokoro's, laid over each other on Kokoro's own speech.
PITCH_DELAY_S = 0.0094
PITCH_RANGE_HZ = (55.0, 600.0)
PITCH_RATE = 16000  # Hz, what the tracker listens at
GUIDES, GUIDE_BORDER_HZ = ("af_heart", "am_michael"), 160.0  # for recordings above, and below

Curve = NDArray[np.float32]
Frames = NDArray[np.int64]


def pitch(audio: Audio) -> Curve:
    """F0 in Hz every 300 samples of `audio` at 24 kHz, 0 where nothing is voiced: (n // 300,).

    By SwiftF0 (https://arxiv.org/abs/2508.18440).
    """
    from swift_f0 import SwiftF0

    found = SwiftF0(threads=1, spin=False).detect(resample(audio, PITCH_RATE).samples, PITCH_RATE, *PITCH_RANGE_HZ)
    times = (np.arange(len(audio.samples) // VALUE) + 0.5) * VALUE / SAMPLE_RATE - PITCH_DELAY_S
    hertz = np.interp(times, found.timestamps, found.pitch_hz)
    certainty = np.interp(times, found.timestamps, found.confidence)
    voiced: Curve = np.where(certainty > VOICED, hertz, 0).astype(np.float32)
    return voiced


def guide_voice(f0: Curve) -> str:
    """The stock voice that a recording of this pitch is laid over: words are found best in a similar voice."""
    voiced = f0[f0 > 0]
    return GUIDES[0] if len(voiced) == 0 or np.median(voiced) > GUIDE_BORDER_HZ else GUIDES[1]


def energy(samples: Samples) -> Curve:
    """Log of the norm of the mel frame, a value every 300 samples: (n // 300,) of samples (n,).

    As StyleTTS 2 measures it (https://arxiv.org/abs/2306.07691), up to a constant.
    """
    power = spectrum(samples, ENERGY_FFT, ENERGY_WINDOW) ** 2
    bands = filters(ENERGY_FFT, ENERGY_BANDS, 0.0, SAMPLE_RATE / 2) @ power
    levels: Curve = np.log(np.linalg.norm(1e-5 + bands, axis=0))[: len(samples) // VALUE].astype(np.float32)
    return levels


def energy_offset(spoken: Sequence[tuple[Samples, Curve]]) -> float:
    """What `energy` says above the network's own, on its own speech: samples, and the energy they were made from."""
    return float(np.mean([float((energy(samples) - own).mean()) for samples, own in spoken]))


def gain_of(rendered: Sequence[Samples], recordings: Sequence[Samples]) -> float:
    """What brings recordings to the level the network speaks at."""
    return _level(rendered) / _level(recordings)


def _level(sounds: Sequence[Samples]) -> float:
    """Root mean square where there is speech: the louder half of all frames."""
    powers = np.concatenate(
        [np.square(sound[: len(sound) // FRAME * FRAME]).reshape(-1, FRAME).mean(1) for sound in sounds]
    )
    return float(np.sqrt(np.mean(np.sort(powers)[len(powers) // 2 :])) + 1e-9)


def cepstra(samples: Samples, top_hz: float, count: int = 20) -> Curve:
    """Mel cepstra without loudness, each coefficient with mean 0 and deviation 1 in time: (frames, count - 1)."""
    power = spectrum(samples, CEPSTRUM_FFT, CEPSTRUM_FFT) ** 2
    bands = filters(CEPSTRUM_FFT, CEPSTRUM_BANDS, 0.0, top_hz) @ power
    decibels = 10 * np.log10(np.maximum(bands, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    angles = np.pi / len(decibels) * (np.arange(len(decibels)) + 0.5)
    coefficients = np.cos(np.arange(1, count)[:, None] * angles) @ decibels
    centred = coefficients - coefficients.mean(1, keepdims=True)
    scaled: Curve = (centred / (coefficients.std(1, ddof=1, keepdims=True) + 1e-6)).T.astype(np.float32)
    return scaled


def durations(rendered: Samples, frames: Frames, recording: Samples, top_hz: float) -> Frames:
    """Frames (T,) of each phoneme in `recording`, which sum to its length.

    `frames` (T,) are those of `rendered`; both sounds are (n,), the recording's n a multiple of 600; above `top_hz`
    nothing is compared.
    """
    path = warp(cepstra(rendered, top_hz), cepstra(recording, top_hz))
    total = len(recording) // FRAME
    place = np.array([path[path[:, 0] == row, 1].mean() for row in range(path[-1, 0] + 1)])
    borders = np.minimum(np.cumsum(frames) * VALUES_PER_FRAME, len(place) - 1)
    ends = np.round(place[borders] / VALUES_PER_FRAME).astype(np.int64)
    ends[-1] = total
    ends = np.minimum(np.maximum.accumulate(ends), total)
    return np.diff(ends, prepend=0)


def at_least_one(frames: Frames) -> Frames:
    """The same frames with none for nobody: borders move as little as that takes; as they are when there are too few.

    A phoneme without a frame is not heard at all.
    """
    ends, count = np.cumsum(frames), len(frames)
    if ends[-1] < count:
        return frames
    places = np.arange(count)
    ends = np.maximum.accumulate(np.maximum(ends, 1) - places) + places
    ends = np.minimum(ends, int(frames.sum()) - (count - 1 - places))
    return np.diff(ends, prepend=0)


def warp(a: Curve, b: Curve) -> Frames:
    """The cheapest monotonic path between two sequences (n, d) and (m, d) by Euclidean distance: (steps, 2)."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    cost = np.sqrt(np.maximum(squares, 0))
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(n + m - 1):  # cells of one anti-diagonal do not depend on each other
        rows = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        columns = diagonal - rows
        before = np.minimum(np.minimum(total[rows, columns], total[rows, columns + 1]), total[rows + 1, columns])
        total[rows + 1, columns + 1] = cost[rows, columns] + before
    return _back(total)


def _back(total: NDArray[np.float64]) -> Frames:
    row, column = total.shape[0] - 1, total.shape[1] - 1
    path = [(row - 1, column - 1)]
    while row > 1 or column > 1:
        steps = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(steps, key=lambda cell: total[cell])
        path.append((row - 1, column - 1))
    return np.array(path[::-1], np.int64)


def spectrum(samples: Samples, fft: int, window: int) -> NDArray[np.float64]:
    """Magnitudes (fft / 2 + 1, frames) of (n,) every 300 samples, frames centred; at least `fft` / 2 + 1 samples."""
    padded = np.pad(samples.astype(np.float64), fft // 2, mode="reflect")
    shape = np.zeros(fft)
    first = (fft - window) // 2
    shape[first : first + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    transformed = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, fft)[::VALUE] * shape, axis=1).T
    magnitudes: NDArray[np.float64] = np.sqrt(transformed.real**2 + transformed.imag**2 + 1e-12)
    return magnitudes


def mel_edges(bands: int, low_hz: float, top_hz: float) -> NDArray[np.float64]:
    """Hz where each band on the HTK mel scale begins, peaks and ends: the i-th at i, i + 1 and i + 2, (bands + 2,)."""

    def mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    edges: NDArray[np.float64] = 700 * (10 ** (np.linspace(mel(low_hz), mel(top_hz), bands + 2) / 2595) - 1)
    return edges


@cache
def filters(fft: int, bands: int, low_hz: float, top_hz: float) -> NDArray[np.float64]:
    """Triangles on the HTK mel scale with peaks of one: (bands, fft / 2 + 1)."""
    edges = mel_edges(bands, low_hz, top_hz)
    ramps = edges[:, None] - np.linspace(0, SAMPLE_RATE / 2, fft // 2 + 1)
    widths = np.diff(edges)[:, None]
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    return triangles
