"""What is kept of a dataset, one JSON object a line: recordings, clips, and what each stage has finished."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from speech.analysis.findings import Finding
from speech.asr import Word
from speech.errors import SpeechError
from speech.files import write_whole

Decision = Literal["keep", "review", "drop"]
DECISIONS: tuple[Decision, ...] = ("keep", "review", "drop")


@dataclass(frozen=True)
class Source:
    """One recording of the dataset, and where it comes from."""

    source_id: str
    origin: str  # an address, or the name of a file as given
    path: str = ""  # of the sound, relative to the dataset; "" until it is there
    speaker: str = ""
    emotion: str = ""
    language: str = ""
    split: str = ""  # train, val, or "" where the build decides
    notes: str = ""
    text: str = ""  # given with it: then the recording is one clip, which says this
    subtitles: str = ""  # path of a WebVTT file, relative to the dataset
    duration_s: float = 0.0
    sha256: str = ""  # of the sound
    error: str = ""  # code, when it could not be had
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        return bool(self.path) and not self.error


@dataclass(frozen=True)
class Sample:
    """One clip: where it is from, what is said in it, what was measured, and whether it is used."""

    sample_id: str
    audio_path: str  # relative to the dataset
    source: str  # source_id
    speaker: str
    language: str
    parts: tuple[tuple[float, float], ...]  # seconds of the source that are heard in it, in order
    duration_s: float
    text: str = ""
    recognized_text: str = ""
    words: tuple[Word, ...] = ()  # with times in the clip
    measures: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    decision: Decision = "review"
    decided_by: Literal["rules", "person"] = "rules"
    split: str = ""
    given_text: str = ""  # what came with the recording

    @property
    def start_s(self) -> float:
        return self.parts[0][0] if self.parts else 0.0

    @property
    def end_s(self) -> float:
        return self.parts[-1][1] if self.parts else self.duration_s


def sample_from(row: Mapping[str, Any]) -> Sample:
    """Raises ValueError, TypeError or KeyError for anything but a Sample's object."""
    names = {each.name for each in fields(Sample)}
    if unknown := set(row) - names:
        raise ValueError(f"unknown: {sorted(unknown)}")
    values = dict(row)
    path = PurePosixPath(str(row["audio_path"]))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"audio_path leaves the folder: {path}")
    values["parts"] = tuple((float(a), float(b)) for a, b in row.get("parts", ()))
    values["words"] = tuple(Word(str(t), float(a), float(b), float(p)) for t, a, b, p in row.get("words", ()))
    values["findings"] = tuple(
        Finding(each["code"], each["severity"], dict(each["values"])) for each in row.get("findings", ())
    )
    if values.get("decision", "review") not in DECISIONS:
        raise ValueError(f"decision is one of {DECISIONS}")
    return Sample(**values)


def row_of(sample: Sample) -> dict[str, Any]:
    """The inverse of `sample_from`."""
    row = asdict(sample)
    row["words"] = [[word.text, word.start_s, word.end_s, word.probability] for word in sample.words]
    return row


def source_from(row: Mapping[str, Any]) -> Source:
    return Source(**row)


def with_source(sources: Iterable[Source], source: Source) -> tuple[Source, ...]:
    """`source` in place of the one with its id, or at the end."""
    listed = list(sources)
    for index, each in enumerate(listed):
        if each.source_id == source.source_id:
            listed[index] = source
            return tuple(listed)
    return (*listed, source)


def save_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """The whole file or nothing."""
    write_whole(path, "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def load_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, none when it is not there. Raises SpeechError `bad_manifest`."""
    if not path.exists():
        return
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line:
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SpeechError("bad_manifest", line=number, reason=str(error)) from error
        yield row


class StageLog:
    """What a stage has finished, by key: each line is on the disk before the next piece of work begins.

    A line that a dying process cut short counts as not there, and is cut off before the next one is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, dict[str, Any]] = {}
        whole = 0
        data = path.read_bytes() if path.exists() else b""
        for line in data.splitlines(keepends=True):
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self._rows[row["key"]] = row
        if whole < len(data):
            with path.open("r+b") as file:
                file.truncate(whole)

    def find(self, key: str) -> dict[str, Any] | None:
        return self._rows.get(key)

    def add(self, key: str, row: Mapping[str, Any]) -> None:
        kept = {"key": key, **row}
        line = json.dumps(kept, ensure_ascii=False, allow_nan=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._rows[key] = json.loads(line)
