"""Recordings read with a cap and cut into clips at pauses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from speech.audio import Audio, join
from speech.decoding import Told
from speech.errors import SpeechError
from speech.recordings import ReadRecording, read_recording
from speech.vad import Span, VoiceDetector, spans

SAMPLE_RATE = 24000
LONGEST_RECORDINGS_S = 600.0  # of all files together
PAUSE_S = 0.2  # the shortest silence that is cut at; a stop consonant has less
SHORT_PAUSE_S = 0.1  # where somebody speaks on for longer than a clip may be
SHORTEST_S, WANTED_S, LONGEST_S = 2.0, 5.0, 10.0
LONGEST_PAUSE_S = 1.2  # inside a clip
AROUND_S = 0.1  # of its own quiet that a clip keeps before and after speech
_WIDEN_S, _WIDEN_FRAME_S = 0.35, 0.01
_CLOSURE = 12  # frames of `_WIDEN_FRAME_S`


@dataclass(frozen=True, eq=False)
class Recording:
    """One file as mono sound at 24 kHz, and where somebody speaks in it."""

    name: str
    audio: Audio
    speech: tuple[Span, ...]  # with pauses of `SHORT_PAUSE_S` and longer between them
    told: Told = field(default_factory=Told)  # what reading it took

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


def read(path: Path, longest_s: float) -> ReadRecording:
    """A stranger's recording as mono at 24 kHz; no more than `longest_s` is ever decoded.

    Raises SpeechError `recording_too_long`, `recording_unreadable`, `recording_mostly_lost`.
    """
    try:
        return read_recording(path, SAMPLE_RATE, longest_s)
    except SpeechError as error:
        if error.code != "recording_too_long":
            raise
        raise SpeechError("recording_too_long", file=path.name, maximum_s=LONGEST_RECORDINGS_S) from error


def listen(path: Path, longest_s: float, detector: VoiceDetector) -> Recording:
    """Read a file and find the speech in it. Raises what `read` raises."""
    read_recording = read(path, longest_s)
    audio = read_recording.audio
    found = spans(detector.probabilities(audio), shortest_pause_s=SHORT_PAUSE_S)
    return Recording(path.name, audio, widened(audio, found), read_recording.told)


def widened(audio: Audio, speech: Sequence[Span]) -> tuple[Span, ...]:
    """Spans that begin and end where the sound does: a detector wakes late in a soft vowel, and lets go of an ending
    that still dies away. Each moves by `_WIDEN_S` at most, and by half of the pause beside it."""
    import numpy as np

    size = round(_WIDEN_FRAME_S * audio.sample_rate)
    count = len(audio.samples) // size
    power = np.mean(audio.samples[: count * size].reshape(count, size) ** 2, axis=1)
    level = 10 * np.log10(power + 1e-12)
    edges = [0, *(round(t / _WIDEN_FRAME_S) for span in speech for t in (span.start_s, span.end_s)), count]
    moved = []
    for index, span in enumerate(speech):
        left, start, end, right = edges[2 * index : 2 * index + 4]
        before = left if index == 0 else (left + start) // 2
        after = right if index == len(speech) - 1 else (end + right) // 2
        loud = float(np.percentile(level[start:end], 90)) if start < min(end, count) else 0.0
        earlier = _sounding(level[before:start][::-1], loud) * _WIDEN_FRAME_S
        later = _sounding(level[end:after], loud) * _WIDEN_FRAME_S
        moved.append(Span(max(0.0, span.start_s - earlier), min(audio.duration_s, span.end_s + later)))
    return tuple(moved)


def _sounding(level: Any, loud: float) -> int:
    """Frames of `level` (decibels, going away from speech of level `loud`) until quiet is longer than a stop's."""
    import numpy as np

    if not len(level):
        return 0
    bound = max(float(np.percentile(level, 20)) + 8, loud - 45)
    last = 0
    for index in range(min(len(level), round(_WIDEN_S / _WIDEN_FRAME_S))):
        if level[index] > bound:
            last = index + 1
        elif index - last >= _CLOSURE:
            break
    return last


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
        start = max(span.start_s - AROUND_S, before if is_first else (before + span.start_s) / 2)
        end = min(span.end_s + AROUND_S, after if is_last else (after + span.end_s) / 2)
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
