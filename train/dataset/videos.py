"""`videos.csv`: the links that a dataset is made of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from speech.errors import SpeechError
from speech.files import write_whole
from train.dataset.folder import NAME
from train.dataset.records import Source

COLUMNS = ("id", "youtube_url", "speaker", "emotion", "language", "split", "notes")
SPLITS = ("", "train", "val")


def read_videos(path: Path) -> tuple[list[Source], list[str]]:
    """The sources of good lines, and one line about each bad one.

    Raises SpeechError `bad_videos_header` with the columns that are wanted.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SpeechError("bad_videos_header", file=path.name, found=str(error), choices=list(COLUMNS)) from error
    reader = csv.DictReader(io.StringIO(text))
    header = [name.strip() for name in reader.fieldnames or ()]
    if not {"id", "youtube_url"} <= set(header) or set(header) - set(COLUMNS):
        raise SpeechError("bad_videos_header", file=path.name, found=", ".join(header), choices=list(COLUMNS))
    reader.fieldnames = header
    sources: list[Source] = []
    problems = []
    for number, row in enumerate(reader, 2):
        values = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not any(values.values()):
            continue
        problem = _problem(values, {source.source_id for source in sources})
        if problem:
            problems.append(f"{path.name}:{number}: {problem}")
            continue
        source = Source(values["id"], values["youtube_url"], speaker=values["speaker"], emotion=values["emotion"])
        sources.append(replace(source, language=values["language"], split=values["split"], notes=values["notes"]))
    return sources, problems


def _problem(values: dict[str, str], known: set[str]) -> str:
    if not NAME.fullmatch(values["id"]):
        return f"id {values['id']!r}: 1 to 64 of letters, digits, _ and -"
    if values["id"] in known:
        return f"id {values['id']} twice"
    if not is_link(values["youtube_url"]):
        return f"youtube_url {values['youtube_url']!r} is no http or https address"
    if values["split"] not in SPLITS:
        return f"split {values['split']!r} is not train, val or empty"
    return ""


def is_link(text: str) -> bool:
    """Whether it is an http or https address, without a user's name and without what others read differently."""
    if any(letter <= " " or letter in "\\\x7f" for letter in text):  # urlsplit drops line breaks
        return False
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc


def write_videos(path: Path, sources: Iterable[Source]) -> None:
    """The inverse of `read_videos`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in sources:
        writer.writerow(
            (each.source_id, each.origin, each.speaker, each.emotion, each.language, each.split, each.notes)
        )
    write_whole(path, text.getvalue())
