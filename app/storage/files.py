"""Files of jobs, one folder a job, all below one root that no name can leave.

An attempt writes under `tmp-<token>-…` and its results become `out-<token>-<name>`, so that two attempts
of one job never share a name; whatever else lies in the folder (an upload) belongs to the job itself. Long work
goes on from `work`, a folder that outlives attempts and goes when the job ends; `kept` stays as long as the job.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from app.errors import Problem
from speech.files import flush

JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TOKEN = re.compile(r"[0-9a-f]{8,64}")
OF_ATTEMPT = re.compile(r"(tmp|out)-([0-9a-f]{8,64})-.+", re.DOTALL)
WORK, KEPT = "work", "kept"


class Files:
    """Confined below `root`. Every method raises Problem `bad_file_name` for a name that would leave it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, job_id: str, name: str) -> Path:
        """Where file `name` of the job is or will be; makes nothing."""
        folder = self._folder(job_id)
        path = folder / name
        is_plain = bool(name) and "\0" not in name and not Path(name).is_absolute()
        if not is_plain or path == folder or not _is_below(folder, name):
            raise Problem("bad_file_name", name=name)
        return path

    def temporary(self, job_id: str, token: str, suffix: str) -> Path:
        """A fresh name for an attempt to write to, as often as it likes; makes the folder."""
        if not TOKEN.fullmatch(token):
            raise Problem("bad_file_name", name=token)
        path = self.path(job_id, f"tmp-{token}-{secrets.token_hex(4)}{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def published_path(self, job_id: str, token: str, name: str) -> Path:
        """Where `name`, a result of the attempt `token`, will be once it is published."""
        if "/" in name:
            raise Problem("bad_file_name", name=name)
        return self.path(job_id, f"out-{token}-{name}")

    def publish(self, temporary: Path, name: str, *, is_flushed: bool = False) -> Path:
        """Give a temporary file its final name in the same folder; whole and on the disk, or not at all.

        `is_flushed`: its bytes are on the disk, and nobody wrote to it since.
        """
        final = self.path(temporary.parent.name, name)
        if temporary != self.path(temporary.parent.name, temporary.name):
            raise Problem("bad_file_name", name=str(temporary))
        if not is_flushed:
            flush(temporary)
        os.replace(temporary, final)
        flush(final.parent)
        return final

    def work(self, job_id: str) -> Path:
        """The folder that attempts of the job hand on to each other; made."""
        return self._made(job_id, WORK)

    def kept(self, job_id: str) -> Path:
        """The same, and not dropped when the job completes; made."""
        return self._made(job_id, KEPT)

    def drop_work(self, job_id: str) -> int:
        """Remove the work folder; the number of files in it."""
        folder = self.path(job_id, WORK)
        count = sum(1 for _ in _below(folder))
        shutil.rmtree(folder, ignore_errors=True)
        return count

    def drop_attempt(self, job_id: str, token: str) -> int:
        """Remove what the attempt `token` left, results included; the number of files."""
        return _remove(path for path, owner, _ in self._of_attempts(job_id) if owner == token)

    def keep_attempt(self, job_id: str, token: str | None) -> int:
        """Remove what attempts left, except the results of `token`; the number of files."""
        return _remove(path for path, owner, is_out in self._of_attempts(job_id) if not (is_out and owner == token))

    def keep_results(self, job_id: str, token: str) -> int:
        """Remove what a job completed by the attempt `token` has no more use for; the number of files."""
        return self.keep_attempt(job_id, token) + self.drop_work(job_id)

    def delete(self, job_id: str) -> int:
        """Remove all files of the job; their number."""
        folder = self._folder(job_id)
        count = sum(1 for _ in _below(folder))
        shutil.rmtree(folder, ignore_errors=True)
        return count

    def size_bytes(self) -> int:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in _below(self.root))

    def sweep(self, known: Collection[str], *, min_age_s: float = 600) -> int:
        """Delete folders of jobs not in `known`; the number of files.

        Folders younger than `min_age_s` stay: an upload is there before its job.
        """
        limit = time.time() - min_age_s
        folders = [e for e in _entries(self.root) if e.is_dir(follow_symlinks=False) and JOB_ID.fullmatch(e.name)]
        return sum(self.delete(e.name) for e in folders if e.name not in known and e.stat().st_mtime <= limit)

    def _folder(self, job_id: str) -> Path:
        folder = self.root / job_id
        if not JOB_ID.fullmatch(job_id) or folder.is_symlink():
            raise Problem("bad_file_name", name=job_id)
        return folder

    def _made(self, job_id: str, name: str) -> Path:
        folder = self.path(job_id, name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _of_attempts(self, job_id: str) -> Iterator[tuple[Path, str, bool]]:
        for entry in _entries(self._folder(job_id)):
            if match := OF_ATTEMPT.fullmatch(entry.name):
                yield Path(entry), match[2], match[1] == "out"


def _is_below(folder: Path, name: str) -> bool:
    """Whether no link and no `..` leads away; of a single name that takes one look instead of one a folder."""
    if "/" not in name and name != "..":
        return not os.path.islink(folder / name)
    return (folder / name).resolve() == folder.resolve() / name


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything in a folder and its folders that is not a real folder."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _below(Path(entry))
        else:
            yield entry


def _remove(paths: Iterator[Path]) -> int:
    count = 0
    for path in paths:
        path.unlink(missing_ok=True)
        count += 1
    return count
