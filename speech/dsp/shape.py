"""How a voice is bent after it spoke: its pitch, with timing and timbre kept, and its tone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, Samples, resample
from speech.dsp import limit_peak, rms_db
from speech.dsp.spectrum import Frames, reshaped

PITCH_RATE, PITCH_STEP = 16000, 160
LOWEST_HZ, HIGHEST_HZ = 60.0, 600.0
UNVOICED_S = 0.005  # from mark to mark where nothing is voiced
LEAST_WEIGHT = 0.5  # of windows that overlap; what is below lies between periods that moved apart
SEARCHED = 0.2  # of a period, around where the next mark is expected
TILT_HZ = (250.0, 4000.0)  # between which `tone_db` is the change of the balance


def shift_pitch(audio: Audio, semitones: float) -> Audio:
    """Up by `semitones`, or down below 0, by TD-PSOLA (E. Moulines and F. Charpentier, 1990): periods are laid nearer
    or farther from each other, and stay what they are, so that timing and formants stay. A sound without pitch comes
    back as it was.
    """
    hertz = _f0(audio)
    if semitones == 0 or not hertz.any():
        return audio
    marks = _marks(audio.samples, hertz, audio.sample_rate)
    if len(marks) < 3:
        return audio
    ratio = 2 ** (semitones / 12)
    gaps = np.diff(marks, append=2 * marks[-1] - marks[-2])
    made, weight = np.zeros((2, len(audio.samples)), np.float64)
    at = float(marks[0])
    while at < marks[-1]:
        number = _nearest(marks, at)
        mark, gap = int(marks[number]), int(gaps[number])
        _lay(audio.samples, made, weight, mark, round(at), gap)
        at += gap / (ratio if hertz[min(mark, len(hertz) - 1)] > 0 else 1.0)
    out = made / np.maximum(weight, LEAST_WEIGHT)
    out[marks[-1] :] = audio.samples[marks[-1] :]
    return limit_peak(Audio(out.astype(np.float32), audio.sample_rate))


def tilt(audio: Audio, tone_db: float) -> Audio:
    """Brighter by `tone_db`: 4 kHz that much louder beside 250 Hz than before, evenly over the octaves between them,
    and the whole as loud as before. Below 0 darker.
    """
    before = rms_db(audio.samples)
    if tone_db == 0 or not np.isfinite(before):
        return audio
    low, high = np.log2(TILT_HZ)

    def change(frames: Frames, hz: NDArray[np.floating]) -> NDArray[np.floating]:
        octaves = np.clip(np.log2(np.maximum(hz, 1.0)), low, high)
        gains_db = tone_db * ((octaves - low) / (high - low) - 0.5)
        return np.broadcast_to(10 ** (gains_db / 20), frames.shape)

    made = reshaped(audio, change)
    gain = 10 ** ((before - rms_db(made.samples)) / 20)
    return limit_peak(Audio(made.samples * np.float32(gain), audio.sample_rate))


def _f0(audio: Audio) -> NDArray[np.float64]:
    """Hz of every sample, 0 unvoiced."""
    from speech.engines.f0.autocorrelation import autocorrelation_f0

    heard = resample(audio, PITCH_RATE).samples.astype(np.float64)
    found = autocorrelation_f0(heard, LOWEST_HZ, HIGHEST_HZ)
    count = len(audio.samples)
    if not len(found):
        return np.zeros(count)
    first = len(heard) / 2 - len(found) * PITCH_STEP / 2
    numbers = ((np.arange(count) * PITCH_RATE / audio.sample_rate - first) // PITCH_STEP).astype(np.int64)
    inside = (numbers >= 0) & (numbers < len(found))
    return np.where(inside, found[np.clip(numbers, 0, len(found) - 1)], 0.0)


def _marks(samples: Samples, hertz: NDArray[np.float64], sample_rate: int) -> NDArray[np.int64]:
    """One a period, at its peak; evenly spread where nothing is voiced."""
    found: list[int] = [0]
    sign = 1.0 if samples.max(initial=0.0) >= -samples.min(initial=0.0) else -1.0
    while True:
        at = found[-1]
        voiced = hertz[min(at + 1, len(hertz) - 1)]
        step = sample_rate / voiced if voiced else UNVOICED_S * sample_rate
        if at + step >= len(samples):
            return np.array(found, np.int64)
        expected, reach = at + round(step), round(SEARCHED * step)
        if voiced and reach:
            part = sign * samples[expected - reach : expected + reach + 1]
            expected += int(np.argmax(part)) - reach if len(part) else 0
        found.append(max(at + 1, expected))


def _nearest(marks: NDArray[np.int64], at: float) -> int:
    after = int(np.searchsorted(marks, at))
    if after == 0 or after == len(marks):
        return min(after, len(marks) - 1)
    return after if marks[after] - at < at - marks[after - 1] else after - 1


def _lay(
    samples: Samples, made: NDArray[np.float64], weight: NDArray[np.float64], mark: int, at: int, gap: int
) -> None:
    """The two periods around `mark` added at `at`, under a Hann window."""
    left = min(gap, mark, at)
    right = min(gap, len(samples) - mark, len(made) - at)
    window = 0.5 + 0.5 * np.cos(np.pi * np.arange(-left, right) / gap)
    made[at - left : at + right] += window * samples[mark - left : mark + right]
    weight[at - left : at + right] += window
