"""A dataset on the disk, and the names of everything in it.

    dataset.json                  name, language, options that differ from the configuration
    sources.jsonl                 one Source a line
    videos.csv                    links that are waited for (id, youtube_url, speaker, emotion, language, split, notes)
    raw/ID.wav  raw/ID.*.vtt      what came, as 22 050 Hz mono, and its subtitles
    cleaned/ID.wav                with less noise
    processed/wavs/ID_….wav       clips
    processed/segments.jsonl  transcripts.jsonl  measures.jsonl     what each stage has finished
    processed/transcriptions.json all texts
    manifest.jsonl                one Sample a line, as the stages left it
    edits.jsonl                   what a person changed since
    versions.jsonl                one line a build: number, hash, counts
    MyTTSDataset/                 what is trained on
"""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech.errors import SpeechError
from speech.files import fresh_folder, write_whole
from train.dataset.edits import Edit, applied, edit_from
from train.dataset.options import DatasetOptions, changed, load_options
from train.dataset.records import Sample, Source, load_lines, row_of, sample_from, save_lines, source_from, with_source

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LANGUAGES = ("pt-BR", "en")  # whose words and numbers are known here


class DatasetFolder:
    """One dataset; `root` is its folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw = root / "raw"
        self.cleaned = root / "cleaned"
        self.processed = root / "processed"
        self.wavs = self.processed / "wavs"
        self.segments = self.processed / "segments.jsonl"
        self.transcripts = self.processed / "transcripts.jsonl"
        self.measures = self.processed / "measures.jsonl"
        self.manifest = root / "manifest.jsonl"
        self.edits_path = root / "edits.jsonl"
        self.sources_path = root / "sources.jsonl"
        self.videos = root / "videos.csv"
        self.versions_path = root / "versions.jsonl"

    @property
    def name(self) -> str:
        return self.root.name

    @classmethod
    def create(
        cls, root: Path, language: str, options: Mapping[str, Any] | None = None, owner: str = "local"
    ) -> DatasetFolder:
        """Raises SpeechError `bad_dataset_name`, `dataset_exists`, `bad_dataset_option`, `unknown_dataset_language`."""
        if not NAME.fullmatch(root.name):
            raise SpeechError("bad_dataset_name", name=root.name[:80])
        spoken = language_of(language)
        changed(DatasetOptions(), options or {})
        root.parent.mkdir(parents=True, exist_ok=True)
        made = cls(fresh_folder(root.parent, ".new-"))
        about = {"name": root.name, "language": spoken, "owner": owner, "options": dict(options or {}), "speakers": {}}
        made.save_description(about)
        try:
            made.root.rename(root)  # it is there whole, or not at all
        except OSError as error:
            shutil.rmtree(made.root)
            raise SpeechError("dataset_exists", name=root.name) from error
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> DatasetFolder:
        """Raises SpeechError `unknown_dataset` with the choices."""
        if not NAME.fullmatch(root.name) or not (root / "dataset.json").is_file():
            raise SpeechError("unknown_dataset", name=root.name[:80], choices=names(root.parent) or ["–"])
        return cls(root)

    def description(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / "dataset.json").read_text(encoding="utf-8"))
        return found

    def save_description(self, description: Mapping[str, Any]) -> None:
        write_whole(self.root / "dataset.json", json.dumps(description, ensure_ascii=False, indent=2) + "\n")

    @property
    def language(self) -> str:
        return str(self.description()["language"])

    def options(self) -> DatasetOptions:
        return load_options(changes=self.description()["options"])

    def sources(self) -> tuple[Source, ...]:
        return tuple(source_from(row) for row in load_lines(self.sources_path))

    def save_sources(self, sources: Iterable[Source]) -> None:
        save_lines(self.sources_path, (asdict(source) for source in sources))

    def put_source(self, source: Source) -> None:
        """Add it, or replace the one with its id."""
        with self.editing():
            self.save_sources(with_source(self.sources(), source))

    def stage_samples(self) -> tuple[Sample, ...]:
        """As the stages left them. Raises SpeechError `bad_manifest`."""
        try:
            return tuple(sample_from(row) for row in load_lines(self.manifest))
        except (ValueError, TypeError, KeyError) as error:
            raise SpeechError("bad_manifest", line=0, reason=str(error)) from error

    def samples(self) -> tuple[Sample, ...]:
        """With what a person changed."""
        return applied(self.stage_samples(), self.edits())

    def save_samples(self, samples: Iterable[Sample]) -> None:
        save_lines(self.manifest, (row_of(sample) for sample in samples))

    def edits(self) -> tuple[Edit, ...]:
        return tuple(edit_from(row) for row in load_lines(self.edits_path))

    def versions(self) -> tuple[dict[str, Any], ...]:
        return tuple(load_lines(self.versions_path))

    @contextmanager
    def editing(self) -> Iterator[None]:
        """One writer of edits and sources at a time; the others wait."""
        with (self.root / ".edit.lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def running(self) -> Iterator[None]:
        """One run of stages at a time. Raises SpeechError `dataset_busy`; the kernel frees it at any death."""
        with (self.root / ".run.lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SpeechError("dataset_busy", name=self.name) from error
            yield


def names(parent: Path) -> list[str]:
    """Of the datasets in a folder."""
    found = parent.glob("*/dataset.json") if parent.is_dir() else ()
    return sorted(path.parent.name for path in found if NAME.fullmatch(path.parent.name))


def language_of(tag: str) -> str:
    """One of `LANGUAGES`. Raises SpeechError `unknown_dataset_language` with them."""
    primary = tag.replace("_", "-").split("-")[0].lower()
    for language in LANGUAGES:
        if language.split("-")[0] == primary:
            return language
    raise SpeechError("unknown_dataset_language", language=tag[:35], choices=list(LANGUAGES))
