"""Recordings are cut into clips of 7 to 12 s at pauses, never inside speech, with one speaker a clip."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from speech import dsp
from speech.analysis.cutting import widened
from speech.analysis.diarization import Turn
from speech.audio import Audio, join, save
from speech.vad import FRAME_S, SAMPLE_RATE, Span, spans
from train.dataset import sound
from train.dataset.folder import DatasetFolder
from train.dataset.options import SegmentOptions
from train.dataset.records import Sample, Source, StageLog, row_of, sample_from
from train.progress import Reporter, Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from speech.vad import Probabilities

CONTEXT_S = 0.6  # that is read around speech to find where it really begins and ends
DROP_COST = 40.0  # for each second of speech that no clip takes


class StreamDetector(Protocol):
    def stream(self, blocks: Iterable[Audio]) -> Iterator[Probabilities]:
        """That somebody speaks, for each `FRAME_S` of blocks at `SAMPLE_RATE`."""


Diarizer = Callable[[Path, Sequence[Span]], Sequence[Turn]]


@dataclass(frozen=True)
class Atom:
    """Speech that is never cut: one speaker, no pause to cut at."""

    start_s: float
    end_s: float
    speaker: str = ""
    quiet_before_s: float = 1.0  # to the middle of the pause before it
    quiet_after_s: float = 1.0

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


def segment(
    folder: DatasetFolder,
    options: SegmentOptions,
    detector: StreamDetector,
    reporter: Reporter,
    diarize: Diarizer | None = None,
) -> tuple[Sample, ...]:
    """Clips of all recordings that are there, in `processed/wavs`; what was cut before by the same options stays.

    Raises Stopped.
    """
    log = StageLog(folder.segments)
    folder.wavs.mkdir(parents=True, exist_ok=True)
    ready = [source for source in folder.sources() if source.is_ready]
    samples: list[Sample] = []
    for index, source in enumerate(ready):
        reporter.progress(index, len(ready), "dataset.stage.segment")
        if reporter.should_stop():
            raise Stopped
        key = _key(folder, source, options, diarize is not None)
        row = log.find(key)
        if row is None or not all((folder.root / each["audio_path"]).is_file() for each in row["samples"]):
            made = _of_source(folder, source, options, detector, diarize)
            log.add(key, {"source": source.source_id, "samples": [row_of(sample) for sample in made]})
            samples += made
        else:
            samples += [sample_from(each) for each in row["samples"]]
    reporter.progress(1, 1, "dataset.stage.segment")
    folder.save_samples(samples)
    return tuple(samples)


def recording_of(folder: DatasetFolder, source: Source) -> Path:
    """What is cut: the cleaned recording where there is one."""
    cleaned = folder.cleaned / f"{source.source_id}.wav"
    return cleaned if cleaned.is_file() else folder.root / source.path


def _key(folder: DatasetFolder, source: Source, options: SegmentOptions, diarizes: bool) -> str:
    path = recording_of(folder, source)
    told = [source.source_id, source.sha256, source.speaker, source.language, source.text, path.parent.name]
    told += [str(path.stat().st_size), str(diarizes)]
    return hashlib.sha256(json.dumps([told, asdict(options)], sort_keys=True).encode()).hexdigest()


def _of_source(
    folder: DatasetFolder,
    source: Source,
    options: SegmentOptions,
    detector: StreamDetector,
    diarize: Diarizer | None,
) -> list[Sample]:
    path = recording_of(folder, source)
    if source.text:
        whole = finished(sound.part(path, 0, float("inf")), options)
        return [_sample(folder, source, whole, ((0.0, round(source.duration_s, 3)),), source.speaker)]
    speech = find_speech(path, detector, options)
    turns = diarize(path, speech) if diarize else ()
    made = []
    for group in grouped(atoms_of(speech, turns, options), options):
        parts = clip_parts(group, options)
        clip = finished(join_parts(path, parts), options)
        made.append(_sample(folder, source, clip, parts, _speaker(source, group[0].speaker)))
    return made


def _speaker(source: Source, found: str) -> str:
    """The name that was given, and which of the voices in it when there are several."""
    if not found:
        return source.speaker
    return f"{source.speaker or source.source_id}_{found}"


def _sample(
    folder: DatasetFolder, source: Source, clip: Audio, parts: tuple[tuple[float, float], ...], speaker: str
) -> Sample:
    sample_id = f"{source.source_id}_{round(parts[0][0] * 1000):08d}_{round(parts[-1][1] * 1000):08d}"
    path = folder.wavs / f"{sample_id}.wav"
    save(clip, path)
    return Sample(
        sample_id=sample_id,
        audio_path=path.relative_to(folder.root).as_posix(),
        source=source.source_id,
        speaker=speaker,
        language=source.language or folder.language,
        parts=parts,
        duration_s=round(clip.duration_s, 3),
        given_text=source.text,
        split=source.split,
    )


def find_speech(path: Path, detector: StreamDetector, options: SegmentOptions, block_s: float = 1.0) -> list[Span]:
    """Stretches of speech, with every pause of `min_pause_s` between them; the same for any `block_s`."""
    import numpy as np

    heard = [*detector.stream(sound.resampled(sound.blocks(path, block_s), SAMPLE_RATE))]
    probabilities = np.concatenate([np.zeros(0, np.float32), *heard])
    found = spans(
        probabilities,
        enter=options.vad_threshold,
        leave=max(0.05, options.vad_threshold - 0.15),
        shortest_pause_s=min(options.min_pause_s, 0.1),
    )
    return list(_widened(path, found, len(probabilities) * FRAME_S))


def _widened(path: Path, found: Sequence[Span], duration_s: float) -> Iterable[Span]:
    """Each span by what sounds at its ends, read a minute of speech at a time."""
    start = 0
    while start < len(found):
        end = start + 1
        while end < len(found) and found[end].end_s - found[start].start_s < 60:
            end += 1
        first = found[start - 1].end_s if start else 0.0
        last = found[end].start_s if end < len(found) else duration_s
        from_s = max(first, found[start].start_s - CONTEXT_S)
        audio = sound.part(path, from_s, min(last, found[end - 1].end_s + CONTEXT_S))
        shifted = [Span(span.start_s - from_s, span.end_s - from_s) for span in found[start:end]]
        for span in widened(audio, shifted):
            yield Span(span.start_s + from_s, span.end_s + from_s)
        start = end


def atoms_of(speech: Sequence[Span], turns: Sequence[Turn], options: SegmentOptions) -> list[Atom]:
    """Speech joined over pauses too short to cut at, unless somebody else goes on or it would be too long a clip."""
    atoms: list[Atom] = []
    for span in speech:
        speaker = _who(span, turns)
        before = atoms[-1] if atoms else None
        if before is not None and before.speaker == speaker and span.start_s - before.end_s < options.min_pause_s:
            if span.end_s - before.start_s + 2 * options.padding_s <= options.max_duration_s:
                atoms[-1] = Atom(before.start_s, span.end_s, speaker)
                continue
        atoms.append(Atom(span.start_s, span.end_s, speaker))
    halves = [(after.start_s - before.end_s) / 2 for before, after in zip(atoms, atoms[1:], strict=False)]
    quiet = [1.0, *halves, 1.0]
    return [
        replace(atom, quiet_before_s=quiet[index], quiet_after_s=quiet[index + 1]) for index, atom in enumerate(atoms)
    ]


def _who(span: Span, turns: Sequence[Turn]) -> str:
    """Who speaks longest in `span`; "" where nobody was told apart."""
    shares: dict[str, float] = {}
    for turn in turns:
        overlap = min(span.end_s, turn.end_s) - max(span.start_s, turn.start_s)
        if overlap > 0:
            shares[turn.speaker] = shares.get(turn.speaker, 0.0) + overlap
    return max(shares, key=lambda name: shares[name]) if shares else ""


def grouped(atoms: Sequence[Atom], options: SegmentOptions) -> list[list[Atom]]:
    """The clips of least cost, by dynamic programming; speech that fits in none is left out, and costs most."""
    best: list[tuple[float, int]] = [(0.0, 0)]  # cost of the atoms before each index, and how many the last clip has
    for end in range(1, len(atoms) + 1):
        choices = [(best[end - 1][0] + DROP_COST * atoms[end - 1].duration_s, 0)]
        for first in range(end - 1, -1, -1):
            group = atoms[first:end]
            if len(group) > 1 and not _may_follow(group[0], group[1], options):
                break
            duration = clip_duration_s(group, options)
            if duration > options.max_duration_s:
                break
            if duration >= options.min_duration_s:
                choices.append((best[first][0] + _cost(group, duration, options), end - first))
        best.append(min(choices))
    groups, end = [], len(atoms)
    while end:
        count = best[end][1]
        if count:
            groups.append(list(atoms[end - count : end]))
        end -= max(count, 1)
    return groups[::-1]


def _may_follow(first: Atom, second: Atom, options: SegmentOptions) -> bool:
    return first.speaker == second.speaker and second.start_s - first.end_s <= options.max_gap_s


def _cost(group: Sequence[Atom], duration_s: float, options: SegmentOptions) -> float:
    """Lengths near the one wanted are cheap, and speech that belongs together."""
    spread = max(0.5, (options.max_duration_s - options.min_duration_s) / 2)
    gaps = sum(
        max(0.0, after.start_s - before.end_s - options.max_pause_s)
        for before, after in zip(group, group[1:], strict=False)
    )
    return ((duration_s - options.target_duration_s) / spread) ** 2 + gaps / 2


def clip_duration_s(group: Sequence[Atom], options: SegmentOptions) -> float:
    return sum(last - first for first, last in clip_parts(group, options))


def clip_parts(group: Sequence[Atom], options: SegmentOptions) -> tuple[tuple[float, float], ...]:
    """The seconds of the source that make the clip: the middle of a long pause is left out."""
    half = options.max_pause_s / 2
    parts = [[max(0.0, group[0].start_s - min(options.padding_s, group[0].quiet_before_s)), group[0].end_s]]
    for before, after in zip(group, group[1:], strict=False):
        if after.start_s - before.end_s > options.max_pause_s:
            parts[-1][1] = before.end_s + half
            parts.append([after.start_s - half, after.end_s])
        else:
            parts[-1][1] = after.end_s
    parts[-1][1] += min(options.padding_s, group[-1].quiet_after_s)
    return tuple((round(first, 3), round(last, 3)) for first, last in parts)


def join_parts(path: Path, parts: Sequence[tuple[float, float]]) -> Audio:
    """The parts one after another, faded for 5 ms where they meet."""
    read = [sound.part(path, first, last) for first, last in parts]
    if len(read) == 1:
        return read[0]
    return join(
        dsp.fade(piece, 0.005 if index else 0.0, 0.005 if index < len(read) - 1 else 0.0)
        for index, piece in enumerate(read)
    )


def finished(clip: Audio, options: SegmentOptions) -> Audio:
    """At the wanted level unless a peak forbids it, faded in and out."""
    level = dsp.rms_db(clip.samples)
    if level > float("-inf"):
        gain = 10 ** ((options.target_rms_db - level) / 20)
        clip = dsp.limit_peak(Audio(clip.samples * clip.samples.dtype.type(gain), clip.sample_rate), _peak(options))
    return dsp.fade(clip, options.fade_in_s, options.fade_out_s)


def _peak(options: SegmentOptions) -> float:
    return float(10 ** (options.peak_limit_db / 20))
