"""Recordings of any length read block by block, so that hours of them need no memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from speech.audio import Audio
from speech.errors import SpeechError

BLOCK_S = 1.0
# Demuxers for files that hold sound and name no other file or address (playlists do).
CONTAINERS = (
    "wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,ogg,opus,mov,mp4,m4a,3gp,matroska,webm,avi,asf,mpegts,mpeg,flv,amr,"
    "amrnb,amrwb,g722,gsm,wv,ape,tta,tak,mpc,mpc8,dsf,voc,rm,sox,nut"
)


def convert(source: Path, target: Path, sample_rate: int, longest_s: float) -> float:
    """Any sound as a mono 16 bit WAV at `sample_rate`, whole or not at all; returns its seconds.

    Raises SpeechError `recording_unreadable`, `recording_too_long`.
    """
    import soundfile

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".wav")
    os.close(handle)
    temporary, count = Path(name), 0
    try:
        with soundfile.SoundFile(temporary, "w", sample_rate, 1, "PCM_16") as file:
            for part in decoded(source, sample_rate):
                count += len(part)
                if count > longest_s * sample_rate:
                    raise SpeechError("recording_too_long", file=source.name, maximum_s=round(longest_s))
                file.write(part)
        if not count:
            raise SpeechError("recording_unreadable", file=source.name, reason="no sound in it")
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except soundfile.LibsndfileError as error:
        raise SpeechError("recording_unreadable", file=source.name, reason=str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return count / sample_rate


def decoded(source: Path, sample_rate: int) -> Iterator[Any]:
    """Mono samples, float32 (n,), as they come. Raises SpeechError `recording_unreadable`."""
    import av
    import numpy as np

    if not source.stat().st_size:
        raise SpeechError("recording_unreadable", file=source.name, reason="the file is empty")
    try:
        with av.open(str(source), "r", options={"format_whitelist": CONTAINERS}) as container:
            if not container.streams.audio:
                raise SpeechError("recording_unreadable", file=source.name, reason="no audio stream")
            resampler = av.AudioResampler(format="flt", rate=sample_rate)
            for frame in container.decode(audio=0):
                yield from map(_mono, resampler.resample(frame))
            yield from map(_mono, resampler.resample(None))
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpeechError("recording_unreadable", file=source.name, reason=reason) from error
    except np.exceptions.AxisError as error:
        raise SpeechError("recording_unreadable", file=source.name, reason=str(error)) from error


def _mono(frame: Any) -> Any:
    """The mean of a packed frame's channels; what is no number is silence."""
    import numpy as np

    mean = frame.to_ndarray().reshape(-1, len(frame.layout.channels)).mean(axis=1)
    return np.clip(np.nan_to_num(mean, posinf=0.0, neginf=0.0), -1, 1)


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
