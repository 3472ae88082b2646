"""Sound in memory and on its way in and out: load, resample, join, encode, save.

Everything inside Papagaio is mono float32 in [-1, 1]. Containers and codecs are PyAV's (libav inside the
wheel, so no ffmpeg binary is needed).
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from speech.errors import SpeechError

Samples = NDArray[np.float32]

UNKNOWN_SIZE = 0xFFFFFFFF  # what streaming writers put where RIFF wants a length not known yet


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound: `samples` float32 of shape (n,), nominally in [-1, 1], at `sample_rate` Hz."""

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise ValueError(f"mono float32 wanted, got {self.samples.dtype} of shape {self.samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, got {self.sample_rate}")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate

    def slice(self, start_s: float, end_s: float) -> Audio:
        """The part from `start_s` to `end_s` seconds; what lies outside the sound is not there."""
        first, last = (max(0, round(t * self.sample_rate)) for t in (start_s, end_s))
        return Audio(self.samples[first:last], self.sample_rate)


@dataclass(frozen=True)
class AudioFormat:
    """How a format is written: libav container and codec, its options, and the HTTP media type."""

    container: str
    codec: str
    media_type: str
    sample_format: str
    bit_rate: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    sample_rates: tuple[int, ...] = ()  # () means any
    needs_seek: bool = False


# Settings of the base API: mp3 VBR quality 2, vorbis quality 6, AAC 192k, opus 128k.
FORMATS: dict[str, AudioFormat] = {
    "wav": AudioFormat("wav", "pcm_s16le", "audio/wav", "s16"),
    "mp3": AudioFormat("mp3", "libmp3lame", "audio/mpeg", "fltp", options=(("q", "2"),)),
    "ogg": AudioFormat("ogg", "libvorbis", "audio/ogg", "fltp", options=(("q", "6"),)),
    "flac": AudioFormat("flac", "flac", "audio/flac", "s16"),
    "m4a": AudioFormat("mp4", "aac", "audio/mp4", "fltp", bit_rate=192_000, needs_seek=True),
    "opus": AudioFormat("ogg", "libopus", "audio/ogg", "flt", bit_rate=128_000, sample_rates=(48000,)),
    "aac": AudioFormat("adts", "aac", "audio/aac", "fltp", bit_rate=192_000),
    "pcm": AudioFormat("s16le", "pcm_s16le", "audio/pcm", "s16"),
}
