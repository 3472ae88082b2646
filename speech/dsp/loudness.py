"""Loudness as it is heard, by ITU-R BS.1770-4, and sound brought to one."""

from __future__ import annotations

import math

import numpy as np

from speech.audio import Audio
from speech.dsp import limit_peak

BLOCK_S, STEP_S = 0.4, 0.1
ABSOLUTE_GATE, RELATIVE_GATE = -70.0, -10.0  # LUFS, and LU below what passes the first
OFFSET = -0.691


def loudness_lufs(audio: Audio) -> float:
    """Integrated loudness of a mono sound; -inf where nothing of it is above -70 LUFS."""
    power = np.square(_weighted(audio))
    size, step = round(BLOCK_S * audio.sample_rate), round(STEP_S * audio.sample_rate)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    starts = np.arange(0, max(1, len(power) - size + 1), step)
    stops = np.minimum(starts + size, len(power))
    blocks = (sums[stops] - sums[starts]) / np.maximum(stops - starts, 1)
    loud = blocks[_lufs(blocks) > ABSOLUTE_GATE]
    if not len(loud):
        return float("-inf")
    kept = loud[_lufs(loud) > _lufs(loud.mean()) + RELATIVE_GATE]
    return float(_lufs(kept.mean()))


def normalize_loudness(audio: Audio, target_lufs: float) -> Audio:
    """At `target_lufs`, or as near as no sample over full scale allows; silence stays as it is."""
    found = loudness_lufs(audio)
    if not math.isfinite(found):
        return audio
    return limit_peak(Audio(audio.samples * np.float32(10 ** ((target_lufs - found) / 20)), audio.sample_rate))


def _lufs(power: np.floating | np.ndarray) -> np.ndarray:
    return np.asarray(OFFSET + 10 * np.log10(np.maximum(power, 1e-20)))


def _weighted(audio: Audio) -> np.ndarray:
    """Through the K filter, made for the sample rate: a shelf of +4 dB above 1.68 kHz, then a high pass at 38 Hz."""
    size = 1 << max(1, (2 * len(audio.samples) + audio.sample_rate // 2 - 1).bit_length())
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    response = _shelf(audio.sample_rate, z) * _high_pass(audio.sample_rate, z)
    return np.asarray(np.fft.irfft(np.fft.rfft(audio.samples, size) * response, size)[: len(audio.samples)])


def _shelf(sample_rate: int, z: np.ndarray) -> np.ndarray:
    gain, q, k = 10 ** (3.999843853973347 / 20), 0.7071752369554196, math.tan(math.pi * 1681.974450955533 / sample_rate)
    half = gain**0.4996667741545416
    b = gain + half * k / q + k * k, 2 * (k * k - gain), gain - half * k / q + k * k
    return _biquad(b, (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k), z)


def _high_pass(sample_rate: int, z: np.ndarray) -> np.ndarray:
    q, k = 0.5003270373238773, math.tan(math.pi * 38.13547087602444 / sample_rate)
    scale = 1 + k / q + k * k
    return _biquad((scale, -2 * scale, scale), (scale, 2 * (k * k - 1), 1 - k / q + k * k), z)


def _biquad(b: tuple[float, float, float], a: tuple[float, float, float], z: np.ndarray) -> np.ndarray:
    return np.asarray((b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z))
