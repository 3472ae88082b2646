"""The references of Pocket TTS: some seconds of a voice's clips; what is said in them does not matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech.audio import Audio, join, resample
from speech.dsp import trim
from speech.engines.pocket.record import RECORD, SAMPLE_RATE
from speech.errors import SpeechError

LEAST_S, MOST_S = RECORD.reference_s  # the package itself hears no more than 30 s of a file
SILENCE_DB = -50.0


def is_stock(voice_id: str) -> bool:
    """Whether an id is of a voice that comes with the engine: none does."""
    return False


def check_clips(clips: Sequence[Audio]) -> None:
    """Whether a speaker can be heard in `clips`. Raises SpeechError `reference_too_short`, `reference_silent`."""
    reference_of(clips)


def reference_of(clips: Sequence[Audio]) -> Audio:
    """From clips, the best first, those that fit into `MOST_S` seconds together; the start of the first where it is
    longer. At 24 kHz. Raises SpeechError `reference_too_short`, `reference_silent`.
    """
    kept: list[Audio] = []
    for clip in clips:
        if sum(one.duration_s for one in kept) + clip.duration_s <= MOST_S:
            kept.append(clip)
    kept = kept or [clip.slice(0, MOST_S) for clip in clips[:1]]
    total_s = sum(clip.duration_s for clip in kept)
    if total_s < LEAST_S:
        raise SpeechError("reference_too_short", duration_s=round(total_s, 2), minimum_s=LEAST_S)
    reference = join([trim(resample(clip, SAMPLE_RATE)) for clip in kept])
    level_db = 10 * np.log10(np.square(reference.samples, dtype=np.float64).mean() + 1e-20)
    if level_db < SILENCE_DB:
        raise SpeechError("reference_silent", level_db=round(float(level_db)))
    return reference
