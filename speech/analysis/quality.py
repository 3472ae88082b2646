"""What is wrong with a clip, measured: level, noise, clipping, bandwidth, what sounds behind the voice.

Every measure takes sound and gives a number; `judge` alone turns numbers into findings. The thresholds were chosen on
Debian's prompts (five speakers), Kokoro's voices, and copies of them made worse on purpose; `bench/intake.py` counts
what they find there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from speech.analysis.bandwidth import NARROW_HZ
from speech.analysis.findings import Finding, Severity
from speech.audio import Audio

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Powers: TypeAlias = NDArray[np.float64]

FRAME_S, HOP_S = 0.04, 0.01
BAND_HZ = 250.0
QUIET_S = 0.36
TONAL_DB = 14.0  # tonality_db from which a background is called music
QUIETEST_DB = -100.0
NO_BACKGROUND_DB = 80.0  # signal to noise where the pauses are digital silence


def decibels(power: float) -> float:
    import math

    return max(QUIETEST_DB, 10 * math.log10(power + 1e-12))


def rms_db(audio: Audio) -> float:
    """Level in dBFS of all of `audio`."""
    import numpy as np

    return decibels(float(np.mean(np.square(audio.samples, dtype=np.float64))) if len(audio.samples) else 0.0)


def clipped_share(audio: Audio) -> float:
    """Share of the samples within 5 % of the largest, which resampling and codecs leave of a flat top."""
    import numpy as np

    loud = np.abs(audio.samples)
    peak = float(loud.max(initial=0))
    return float(np.mean(loud >= 0.95 * peak)) if peak > 0 else 0.0


def snr_db(audio: Audio) -> float:
    """Level over that of the quietest moments (3rd percentile of 20 ms frames), at most `NO_BACKGROUND_DB`."""
    import numpy as np

    size = round(0.02 * audio.sample_rate)
    if len(audio.samples) < 5 * size:
        return NO_BACKGROUND_DB
    frames = np.lib.stride_tricks.sliding_window_view(audio.samples, size)[:: size // 2]
    quiet = decibels(float(np.percentile(np.mean(frames**2, axis=1), 3)))
    return min(NO_BACKGROUND_DB, rms_db(audio) - quiet)


def bandwidth_hz(audio: Audio, floor_db: float = 60.0, least_swing_db: float = 10.0) -> float:
    """Highest frequency the voice reaches: loud moments within `floor_db` of the loudest band, and `least_swing_db`
    above the quiet ones, which a steady noise is not."""
    import numpy as np

    power = _spectrogram(audio)
    if len(power) < 10:
        return 0.0
    bins = max(1, round(BAND_HZ * FRAME_S))
    count = power.shape[1] // bins
    bands = power[:, : count * bins].reshape(len(power), count, bins).mean(axis=2)
    quiet, loud = (10 * np.log10(np.percentile(bands, at, axis=0) + 1e-12) for at in (10, 99))
    heard = np.flatnonzero((loud > loud.max() - floor_db) & (loud - quiet > least_swing_db))
    return float((heard[-1] + 1) * BAND_HZ) if len(heard) else 0.0


def music_snr_db(clip: Audio, recording: Audio, pauses: Sequence[tuple[float, float]]) -> float:
    """Level of `clip` over steady tones in `pauses` (start and end in seconds) of its recording; without any tones
    `NO_BACKGROUND_DB`.

    Of each pause the quietest third of a second is taken, where the end of a word no longer sounds."""
    import numpy as np

    quietest = [_quietest(recording.slice(*pause)) for pause in pauses]
    heard = [part for part in quietest if part is not None]
    tonal = [part for part in heard if tonality_db(part) > TONAL_DB]
    if len(tonal) < max(1, 0.5 * len(heard)):
        return NO_BACKGROUND_DB
    return min(NO_BACKGROUND_DB, rms_db(clip) - float(np.median([rms_db(part) for part in tonal])))


def pause_snr_db(clip: Audio, recording: Audio, pauses: Sequence[tuple[float, float]]) -> float:
    """Level of `clip` over all that sounds in `pauses` of its recording: knocks, drums, others who talk."""
    import numpy as np

    between = [recording.slice(*pause).samples for pause in pauses]
    if not between:
        return NO_BACKGROUND_DB
    joined = Audio(np.concatenate(between), recording.sample_rate)
    return min(NO_BACKGROUND_DB, rms_db(clip) - rms_db(joined))


def _quietest(pause: Audio) -> Audio | None:
    import numpy as np

    size = round(QUIET_S * pause.sample_rate)
    if len(pause.samples) < size:
        return None
    sums = np.cumsum(np.concatenate([[0.0], pause.samples.astype(np.float64) ** 2]))
    first = int(np.argmin(sums[size:] - sums[:-size]))
    return Audio(pause.samples[first : first + size], pause.sample_rate)


def tonality_db(audio: Audio) -> float:
    """How far steady tones stand out of their neighbourhood: about 5 for noise, 15 and more for held notes.

    The spectrum of every third of a second against its own median over 400 Hz, between 150 and 5000 Hz; the largest
    of each, averaged.
    """
    import numpy as np

    size = round(0.34 * audio.sample_rate)
    if len(audio.samples) < size:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(audio.samples, size)[:: size // 2]
    pieces = windows[:, : size // 4 * 4]
    short = np.lib.stride_tricks.sliding_window_view(pieces, size // 4, axis=1)[:, :: size // 8]
    power = (np.abs(np.fft.rfft(short * np.hanning(size // 4), axis=2)) ** 2).mean(axis=1)
    level = 10 * np.log10(power + 1e-12)
    hz = audio.sample_rate / (size // 4)
    first, last, half = round(150 / hz), round(min(5000, 0.45 * audio.sample_rate) / hz), max(2, round(200 / hz))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(level, ((0, 0), (half, half)), "edge"), 2 * half + 1, 1)
    outstanding = level - np.median(around, axis=2)
    return float(outstanding[:, first:last].max(axis=1).mean())


def _spectrogram(audio: Audio) -> Powers:
    """Power of Hann windows of `FRAME_S`: shape (frames, bins)."""
    import numpy as np

    size, hop = (round(t * audio.sample_rate) for t in (FRAME_S, HOP_S))
    if len(audio.samples) < size:
        return np.zeros((0, size // 2 + 1))
    frames = np.lib.stride_tricks.sliding_window_view(audio.samples, size)[::hop] * np.hanning(size)
    return np.abs(np.fft.rfft(frames, axis=1)) ** 2


@dataclass(frozen=True)
class Rule:
    """A measure that warns at one bound and refuses the clip at another; `is_low_bad` says on which side."""

    code: str
    measure: str
    is_low_bad: bool
    warns: float | None
    refuses: float | None


NOT_THE_LANGUAGE = 0.02  # probability of the language asked for, below which it is another one
DECIMALS = {"clipped_share": 3, "speaker_similarity": 2, "speaker_similarity_least": 2, "text_difference": 2}
DECIMALS |= {"language_probability": 3, "log_probability": 2}  # of a value that people read; 1 for all others
RULES = (
    Rule("too_short", "duration_s", True, None, 1.0),
    Rule("too_long", "duration_s", False, None, 15.0),
    Rule("too_quiet", "rms_db", True, -45.0, -60.0),
    Rule("noisy", "snr_db", True, 15.0, None),
    Rule("noisy", "pause_snr_db", True, 12.0, None),
    Rule("clipped", "clipped_share", False, 0.01, 0.2),
    Rule("narrow_band", "bandwidth_hz", True, NARROW_HZ, None),
    Rule("second_speaker", "speaker_similarity", True, 0.6, 0.5),
    Rule("second_speaker", "speaker_similarity_least", True, None, 0.4),
    Rule("music", "music_snr_db", True, 22.0, 16.0),
    Rule("no_words", "characters", True, None, 1.0),
    Rule("too_fast", "characters_per_s", False, 25.0, 35.0),
    Rule("unclear", "log_probability", True, -0.8, -1.5),
    Rule("wrong_text", "text_difference", False, 0.2, 0.5),
    Rule("wrong_language", "language_probability", True, 0.2, NOT_THE_LANGUAGE),
)


def judge(measures: Mapping[str, float], texts: Mapping[str, str]) -> tuple[Finding, ...]:
    """What `RULES` find in a clip's measures, one finding a code; `texts` (text, heard, …) go along as values.

    A measure that is not there is not judged."""
    found: dict[str, Finding] = {}
    for rule in RULES:
        value = measures.get(rule.measure)
        severity = None if value is None else _severity(rule, value)
        if value is None or severity is None or (rule.code in found and severity == "warning"):
            continue
        values: dict[str, float | str] = {"value": round(value, DECIMALS.get(rule.measure, 1)), **texts}
        if rule.measure == "bandwidth_hz":
            values["khz"] = round(value / 1000, 1)
        found[rule.code] = Finding(rule.code, severity, values)
    return tuple(found.values())


def _severity(rule: Rule, value: float) -> Severity | None:
    sign = 1 if rule.is_low_bad else -1
    if rule.refuses is not None and sign * value < sign * rule.refuses:
        return "refused"
    if rule.warns is not None and sign * value < sign * rule.warns:
        return "warning"
    return None
