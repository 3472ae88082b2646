"""Files, folders, archives and datasets that somebody made elsewhere: all become recordings of this dataset."""

from __future__ import annotations

import csv
import errno
import io
import re
import shutil
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from speech.errors import SpeechError
from train.dataset.download import add_waiting, failed_by, taken
from train.dataset.folder import DatasetFolder
from train.dataset.options import DownloadOptions
from train.dataset.records import Source, with_source
from train.dataset.videos import COLUMNS, is_link, read_videos
from train.progress import Reporter, Stopped

SOUNDS = frozenset(
    ".wav .mp3 .m4a .mp4 .ogg .opus .flac .aac .webm .mkv .mov .aiff .aif .wma .amr .3gp .avi .mpeg .mpg .g722".split()
)
PATH_COLUMNS = ("audio_file", "path", "audio_path", "file_name", "file", "wav", "audio")
TEXT_COLUMNS = ("text", "transcript", "transcription", "sentence", "normalized_text")
MOST_FILES, MOST_BYTES, MOST_FOLDERS = 50_000, 50 << 30, 12  # of an archive, unpacked


@dataclass(frozen=True)
class Given:
    """A file to take in, and what came with it."""

    path: Path
    name: str  # as given
    text: str = ""
    speaker: str = ""


def add(
    folder: DatasetFolder,
    what: str,
    options: DownloadOptions,
    reporter: Reporter,
    speaker: str = "",
) -> tuple[Source, ...]:
    """Take in a link (which waits for the download), a `videos.csv`, a recording, a folder, a zip or a dataset.

    A file that cannot be used is kept as a source with its reason; one with the sound of another is left out. Raises
    Stopped, and SpeechError `recording_not_found`, `bad_videos_header`, `archive_unusable`, `no_recording`.
    """
    if is_link(what):
        return (enqueue(folder, what, speaker=speaker),)
    path = Path(what)
    if not path.exists():
        raise SpeechError("recording_not_found", file=what)
    if path.suffix.lower() == ".csv" and _is_videos(path):
        found, problems = read_videos(path)
        for problem in problems:
            reporter.log(problem)
        add_waiting(folder, found)
        return tuple(found)
    if path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory(dir=folder.root, prefix=".zip-") as name:
            return _take(folder, listed(_unpacked(path, Path(name))), options, reporter, speaker)
    return _take(folder, listed(path), options, reporter, speaker)


def enqueue(folder: DatasetFolder, url: str, name: str = "", **about: Any) -> Source:
    """A link that waits for the download; `about` are text fields of Source. One that is there already stays."""
    known = next((source for source in folder.sources() if source.origin == url), None)
    if known is not None:
        return known
    wanted = _slug(name or re.sub(r"^https?://(www\.)?", "", url))
    source = replace(Source(_free_id(folder.sources(), wanted), url), **about)
    add_waiting(folder, [source])
    return source


def _take(
    folder: DatasetFolder, given: Sequence[Given], options: DownloadOptions, reporter: Reporter, speaker: str
) -> tuple[Source, ...]:
    if not given:
        raise SpeechError("no_recording")
    sources = folder.sources()
    known = {source.sha256 for source in sources if source.sha256}
    made: list[Source] = []
    for index, each in enumerate(given):
        reporter.progress(index, len(given), "dataset.stage.add")
        if reporter.should_stop():
            raise Stopped
        source_id = _free_id((*sources, *made), _slug(Path(each.name).stem))
        source = Source(source_id, each.name, text=each.text, speaker=each.speaker or speaker)
        try:
            source = taken(folder, source, each.path, options)
        except (SpeechError, OSError) as error:
            source = failed_by(source, error)
            reporter.log(f"{each.name}: {source.error}: {source.reason}")
        if source.sha256 and source.sha256 in known:
            (folder.root / source.path).unlink()
            reporter.log(f"{each.name}: the same sound is there already")
            continue
        known.add(source.sha256)
        made.append(source)
    with folder.editing():
        listed_now = folder.sources()
        for source in made:
            listed_now = with_source(listed_now, source)
        folder.save_sources(listed_now)
    reporter.progress(1, 1, "dataset.stage.add")
    return tuple(made)


def listed(path: Path) -> list[Given]:
    """What a path holds: a dataset's clips with their texts, the sounds below a folder, or the file itself."""
    if path.is_dir():
        metadata = _metadata(path)
        if metadata is not None:
            return list(_clips(metadata))
        inner = [child for child in path.iterdir() if child.is_dir() and not child.name.startswith((".", "__"))]
        if len(inner) == 1 and not any(child.is_file() for child in path.iterdir()):
            return listed(inner[0])
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() in SOUNDS and each.is_file())
        return [Given(each, each.relative_to(path).as_posix()) for each in files]
    if path.suffix.lower() in (".csv", ".txt", ".tsv"):
        return list(_clips(path))
    return [Given(path, path.name)]


def _metadata(folder: Path) -> Path | None:
    names = ("metadata.csv", "metadata_speakers.csv", "metadata.txt", "transcripts.csv")
    found = [folder / name for name in names if (folder / name).is_file()]
    return found[0] if found else None


def _clips(metadata: Path) -> Iterator[Given]:
    """LJSpeech's lines (id|text|text as spoken), or a table whose header names a file and a text."""
    text = metadata.read_text(encoding="utf-8-sig", errors="replace")
    first = text.split("\n", 1)[0]
    separator = next((mark for mark in "|\t;," if mark in first), ",")
    names = [name.strip().lower() for name in first.split(separator)]
    place = next((name for name in PATH_COLUMNS if name in names), None)
    said = next((name for name in TEXT_COLUMNS if name in names), None)
    if place and said:
        for row in csv.DictReader(io.StringIO(text), fieldnames=names, delimiter=separator):
            if row[place] and row[place] != first.split(separator)[names.index(place)]:
                yield _clip(metadata.parent, row[place], row[said] or "", row.get("speaker_name") or row.get("speaker"))
        return
    for line in text.splitlines():
        columns = line.split("|")
        if len(columns) >= 2 and columns[0].strip():
            yield _clip(metadata.parent, columns[0].strip(), columns[1], None)


def _clip(root: Path, name: str, text: str, speaker: str | None) -> Given:
    """A clip by its path or id; a file that lies outside the dataset's folder is not there."""
    candidates = [root / name, root / "wavs" / name, root / "wavs" / f"{name}.wav", root / f"{name}.wav"]
    inside = [each for each in candidates if each.resolve().is_relative_to(root.resolve())]
    path = next((each for each in inside if each.is_file()), root / "wavs" / Path(f"{name}.wav").name)
    return Given(path, name, text.strip(), (speaker or "").strip())


def _unpacked(archive: Path, target: Path) -> Path:
    """Sounds and tables of a zip; nothing outside `target`, and no more than is allowed.

    Raises SpeechError `archive_unusable`.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [each for each in opened.infolist() if not each.is_dir()]
            total = sum(each.file_size for each in members)
            if len(members) > MOST_FILES or total > MOST_BYTES or total > 200 * max(archive.stat().st_size, 1 << 20):
                raise SpeechError("archive_unusable", file=archive.name, reason="it unpacks to too much")
            places = [_place(archive, each) for each in opened.infolist()]
            if len(set(places)) < len(places):
                raise SpeechError("archive_unusable", file=archive.name, reason="two members have one name")
            for each in members:
                parts = _place(archive, each)
                if parts.suffix.lower() not in (*SOUNDS, ".csv", ".txt", ".tsv", ".jsonl"):
                    continue
                place = target / parts
                place.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(each) as source, place.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, UnicodeError) as error:
        raise SpeechError("archive_unusable", file=archive.name, reason=str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # its tables point to before its beginning
            raise
        raise SpeechError("archive_unusable", file=archive.name, reason=error.strerror) from error
    return target


def _place(archive: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    """Where a member goes below the target.

    Raises SpeechError `archive_unusable` for a name that leads elsewhere, or that no file could have, and for a link.
    """
    name = member.orig_filename.replace("\\", "/")
    parts = PurePosixPath(name)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if parts.is_absolute() or ".." in parts.parts or re.match(r"[A-Za-z]:/", name):
        reason = "a member's name leads out of it"
    elif not name or not name.isprintable() or any(len(part.encode("utf-8", "replace")) > 200 for part in parts.parts):
        reason = "a member's name is none of a file"
    elif len(parts.parts) > MOST_FOLDERS:
        reason = "its folders are too deep"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "a member is a link or a device"
    else:
        return parts
    raise SpeechError("archive_unusable", file=archive.name, reason=reason)


def _is_videos(path: Path) -> bool:
    """A table with an address, or whose header is none of a dataset's: then its columns are told."""
    first = path.read_text(encoding="utf-8-sig", errors="replace").split("\n", 1)[0].lower()
    names = {name.strip() for name in first.replace(";", ",").split(",")}
    is_table = bool(names & set(PATH_COLUMNS)) and bool(names & set(TEXT_COLUMNS))
    return bool(names & {*COLUMNS} - {"notes"}) or ("|" not in first and not is_table)


def _slug(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", letters).strip("_")[:40].rstrip("_") or "recording"


def _free_id(sources: Sequence[Source], wanted: str) -> str:
    taken_ids = {source.source_id for source in sources}
    if wanted not in taken_ids:
        return wanted
    return next(name for number in range(2, len(taken_ids) + 3) if (name := f"{wanted}_{number}") not in taken_ids)
