"""F0 by autocorrelation and a path of least cost, as P. Boersma describes it for Praat.

"Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound",
Proceedings of the Institute of Phonetic Sciences 17 (1993), 97-110. The defaults are those of Praat's `To Pitch (ac)`
with a voicing threshold of 0.6, which RVC's `pm` asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE, STEP = 16000, 160
PERIODS = 3  # of the lowest F0 in a window
CANDIDATES = 15  # of a frame, unvoiced among them
SILENT, VOICED = 0.03, 0.6
OCTAVE, OCTAVE_JUMP, VOICE_CHANGE = 0.01, 0.35, 0.14  # costs
ROUGH, FINE = 30, 70  # neighbours to each side that an interpolation hears
FRAMES_AT_ONCE = 512

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Frames:
    """Candidates of each frame: Hz, 0 unvoiced or none, and strengths, both (n, CANDIDATES); loudness (n,) of 1."""

    hertz: Values
    strengths: Values
    loudness: Values


def autocorrelation_f0(samples: Values, lowest_hz: float, highest_hz: float) -> Values:
    """(n,) at 16 kHz to Hz, 0 unvoiced, one each 160 samples; the first and last half windows have none."""
    window_s = PERIODS / lowest_hz
    count = int((len(samples) / SAMPLE_RATE - window_s) / (STEP / SAMPLE_RATE) + 1e-9) + 1
    if len(samples) < window_s * SAMPLE_RATE or count < 1:
        return np.zeros(0)
    peak = float(np.abs(samples - samples.mean()).max())
    if peak == 0:
        return np.zeros(count)
    first = len(samples) / 2 - count * STEP / 2 + STEP / 2 - 0.5  # middle of the first frame, in samples
    middles = np.floor(first + np.arange(count) * STEP).astype(np.int64)  # the sample before each middle
    pieces = [
        _candidates(samples, middles[start : start + FRAMES_AT_ONCE], lowest_hz, highest_hz, peak)
        for start in range(0, count, FRAMES_AT_ONCE)
    ]
    frames = _Frames(
        *(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("hertz", "strengths", "loudness"))
    )
    return _path(frames, highest_hz)


def _candidates(
    samples: Values, middles: NDArray[np.int64], lowest_hz: float, highest_hz: float, peak: float
) -> _Frames:
    period = int(SAMPLE_RATE / lowest_hz)
    half = int(PERIODS / lowest_hz * SAMPLE_RATE) // 2 - 1
    size = 2 * half
    edge = max(half, period)
    padded = np.pad(samples, edge + 1)
    around = middles[:, None] + edge + 1
    local = padded[around + np.arange(1 - period, period + 1)].mean(1)
    window = 0.5 - 0.5 * np.cos(np.arange(1, size + 1) * 2 * np.pi / (size + 1))
    windowed = (padded[around + np.arange(1 - half, half + 1)] - local[:, None]) * window
    near = slice(max(0, half - (period // 2 + 1)), half + period // 2 + 1)
    loudness = np.minimum(np.abs(windowed[:, near]).max(1) / peak, 1)
    correlation = _autocorrelation(windowed, window, size // 2)
    longest = min(size // PERIODS + 2, size, correlation.shape[1] - 1)
    return _Frames(*_peaks(correlation, longest, lowest_hz, highest_hz), loudness)


def _autocorrelation(windowed: Values, window: Values, reach: int) -> Values:
    """Of each frame at lags 0 to `reach`, normalised by the window's own."""
    size = 1 << int(np.ceil(np.log2(len(window) * 1.5)))
    own = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2)[: reach + 1]
    found = np.fft.irfft(np.abs(np.fft.rfft(windowed, size)) ** 2)[:, : reach + 1]
    power = np.where(found[:, :1] > 0, found[:, :1], 1)
    made: Values = found / power / (own / own[0])
    made[:, 0] = 1
    return made


def _peaks(correlation: Values, longest: int, lowest_hz: float, highest_hz: float) -> tuple[Values, Values]:
    before, at, after = (correlation[:, 2 + shift : longest + shift] for shift in (-1, 0, 1))
    rows, lags = np.nonzero((at > VOICED / 2) & (at > before) & (at >= after))
    lags = lags + 2
    slope = (correlation[rows, lags + 1] - correlation[rows, lags - 1]) / 2
    bend = 2 * correlation[rows, lags] - correlation[rows, lags - 1] - correlation[rows, lags + 1]
    rough = lags + slope / bend
    strengths = _folded(_interpolated(correlation, rows, rough, ROUGH))
    kept = _strongest(rows, strengths - OCTAVE * np.log2(lowest_hz * rough / SAMPLE_RATE), len(correlation))
    rows, lags = rows[kept], lags[kept]
    fine, strengths = _improved(correlation, rows, lags)
    hertz, table = np.zeros((len(correlation), CANDIDATES)), np.full((len(correlation), CANDIDATES), -np.inf)
    table[:, 0] = 0
    place = np.arange(len(rows)) - np.searchsorted(rows, rows) + 1
    hertz[rows, place], table[rows, place] = SAMPLE_RATE / fine, _folded(strengths)
    return hertz, table


def _strongest(rows: NDArray[np.int64], strengths: Values, count: int) -> NDArray[np.bool_]:
    """The best CANDIDATES - 1 of each row, unvoiced being the other."""
    kept = np.ones(len(rows), bool)
    for row in np.flatnonzero(np.bincount(rows, minlength=count) >= CANDIDATES):
        own = np.flatnonzero(rows == row)
        kept[own[np.argsort(-strengths[own], kind="stable")[CANDIDATES - 1 :]]] = False
    return kept


def _improved(correlation: Values, rows: NDArray[np.int64], lags: NDArray[np.int64]) -> tuple[Values, Values]:
    """Where the interpolated correlation is greatest around each lag, and how great: parabolas that narrow."""
    places = lags.astype(np.float64)
    for step in (0.5, 0.1, 0.01, 1e-3, 1e-4):
        for _ in range(3 if step == 0.5 else 1):
            low, mid, high = (_interpolated(correlation, rows, places + shift, FINE) for shift in (-step, 0, step))
            bend = np.maximum(2 * mid - low - high, 1e-300)
            places = places + np.clip(step * (high - low) / 2 / bend, -step, step)
            places = np.clip(places, lags - 1, lags + 1)
    return places, _interpolated(correlation, rows, places, FINE)


def _interpolated(correlation: Values, rows: NDArray[np.int64], places: Values, depth: int) -> Values:
    """The correlation, the same to both sides of lag 0, at fractions of a lag by a sinc under a raised cosine."""
    last = correlation.shape[1] - 1
    left = np.floor(places).astype(np.int64)
    made = np.zeros(len(places))
    depth_there = np.minimum(depth, last - left)
    for side, nearest in ((-1, left), (1, left + 1)):
        widest = np.abs(places - (nearest + side * (depth_there - 1))) + 1
        for i in range(depth):
            lag = nearest + side * i
            distance = np.abs(places - lag)
            part = np.sinc(distance) * 0.5 * (1 + np.cos(np.pi * distance / widest))
            made += np.where(i < depth_there, part * correlation[rows, np.minimum(np.abs(lag), last)], 0)
    return made


def _folded(strengths: Values) -> Values:
    return np.where(strengths > 1, 1 / np.maximum(strengths, 1), strengths)


def _path(frames: _Frames, highest_hz: float) -> Values:
    """The candidates of least cost (Viterbi, 1967)."""
    unvoiced = VOICED + np.maximum(0, 2 - frames.loudness / (SILENT / (1 + VOICED)))
    is_voiced = (frames.hertz > 0) & (frames.hertz <= highest_hz)
    hertz = np.where(is_voiced, frames.hertz, 1.0)
    merit = np.where(is_voiced, frames.strengths - OCTAVE * np.log2(highest_hz / hertz), unvoiced[:, None])
    merit[np.isneginf(frames.strengths)] = -np.inf
    octaves = np.log2(hertz)
    best = merit[0]
    origins = np.zeros(merit.shape, np.int64)
    for i in range(1, len(merit)):
        jump = OCTAVE_JUMP * np.abs(octaves[i][:, None] - octaves[i - 1])
        both = is_voiced[i][:, None] & is_voiced[i - 1]
        cost = np.where(both, jump, np.where(is_voiced[i][:, None] != is_voiced[i - 1], VOICE_CHANGE, 0))
        reached = best - cost
        origins[i] = reached.argmax(1)
        best = reached.max(1) + merit[i]
    made = np.zeros(len(merit))
    at = int(best.argmax())
    for i in range(len(merit) - 1, -1, -1):
        made[i] = frames.hertz[i, at] if is_voiced[i, at] else 0
        at = origins[i, at]
    return made
