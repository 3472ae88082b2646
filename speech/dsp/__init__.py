"""Pure functions on sound: level, silence at the ends, fades, pauses."""

from __future__ import annotations

import numpy as np

from speech.audio import Audio, Samples

FRAME_S = 0.01  # resolution at which silence is found


def rms_db(samples: Samples) -> float:
    """Root mean square level in dB below full scale; -inf for silence."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10 * np.log10(power) if power > 0 else float("-inf")


def silence(duration_s: float, sample_rate: int) -> Audio:
    return Audio(np.zeros(round(duration_s * sample_rate), np.float32), sample_rate)


def trim(audio: Audio, below_db: float = -45, head_s: float = 0.03, tail_s: float = 0.08) -> Audio:
    """Cut silence from both ends: what is `below_db` under the loudest frame, but `head_s` and `tail_s` of it.

    A sound that is silent all through comes back whole.
    """
    frame = max(1, round(FRAME_S * audio.sample_rate))
    count = len(audio.samples) // frame
    if count == 0:
        return audio
    power = np.square(audio.samples[: count * frame].reshape(count, frame)).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (below_db / 10))
    if len(loud) == 0:
        return audio
    first = loud[0] * frame - round(head_s * audio.sample_rate)
    last = (loud[-1] + 1) * frame + round(tail_s * audio.sample_rate)
    return Audio(audio.samples[max(0, first) : last], audio.sample_rate)


def fade(audio: Audio, fade_in_s: float, fade_out_s: float) -> Audio:
    """Raised-cosine fades at both ends, so that what is joined to silence does not click."""
    samples = audio.samples.copy()
    for duration_s, part in ((fade_in_s, slice(None)), (fade_out_s, slice(None, None, -1))):
        count = min(len(samples), round(duration_s * audio.sample_rate))
        ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(1, count))).astype(np.float32)
        samples[part][:count] *= ramp
    return Audio(samples, audio.sample_rate)


def append_silence(audio: Audio, duration_s: float) -> Audio:
    return Audio(np.pad(audio.samples, (0, round(duration_s * audio.sample_rate))), audio.sample_rate)


def limit_peak(audio: Audio, peak: float = 0.99) -> Audio:
    """The whole sound turned down when its loudest sample is over `peak`; never turned up."""
    loudest = float(np.abs(audio.samples).max(initial=0.0))
    return audio if loudest <= peak else Audio(audio.samples * np.float32(peak / loudest), audio.sample_rate)
