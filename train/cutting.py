"""Recordings read with a cap and cut into clips at pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from speech.audio import Audio, join
from speech.errors import SpeechError
from speech.vad import Span, VoiceDetector, spans

SAMPLE_RATE = 24000
LONGEST_RECORDINGS_S = 600.0  # of all files together
PAUSE_S = 0.2  # the shortest silence that is cut at; a stop consonant has less
SHORT_PAUSE_S = 0.1  # where somebody speaks on for longer than a clip may be
SHORTEST_S, WANTED_S, LONGEST_S = 2.0, 5.0, 10.0
LONGEST_PAUSE_S = 1.2  # inside a clip
BEFORE_S, AFTER_S = 0.14, 0.22  # kept around speech; its end dies away after the detector has let go
# Demuxers for files that hold sound and name no other file or address (playlists do).
_CONTAINERS = (
    "wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,ogg,opus,mov,mp4,m4a,3gp,matroska,webm,avi,asf,mpegts,mpeg,flv,amr,"
    "amrnb,amrwb,g722,gsm,wv,ape,tta,tak,mpc,mpc8,dsf,voc,rm,sox,nut"
)


@dataclass(frozen=True, eq=False)
class Recording:
    """One file as mono sound at 24 kHz, and where somebody speaks in it."""

    name: str
    audio: Audio
    speech: tuple[Span, ...]  # with pauses of `SHORT_PAUSE_S` and longer between them

    @cached_property
    def pauses(self) -> tuple[tuple[float, float], ...]:
        """Start and end in seconds of what lies between speech and a quarter of a second away from it."""
        edges = [0.0, *(edge for span in self.speech for edge in (span.start_s, span.end_s)), self.audio.duration_s]
        between = zip(edges[::2], edges[1::2], strict=True)
        return tuple((start + 0.25, end - 0.1) for start, end in between if end - start > 0.6)


@dataclass(frozen=True)
class Piece:
    """A clip to be: `speech` is heard in it, `span` is cut out."""

    recording: Recording
    speech: Span
    span: Span

    @property
    def audio(self) -> Audio:
        return self.recording.audio.slice(self.span.start_s, self.span.end_s)

    @property
    def voice(self) -> Audio:
        """The speech alone, without the pauses in it."""
        inside = [span for span in self.recording.speech if self.speech.start_s <= span.start_s < self.speech.end_s]
        return join(self.recording.audio.slice(span.start_s, span.end_s) for span in inside)


def read(path: Path, longest_s: float) -> Audio:
    """Any sound libav knows as mono at 24 kHz, at its own level; no more than `longest_s` is ever decoded.

    Raises SpeechError `recording_too_long`, `recording_unreadable`.
    """
    import av
    import numpy as np

    parts: list[Any] = []
    left = round(longest_s * SAMPLE_RATE)
    try:
        with av.open(str(path), "r", options={"format_whitelist": _CONTAINERS}) as container:
            if not container.streams.audio:
                raise SpeechError("recording_unreadable", file=path.name, reason="no audio stream")
            if container.duration and container.duration / av.time_base > longest_s:
                raise _too_long(path)
            resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
            for frame in container.decode(audio=0):
                parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
                left -= round(frame.samples * SAMPLE_RATE / frame.sample_rate)
                if left < 0:
                    raise _too_long(path)
            parts += [out.to_ndarray()[0] for out in resampler.resample(None)] if parts else []
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SpeechError("recording_unreadable", file=path.name, reason=_reason(error)) from error
    if not sum(len(part) for part in parts):
        raise SpeechError("recording_unreadable", file=path.name, reason="no sound in it")
    samples = np.concatenate(parts).astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise SpeechError("recording_unreadable", file=path.name, reason="samples that are no numbers")
    return Audio(samples, SAMPLE_RATE)


def _reason(error: Exception) -> str:
    """libav's words without the path, which is a matter of this machine."""
    return str(getattr(error, "strerror", None) or error)


def _too_long(path: Path) -> SpeechError:
    return SpeechError("recording_too_long", file=path.name, maximum_s=LONGEST_RECORDINGS_S)


def listen(path: Path, longest_s: float, detector: VoiceDetector) -> Recording:
    """Read a file and find the speech in it. Raises what `read` raises."""
    audio = read(path, longest_s)
    return Recording(path.name, audio, spans(detector.probabilities(audio), shortest_pause_s=SHORT_PAUSE_S))


def cut(recording: Recording) -> tuple[Piece, ...]:
    """Clips of about `SHORTEST_S` to `LONGEST_S`, each beginning and ending in a pause; longer only without one."""
    atoms = _atoms(recording.speech)
    groups = _best_groups(atoms)
    speech = [Span(atoms[first].start_s, atoms[last].end_s) for first, last in groups]
    edges = [0.0, *(edge for span in speech for edge in (span.start_s, span.end_s)), recording.audio.duration_s]
    pieces = []
    for index, span in enumerate(speech):
        before, after = edges[2 * index], edges[2 * index + 3]  # the neighbours' speech, or the file's ends
        is_first, is_last = index == 0, index == len(speech) - 1
        start = max(span.start_s - BEFORE_S, before if is_first else (before + span.start_s) / 2)
        end = min(span.end_s + AFTER_S, after if is_last else (after + span.end_s) / 2)
        pieces.append(Piece(recording, span, Span(start, end)))
    return tuple(pieces)


def _atoms(speech: Sequence[Span]) -> list[Span]:
    """What is never cut: speech joined over pauses shorter than `PAUSE_S`, unless that would be too long a clip."""
    atoms: list[Span] = []
    for span in speech:
        is_near = bool(atoms) and span.start_s - atoms[-1].end_s < PAUSE_S
        if is_near and span.end_s - atoms[-1].start_s <= LONGEST_S:
            atoms[-1] = Span(atoms[-1].start_s, span.end_s)
        else:
            atoms.append(span)
    return atoms


def _best_groups(atoms: Sequence[Span]) -> list[tuple[int, int]]:
    """First and last atom of each clip: the grouping of least cost, by dynamic programming."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the atoms before each index, and where the last clip begins
    for end in range(1, len(atoms) + 1):
        choices = []
        for first in range(end - 1, -1, -1):
            group = atoms[first:end]
            if len(group) > 1 and not _may_be_one(group[0], group[1], group[-1]):
                break
            pause_s = atoms[first].start_s - atoms[first - 1].end_s if first else LONGEST_PAUSE_S
            choices.append((best[first][0] + _cost(group[-1].end_s - group[0].start_s, pause_s), first))
        best.append(min(choices))
    groups, end = [], len(atoms)
    while end:
        groups.append((best[end][1], end - 1))
        end = best[end][1]
    return groups[::-1]


def _may_be_one(first: Span, second: Span, last: Span) -> bool:
    return last.end_s - first.start_s <= LONGEST_S and second.start_s - first.end_s <= LONGEST_PAUSE_S


def _cost(duration_s: float, pause_before_s: float) -> float:
    """Lengths near `WANTED_S` and cuts at long pauses are cheap."""
    length = ((duration_s - WANTED_S) / 2.5) ** 2 + (4.0 if duration_s < SHORTEST_S else 0.0)
    return length + 4 * max(0.0, 0.5 - pause_before_s)
