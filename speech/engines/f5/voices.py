"""The references of F5-TTS: a few seconds of a voice's clips, and the words that are said in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speech.audio import Audio, join, resample
from speech.dsp import silence, trim
from speech.engines.f5.config import SAMPLE_RATE
from speech.engines.f5.record import RECORD
from speech.errors import SpeechError
from speech.voice_folder import SpokenClip

LEAST_S, MOST_S = RECORD.reference_s
ENOUGH_S = 6.0  # after which no further clip is added
TAIL_S = 0.05  # of silence after each clip, as in the reference implementation
SILENCE_DB = -50.0


@dataclass(frozen=True, eq=False)
class Reference:
    """Sound at 24 kHz, and what is said in it; "" where that has still to be written down."""

    audio: Audio
    text: str


def is_stock(voice_id: str) -> bool:
    """Whether an id is of a voice that comes with the engine: none does."""
    return False


def check_clips(clips: Sequence[Audio]) -> None:
    """Whether a speaker can be heard in `clips`. Raises SpeechError `reference_too_short`, `reference_silent`."""
    reference_of([SpokenClip(clip, "") for clip in clips])


def reference_of(clips: Sequence[SpokenClip]) -> Reference:
    """From clips, the best first: those with known words before the others, up to `MOST_S` seconds of them, whole.

    Where the best is longer, its first `MOST_S` seconds, whose words are then not known. Raises SpeechError
    `reference_too_short`, `reference_silent`.
    """
    known = [clip for clip in clips if clip.text.strip()]
    kept: list[SpokenClip] = []
    total_s = 0.0
    for clip in known or clips:
        if total_s < ENOUGH_S and total_s + clip.audio.duration_s <= MOST_S:
            kept.append(clip)
            total_s += clip.audio.duration_s
    if total_s < LEAST_S and clips:
        longest = max(clips, key=lambda clip: clip.audio.duration_s)
        kept = [SpokenClip(longest.audio.slice(0, MOST_S), longest.text if longest.audio.duration_s <= MOST_S else "")]
        total_s = kept[0].audio.duration_s
    if total_s < LEAST_S:
        raise SpeechError("reference_too_short", duration_s=round(total_s, 2), minimum_s=LEAST_S)
    level_db = 10 * np.log10(np.square(join([clip.audio for clip in kept]).samples).mean(dtype=np.float64) + 1e-20)
    if level_db < SILENCE_DB:
        raise SpeechError("reference_silent", level_db=round(float(level_db)))
    pieces = [piece for clip in kept for piece in (_trimmed(clip.audio), silence(TAIL_S, SAMPLE_RATE))]
    texts = [clip.text.strip() for clip in kept]
    return Reference(join(pieces), " ".join(ended(text) for text in texts) if all(texts) else "")


def ended(text: str) -> str:
    """`text` with a full stop where no mark ends it: the network was trained on whole sentences."""
    plain = text.strip()
    return plain if plain[-1:] in (".", "!", "?", "。", "！", "？") else f"{plain}."


def _trimmed(audio: Audio) -> Audio:
    return trim(resample(audio, SAMPLE_RATE))
