"""The dataset that is trained on, in LJSpeech's layout, and whether a dataset keeps to it.

    metadata.csv  metadata_train.csv  metadata_val.csv    id|text|text as spoken
    metadata_speakers.csv      audio_file|text|speaker_name, coqui's own layout, for several speakers
    duration.json              seconds of each clip
    manifest.jsonl             all that is known of each clip
    version.json               number, hash, counts
    wavs/ID.wav  wavs/metadata.jsonl    a Hugging Face audiofolder by itself
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speech.errors import SpeechError
from speech.files import fresh_folder, write_whole
from train.dataset.folder import DatasetFolder
from train.dataset.options import BuildOptions
from train.dataset.records import Sample, row_of, save_lines
from train.dataset.words import spoken
from train.progress import Reporter


@dataclass(frozen=True)
class Built:
    """A version of a dataset."""

    path: Path
    number: int
    sha256: str  # of ids, texts, speakers, splits and sounds
    samples: int
    hours: float
    train: int
    val: int


def build(folder: DatasetFolder, options: BuildOptions, reporter: Reporter) -> Built:
    """`folder.root / options.name`, whole or as it was. The same clips, texts and options give the same hash.

    Raises SpeechError `dataset_empty`.
    """
    wanted = {"keep", "review"} if options.include_review else {"keep"}
    names: Mapping[str, str] = folder.description().get("speakers", {})
    chosen = [
        replace(sample, speaker=names.get(sample.speaker, sample.speaker))
        for sample in folder.samples()
        if sample.decision in wanted and sample.text.strip()
    ]
    if not chosen:
        raise SpeechError("dataset_empty", name=folder.name)
    chosen = split(chosen, options)
    target = folder.root / options.name
    temporary = fresh_folder(folder.root, ".build-")
    try:
        sounds = _write(folder, chosen, temporary, reporter)
        built = _version(folder, chosen, sounds, target)
        write_whole(temporary / "version.json", json.dumps(_told(built), indent=2) + "\n")
        _replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if not any(row["sha256"] == built.sha256 for row in folder.versions()):
        at = datetime.now(UTC).isoformat(timespec="seconds")
        save_lines(folder.versions_path, [*folder.versions(), {**_told(built), "built_at": at}])
        save_lines(folder.root / "versions" / f"{built.number}.jsonl", (row_of(sample) for sample in chosen))
    reporter.progress(1, 1, "dataset.stage.build")
    return built


def split(samples: Sequence[Sample], options: BuildOptions) -> list[Sample]:
    """Each recording is wholly in `train` or in `val`, whoever speaks in it.

    What its source says counts; the others make `train_share` of each speaker's seconds for training, by `seed`. A
    speaker of a single recording is divided by clips, at the end of it, since there is no other way.
    """
    groups: dict[str, list[Sample]] = {}  # by speaker
    for sample in samples:
        groups.setdefault(sample.speaker, []).append(sample)
    lengths = {speaker: _lengths(group) for speaker, group in groups.items()}
    val = _held_out(lengths, {sample.source: sample.split for sample in samples if sample.split}, options)
    sides = {sample.sample_id: "val" if sample.source in val else "train" for sample in samples}
    for speaker, sources in lengths.items():
        if len(sources) == 1:
            sides |= _divided([sample for sample in groups[speaker] if not sample.split], options)
    return [replace(sample, split=sample.split or sides[sample.sample_id]) for sample in samples]


def _lengths(samples: Iterable[Sample]) -> dict[str, float]:
    """Seconds by recording."""
    found: dict[str, float] = {}
    for sample in samples:
        found[sample.source] = found.get(sample.source, 0.0) + sample.duration_s
    return found


def _held_out(
    lengths: Mapping[str, Mapping[str, float]], decided: Mapping[str, str], options: BuildOptions
) -> set[str]:
    """Recordings to validate on: the nearest to what is wanted for each speaker that leaves everybody some to train on.

    One that is all there is of somebody stays for training of the others who speak in it.
    """
    several = {speaker: sources for speaker, sources in lengths.items() if len(sources) > 1}
    only = {source for sources in lengths.values() if len(sources) == 1 for source in sources}
    kept = only | {source for source, side in decided.items() if side == "train"}
    val = {source for source, side in decided.items() if side == "val"}
    left = {speaker: len(set(sources) - val) for speaker, sources in several.items()}
    heard: dict[str, list[str]] = {}  # who speaks in a recording
    for speaker, sources in several.items():
        for name in sources:
            heard.setdefault(name, []).append(speaker)
    seen: set[str] = set()

    def may_go(name: str) -> bool:
        return name not in kept and all(left[speaker] > 1 for speaker in heard[name])

    def hold_out(name: str) -> None:
        val.add(name)
        left.update({speaker: left[speaker] - 1 for speaker in heard[name]})

    for sources in several.values():
        wanted = (1 - options.train_share) * sum(sources.values())
        taken = sum(length for name, length in sources.items() if name in val)
        names = sorted(set(sources) - val)
        random.Random(options.seed).shuffle(names)
        names.sort(key=lambda name: name in seen)  # of those the share of another is right already
        for name in names:
            if may_go(name) and abs(taken + sources[name] - wanted) < abs(taken - wanted):
                hold_out(name)
                taken += sources[name]
        if not taken and wanted > 0 and (free := [name for name in names if may_go(name)]):
            hold_out(min(free, key=lambda name: (name in seen, sources[name])))
        seen |= set(sources)
    return val


def _divided(group: Sequence[Sample], options: BuildOptions) -> dict[str, str]:
    """Sides by sample: the last clips are for validation."""
    count = min(len(group) - 1, max(1, round(len(group) * (1 - options.train_share)))) if len(group) > 1 else 0
    edge = len(group) - count
    return {sample.sample_id: "train" if index < edge else "val" for index, sample in enumerate(group)}


def _write(folder: DatasetFolder, samples: Sequence[Sample], target: Path, reporter: Reporter) -> dict[str, str]:
    """All files but the version; returns the hash of each sound."""
    (target / "wavs").mkdir()
    sounds = {}
    lines: dict[str, list[tuple[str, str, str]]] = {"train": [], "val": []}
    for index, sample in enumerate(samples):
        source, name = folder.root / sample.audio_path, f"{sample.sample_id}.wav"
        sounds[sample.sample_id] = hashlib.sha256(source.read_bytes()).hexdigest()
        _link(source, target / "wavs" / name)
        written = " ".join(sample.text.replace("|", " ").split())
        lines[sample.split].append((sample.sample_id, written, spoken(sample.text, sample.language)))
        reporter.progress(index + 1, len(samples) + 1, "dataset.stage.build")
    everything = {row[0]: row for rows in lines.values() for row in rows}
    ordered = [everything[sample.sample_id] for sample in samples]
    for name, rows in (("metadata", ordered), ("metadata_train", lines["train"]), ("metadata_val", lines["val"])):
        write_whole(target / f"{name}.csv", "".join("|".join(row) + "\n" for row in rows))
    write_whole(target / "metadata_speakers.csv", _speakers(samples, everything))
    durations = {sample.sample_id: sample.duration_s for sample in samples}
    write_whole(target / "duration.json", json.dumps(durations, indent=1) + "\n")
    save_lines(
        target / "manifest.jsonl",
        (row_of(sample) | {"audio_path": f"wavs/{sample.sample_id}.wav"} for sample in samples),
    )
    save_lines(
        target / "wavs" / "metadata.jsonl",
        (
            {
                "file_name": f"{sample.sample_id}.wav",
                "text": everything[sample.sample_id][1],
                "normalized_text": everything[sample.sample_id][2],
                "speaker": sample.speaker,
                "language": sample.language,
                "split": sample.split,
            }
            for sample in samples
        ),
    )
    return sounds


def _speakers(samples: Sequence[Sample], lines: Mapping[str, tuple[str, str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="|", lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(("audio_file", "text", "speaker_name"))
    for sample in samples:
        writer.writerow((f"wavs/{sample.sample_id}.wav", lines[sample.sample_id][2], sample.speaker or "speaker"))
    return text.getvalue()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)


def _version(folder: DatasetFolder, samples: Sequence[Sample], sounds: Mapping[str, str], target: Path) -> Built:
    digest = content_hash(
        (sample.sample_id, sample.text, sample.speaker, sample.split, sounds[sample.sample_id]) for sample in samples
    )
    known = {str(row["sha256"]): int(row["number"]) for row in folder.versions()}
    number = known.get(digest, max(known.values(), default=0) + 1)
    hours = sum(sample.duration_s for sample in samples) / 3600
    train = sum(sample.split == "train" for sample in samples)
    return Built(target, number, digest, len(samples), round(hours, 6), train, len(samples) - train)


def content_hash(rows: Iterable[tuple[str, ...]]) -> str:
    return hashlib.sha256(json.dumps(sorted(rows), ensure_ascii=False).encode()).hexdigest()


def _told(built: Built) -> dict[str, Any]:
    return {name: value for name, value in vars(built).items() if name != "path"}


def _replace(temporary: Path, target: Path) -> None:
    """A folder in another's place; the old one is gone only when the new one is there."""
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=".old-"))
    if target.exists():
        target.rename(old / "it")
    temporary.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def export(folder: DatasetFolder, options: BuildOptions, target: Path) -> Path:
    """A copy of what was built, elsewhere. Raises SpeechError `dataset_not_built`, `dataset_exists`."""
    built = folder.root / options.name
    if not built.is_dir():
        raise SpeechError("dataset_not_built", name=folder.name)
    if target.exists() and any(target.iterdir()):
        raise SpeechError("dataset_exists", name=str(target))
    shutil.copytree(built, target, dirs_exist_ok=True)
    return target


def check(dataset: Path) -> list[str]:
    """What is wrong with a dataset in LJSpeech's layout, made anywhere: one line a defect, none when it is good."""
    problems: list[str] = []
    if not (dataset / "metadata.csv").is_file():
        return ["metadata.csv: is not there"]
    everything = _checked_lines(dataset, "metadata.csv", problems)
    parts = {name: _checked_lines(dataset, name, problems) for name in ("metadata_train.csv", "metadata_val.csv")}
    train, val = parts["metadata_train.csv"], parts["metadata_val.csv"]
    if both := sorted(set(train) & set(val)):
        problems.append(f"{both[0]}: in train and in val ({len(both)} such)")
    if (train or val) and (lacking := sorted(set(everything) ^ {*train, *val})):
        problems.append(f"{lacking[0]}: not in metadata.csv and in one of its parts ({len(lacking)} such)")
    problems += _source_leaks(dataset, set(val))
    return problems


def _checked_lines(dataset: Path, name: str, problems: list[str]) -> list[str]:
    """Ids of a metadata file."""
    path = dataset / name
    if not path.is_file():
        return []
    ids: dict[str, None] = {}  # in their order
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line:
            continue
        columns = line.split("|")
        where = f"{name}:{number}"
        if len(columns) not in (2, 3):
            problems.append(f"{where}: {len(columns)} columns instead of 3")
            continue
        if not all(column.strip() for column in columns[1:]):
            problems.append(f"{where}: no text")
        if columns[0] in ids:
            problems.append(f"{where}: {columns[0]} twice")
        ids[columns[0]] = None
        if problem := _checked_sound(dataset / "wavs" / f"{columns[0]}.wav"):
            problems.append(f"{where}: {problem}")
    if not ids and name == "metadata.csv":
        problems.append(f"{name}: no line")
    return list(ids)


def _checked_sound(path: Path) -> str:
    import soundfile

    if not path.is_file():
        return f"wavs/{path.name} is not there"
    try:
        info = soundfile.info(path)
    except soundfile.LibsndfileError as error:
        return f"wavs/{path.name}: {error}"
    if info.channels != 1:
        return f"wavs/{path.name} has {info.channels} channels instead of 1"
    return "" if info.frames else f"wavs/{path.name} is empty"


def _source_leaks(dataset: Path, val: set[str]) -> list[str]:
    """Recordings on both sides, where the manifest tells them; one that is all there is of a speaker is not counted."""
    path = dataset / "manifest.jsonl"
    if not path.is_file():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    sources: dict[str, set[str]] = {}
    sides: dict[str, set[bool]] = {}
    for row in rows:
        sources.setdefault(row["speaker"], set()).add(row["source"])
        sides.setdefault(row["source"], set()).add(row["sample_id"] in val)
    only = {source for found in sources.values() if len(found) == 1 for source in found}
    leaks = sorted(source for source, found in sides.items() if len(found) > 1 and source not in only)
    return [f"{source}: in train and in val" for source in leaks]
