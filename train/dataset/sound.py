"""Recordings of any length read block by block, so that hours of them need no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from speech.audio import Audio
from speech.errors import SpeechError
from speech.files import replacing
from speech.recordings import RecordingStream

BLOCK_S = 1.0


def convert(source: Path, target: Path, sample_rate: int, longest_s: float) -> float:
    """Any sound as a mono 16 bit WAV at `sample_rate`, whole or not at all; returns its seconds.

    Raises SpeechError `recording_unreadable`, `recording_mostly_lost`, `recording_too_long`.
    """
    import soundfile

    count = 0
    try:
        with replacing(target) as temporary, soundfile.SoundFile(temporary, "w", sample_rate, 1, "PCM_16") as file:
            for samples in RecordingStream(source, sample_rate, longest_s):
                count += len(samples)
                file.write(samples.clip(-1, 1))
    except soundfile.LibsndfileError as error:
        raise SpeechError("recording_unreadable", file=source.name, reason=str(error)) from error
    return count / sample_rate


def blocks(path: Path, block_s: float = BLOCK_S) -> Iterator[Audio]:
    """A WAV in pieces of `block_s` seconds."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        size = max(1, round(block_s * file.samplerate))
        while len(samples := file.read(size, "float32")):
            yield Audio(samples, file.samplerate)


def part(path: Path, start_s: float, end_s: float) -> Audio:
    """The seconds from `start_s` to `end_s` of a mono WAV; what lies outside is not there."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        first = min(file.frames, max(0, round(start_s * file.samplerate)))
        last = max(first, round(min(end_s * file.samplerate, file.frames)))
        file.seek(first)
        return Audio(file.read(last - first, "float32"), file.samplerate)


def duration_s(path: Path) -> float:
    import soundfile

    return float(soundfile.info(path).duration)


def resampled(pieces: Iterable[Audio], sample_rate: int) -> Iterator[Audio]:
    """The same sound at another rate; what comes out does not depend on how it was cut into pieces."""
    import av
    import numpy as np

    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    for piece in pieces:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.samples)[None], format="flt", layout="mono")
        frame.sample_rate = piece.sample_rate
        for out in resampler.resample(frame):
            yield Audio(out.to_ndarray()[0], sample_rate)
    for out in resampler.resample(None):
        yield Audio(out.to_ndarray()[0], sample_rate)
