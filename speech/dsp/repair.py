"""What is wrong with a sound, mended: noise under it, peaks that were cut off, sharp s."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio
from speech.dsp.spectrum import Frames, reshaped, smoothed

NOISE_SHARE = 10  # percent of the frames, the quietest in a bin, that are taken for noise
OVER_NOISE = 3.0  # the quietest tenth lies at half of the mean, and what is a half over that is noise as well
LEAST_GAIN_DB = -24.0  # to which noise is turned down at full strength
CLIPPED_AT = 0.98  # of the loudest sample; runs of it are cut-off peaks
LEAST_RUN = 3  # samples
SIBILANT_OVER_DB = 4.0  # that the high band may lie over its own usual level
MOST_DEESSING_DB = 12.0


def denoise(audio: Audio, strength: float) -> Audio:
    """Noise that goes on all the time turned down by up to `strength` (0 to 1) of 24 dB, by Wiener's rule
    (Ephraim and Malah 1984): what is far above the level of the quietest frames stays."""

    def change(frames: Frames, hz: NDArray[np.floating]) -> NDArray[np.floating]:
        power = smoothed(np.square(np.abs(frames)), 5)
        noise = smoothed(np.percentile(power, NOISE_SHARE, axis=0), 5) * OVER_NOISE
        clean = np.maximum(power - noise, 0) / np.maximum(power, 1e-20)
        gains: NDArray[np.floating] = np.maximum(clean, 10 ** (LEAST_GAIN_DB * strength / 20))
        return gains

    return reshaped(audio, change) if strength > 0 and len(audio.samples) else audio


def declip(audio: Audio) -> Audio:
    """Peaks that were cut off drawn again: a cubic through the two samples and slopes at each side of a flat run.

    The whole is turned down where the new peaks would leave full scale. What was not cut off comes back as it was.
    """
    samples = audio.samples
    loudest = float(np.abs(samples).max(initial=0.0))
    flat = np.abs(samples) >= CLIPPED_AT * loudest
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    runs = [
        (start, stop)
        for start, stop in edges.reshape(-1, 2)
        if stop - start >= LEAST_RUN and start >= 2 and stop + 2 <= len(samples) and np.ptp(samples[start:stop]) < 0.03
    ]
    if not runs or loudest == 0:
        return audio
    made = samples.copy()
    for start, stop in runs:
        made[start:stop] = _bridged(samples, start, stop)
    peak = float(np.abs(made).max())
    return Audio(made * np.float32(min(1.0, 0.99 / peak)), audio.sample_rate)


def _bridged(samples: NDArray[np.float32], start: int, stop: int) -> NDArray[np.floating]:
    """Hermite's cubic from the sample before a run to the one after it."""
    first, last = float(samples[start - 1]), float(samples[stop])
    width = stop - start + 1
    rise, fall = (first - float(samples[start - 2])) * width, (float(samples[stop + 1]) - last) * width
    at = np.arange(1, width) / width
    cubed, squared = at**3, at**2
    drawn = (2 * cubed - 3 * squared + 1) * first + (cubed - 2 * squared + at) * rise
    drawn += (-2 * cubed + 3 * squared) * last + (cubed - squared) * fall
    held = np.abs(samples[start:stop])
    made: NDArray[np.floating] = np.sign(samples[start]) * np.maximum(np.abs(drawn), held)
    return made


def deess(audio: Audio, frequency_hz: float) -> Audio:
    """What lies above `frequency_hz` turned down, by 12 dB at most, where it stands out: where its share of a frame is
    more than 4 dB over its usual one."""

    def change(frames: Frames, hz: NDArray[np.floating]) -> NDArray[np.floating]:
        power = np.square(np.abs(frames)).astype(np.float64)
        high = hz >= frequency_hz
        above, whole = power[:, high].sum(axis=1), power.sum(axis=1)
        heard = whole > whole.max() * 1e-5
        gains = np.ones(frames.shape)
        if heard.any() and high.any():
            share_db = 10 * np.log10((above + 1e-20) / (whole + 1e-20))
            usual_db = float(np.median(share_db[heard]))
            over_db = np.clip(share_db - usual_db - SIBILANT_OVER_DB, 0, MOST_DEESSING_DB)
            gains[:, high] = 10 ** (-smoothed(np.where(heard, over_db, 0.0), 3) / 20)[:, None]
        return gains

    return reshaped(audio, change) if len(audio.samples) and frequency_hz < audio.sample_rate / 2 else audio
