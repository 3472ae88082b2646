"""What a person does to clips: texts, decisions, speakers, splitting and joining; each step can be taken back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speech.asr import Word
from speech.audio import Audio, join, load, save
from speech.errors import SpeechError
from train.dataset.edits import Edit, standing
from train.dataset.folder import DatasetFolder
from train.dataset.records import DECISIONS, Sample, row_of

CHANGEABLE = ("text", "decision", "speaker")
LONGEST_TEXT = 1000


def change(folder: DatasetFolder, changes: Mapping[str, Mapping[str, str]], kind: str = "change") -> Edit:
    """Set `CHANGEABLE` fields of samples. Raises SpeechError `unknown_sample`, `bad_sample_change`."""
    with folder.editing():
        known = {sample.sample_id for sample in folder.samples()}
        for sample_id, fields in changes.items():
            _known(known, sample_id)
            _check(sample_id, fields)
        tidy = {each: {name: " ".join(value.split()) for name, value in new.items()} for each, new in changes.items()}
        return _append(folder, kind, changes=tidy)


def _check(sample_id: str, fields: Mapping[str, str]) -> None:
    reason = ""
    if unknown := sorted(set(fields) - set(CHANGEABLE)):
        reason = f"{', '.join(unknown)}: not one of {', '.join(CHANGEABLE)}"
    elif "decision" in fields and fields["decision"] not in DECISIONS:
        reason = f"decision is one of {', '.join(DECISIONS)}"
    elif "text" in fields and not 0 < len(fields["text"].strip()) <= LONGEST_TEXT:
        reason = f"a text has 1 to {LONGEST_TEXT} characters"
    elif any("|" in value for value in fields.values()):
        reason = "the character | parts the columns of the dataset"
    if reason:
        raise SpeechError("bad_sample_change", sample=sample_id, reason=reason)


def split(folder: DatasetFolder, sample_id: str, word: int) -> Edit:
    """Part a clip after its first `word` words, in the pause there.

    Raises SpeechError `unknown_sample`, `bad_sample_change`."""
    with folder.editing():
        sample = _get(folder, sample_id)
        spoken = placed_words(sample)
        if not 1 <= word < len(spoken):
            raise SpeechError("bad_sample_change", sample=sample_id, reason=f"word is 1 to {max(len(spoken) - 1, 1)}")
        audio = load(folder.root / sample.audio_path)
        at_s = _quietest(audio, spoken[word - 1].start_s, spoken[word - 1].end_s, spoken[word].start_s)
        left, right = (audio.slice(0, at_s), audio.slice(at_s, audio.duration_s))
        later = tuple(replace(w, start_s=max(0.0, w.start_s - at_s), end_s=w.end_s - at_s) for w in spoken[word:])
        halves = [
            (f"{sample_id}a", left, spoken[:word], _cut(sample.parts, 0.0, at_s)),
            (f"{sample_id}b", right, later, _cut(sample.parts, at_s, float("inf"))),
        ]
        added = [_saved(folder, sample, new_id, sound, words, parts) for new_id, sound, words, parts in halves]
        return _append(folder, "split", removed=(sample_id,), added=tuple(added))


def merge(folder: DatasetFolder, sample_ids: Sequence[str]) -> Edit:
    """Join two or more clips of one source and speaker that follow each other.

    Raises SpeechError `unknown_sample`, `bad_sample_change`."""
    with folder.editing():
        order = [sample.sample_id for sample in folder.samples()]
        samples = sorted(
            (_get(folder, each) for each in dict.fromkeys(sample_ids)), key=lambda s: order.index(s.sample_id)
        )
        first = samples[0]
        if len(samples) < 2 or len({(sample.source, sample.speaker) for sample in samples}) > 1:
            raise SpeechError("bad_sample_change", sample=first.sample_id, reason="two clips of one source and speaker")
        start = order.index(first.sample_id)
        if order[start : start + len(samples)] != [sample.sample_id for sample in samples]:
            raise SpeechError("bad_sample_change", sample=first.sample_id, reason="clips that follow each other")
        sounds, words, at_s = [], [], 0.0
        for sample in samples:
            sound = load(folder.root / sample.audio_path)
            words += [replace(w, start_s=w.start_s + at_s, end_s=w.end_s + at_s) for w in placed_words(sample)]
            sounds.append(sound)
            at_s += sound.duration_s
        parts = tuple(part for sample in samples for part in sample.parts)
        made = _saved(folder, first, f"{first.sample_id}m{len(samples)}", join(sounds), words, parts)
        return _append(folder, "merge", removed=tuple(sample.sample_id for sample in samples), added=(made,))


def undo(folder: DatasetFolder) -> Edit:
    """Take back the last edit in force. Raises SpeechError `nothing_to_undo`."""
    with folder.editing():
        left = standing(folder.edits())
        if not left:
            raise SpeechError("nothing_to_undo")
        return _append(folder, "undo", undoes=left[-1].number)


def placed_words(sample: Sample) -> list[Word]:
    """The words of the text with times: those heard where they agree in number, else spread over what was heard."""
    written = sample.text.split()
    heard = list(sample.words)
    if [word.text for word in heard] == written:
        return heard
    if len(heard) == len(written):
        return [replace(word, text=text) for word, text in zip(heard, written, strict=True)]
    start = heard[0].start_s if heard else 0.0
    end = heard[-1].end_s if heard else sample.duration_s
    letters = max(1, sum(len(word) + 1 for word in written))
    placed, at = [], start
    for text in written:
        length = (end - start) * (len(text) + 1) / letters
        placed.append(Word(text, at, at + length, 0.0))
        at += length
    return placed


def _quietest(audio: Audio, start_s: float, end_s: float, next_s: float) -> float:
    """The quietest 20 ms between the middle of the word before and shortly after the next begins."""
    import numpy as np

    first, last = (start_s + end_s) / 2, max(next_s + 0.08, end_s + 0.08)
    size = round(0.02 * audio.sample_rate)
    region = audio.slice(first, last).samples
    if len(region) < 2 * size:
        return (end_s + next_s) / 2
    power = np.convolve(region.astype(np.float64) ** 2, np.ones(size), "valid")
    return first + (int(np.argmin(power)) + size / 2) / audio.sample_rate


def _cut(parts: Sequence[tuple[float, float]], start_s: float, end_s: float) -> tuple[tuple[float, float], ...]:
    """What of the source's `parts` lies between two moments of the clip."""
    kept, at = [], 0.0
    for first, last in parts:
        length = last - first
        a, b = max(start_s - at, 0.0), min(end_s - at, length)
        if b > a:
            kept.append((round(first + a, 3), round(first + b, 3)))
        at += length
    return tuple(kept)


def _saved(
    folder: DatasetFolder,
    before: Sample,
    sample_id: str,
    sound: Audio,
    words: Sequence[Word],
    parts: tuple[tuple[float, float], ...],
) -> Sample:
    from speech import dsp

    path = folder.wavs / f"{sample_id}.wav"
    save(dsp.fade(sound, 0.01, 0.01), path)
    text = " ".join(word.text for word in words)
    return replace(
        before,
        sample_id=sample_id,
        audio_path=path.relative_to(folder.root).as_posix(),
        parts=parts,
        duration_s=round(sound.duration_s, 3),
        text=text,
        recognized_text=text,
        given_text="",
        words=tuple(words),
        measures={},
        findings=(),
        decision="keep",
        decided_by="person",
    )


def _get(folder: DatasetFolder, sample_id: str) -> Sample:
    samples = {sample.sample_id: sample for sample in folder.samples()}
    _known(set(samples), sample_id)
    return samples[sample_id]


def _known(known: set[str], sample_id: str) -> None:
    if sample_id not in known:
        raise SpeechError("unknown_sample", sample=sample_id[:120])


def _append(folder: DatasetFolder, kind: str, **values: Any) -> Edit:
    number = max((edit.number for edit in folder.edits()), default=0) + 1
    edit = Edit(number, datetime.now(UTC).isoformat(timespec="seconds"), kind, **values)
    row = asdict(edit) | {"added": [row_of(sample) for sample in edit.added]}
    _write_line(folder.edits_path, json.dumps(row, ensure_ascii=False))
    return edit


def _write_line(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
