"""Links become recordings: yt-dlp in a child process, tried again with growing delays, made 22 050 Hz mono."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from speech.errors import SpeechError
from train.dataset import sound
from train.dataset.fetcher import Wanted
from train.dataset.folder import DatasetFolder
from train.dataset.options import DownloadOptions
from train.dataset.records import Source, with_source
from train.dataset.videos import is_link, read_videos
from train.progress import Reporter, Stopped

Fetch = Callable[[Wanted, float], dict[str, Any]]
Sleep = Callable[[float], None]


def download(
    folder: DatasetFolder,
    options: DownloadOptions,
    reporter: Reporter,
    fetch: Fetch | None = None,
    sleep: Sleep = time.sleep,
) -> tuple[Source, ...]:
    """All links of the dataset and its `videos.csv` that are not there yet; one that fails says why, the rest goes on.

    Raises Stopped, and SpeechError `bad_videos_header`.
    """
    if folder.videos.is_file():
        found, problems = read_videos(folder.videos)
        for problem in problems:
            reporter.log(problem)
        add_waiting(folder, found)
    waiting = [source for source in folder.sources() if not source.is_ready and is_link(source.origin)]
    folder.raw.mkdir(exist_ok=True)
    for index, source in enumerate(waiting):
        reporter.progress(index, len(waiting), "dataset.stage.download")
        if reporter.should_stop():
            raise Stopped
        got = attempted(folder, source, options, fetch or run_fetcher, sleep)
        folder.put_source(got)
        if got.error:
            reporter.log(f"{got.source_id}: {got.error}: {got.reason}")
    reporter.progress(1, 1, "dataset.stage.download")
    return folder.sources()


def add_waiting(folder: DatasetFolder, wanted: Sequence[Source]) -> None:
    """Links to be fetched; one that is there already keeps its sound, and gets the rest of what is said of it."""
    with folder.editing():
        listed = folder.sources()
        known = {source.source_id: source for source in listed}
        for source in wanted:
            before = known.get(source.source_id)
            if before is not None and before.origin == source.origin:
                kept = {name: getattr(before, name) for name in ("path", "subtitles", "duration_s", "sha256")}
                source = replace(source, **kept)
            listed = with_source(listed, source)
        folder.save_sources(listed)


def attempted(folder: DatasetFolder, source: Source, options: DownloadOptions, fetch: Fetch, sleep: Sleep) -> Source:
    """The source with its sound, or with the reason why there is none."""
    host = (urlsplit(source.origin).hostname or "").lower()
    if host not in options.allowed_hosts:
        return _failed(source, "host_not_listed", f"{host}; {', '.join(options.allowed_hosts)}")
    with tempfile.TemporaryDirectory(dir=folder.raw, prefix=".fetch-") as name:
        wanted = Wanted(
            source.origin,
            name,
            options.allowed_hosts,
            source.language or folder.language,
            options.subtitles,
            options.max_duration_s,
            options.max_file_mb,
        )
        reply = _persistent(wanted, options, fetch, sleep)
        if "error" in reply:
            return _failed(source, reply["error"], reply.get("reason", ""))
        try:
            return taken(folder, source, Path(name) / reply["file"], options, reply.get("subtitles", ""))
        except (SpeechError, OSError) as error:
            return failed_by(source, error)


def _persistent(wanted: Wanted, options: DownloadOptions, fetch: Fetch, sleep: Sleep) -> dict[str, Any]:
    """The first good reply, or the last bad one."""
    reply: dict[str, Any] = {}
    for attempt in range(options.max_retries + 1):
        if attempt:
            sleep(options.retry_delay_s * 2 ** (attempt - 1))
            for left in Path(wanted.folder).iterdir():
                left.unlink()
        reply = fetch(wanted, options.timeout_s)
        if "error" not in reply or reply.get("is_lasting"):
            break
    return reply


def run_fetcher(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
    """`train.dataset.fetcher` in a process that is ended after `timeout_s` seconds."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "train.dataset.fetcher"],
            input=json.dumps(asdict(wanted)),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        return {"error": "download_failed", "reason": f"no end after {timeout_s:.0f} s"}
    try:
        reply: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"error": "download_failed", "reason": done.stderr.strip()[-300:] or f"exit code {done.returncode}"}
    return reply


def taken(folder: DatasetFolder, source: Source, media: Path, options: DownloadOptions, subtitles: str = "") -> Source:
    """The source with `media` as its sound under `raw/`. Raises SpeechError as `sound.convert` does, OSError."""
    folder.raw.mkdir(exist_ok=True)
    target = folder.raw / f"{source.source_id}.wav"
    length = sound.convert(media, target, options.sample_rate, options.max_duration_s)
    kept = ""
    if subtitles:
        kept = f"raw/{source.source_id}.vtt"
        shutil.copyfile(media.parent / subtitles, folder.root / kept)
    return replace(
        source,
        path=f"raw/{target.name}",
        subtitles=kept,
        duration_s=round(length, 3),
        sha256=file_hash(target),
        error="",
        reason="",
    )


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _failed(source: Source, code: str, reason: str) -> Source:
    return replace(source, error=code, reason=reason)


def failed_by(source: Source, error: SpeechError | OSError) -> Source:
    """The source with the error's code and reason."""
    if isinstance(error, SpeechError):
        told = error.values.get("reason") or ", ".join(f"{name}: {value}" for name, value in error.values.items())
        return _failed(source, error.code, str(told))
    code = "disk_full" if error.errno == errno.ENOSPC else "recording_unreadable"
    return _failed(source, code, error.strerror or str(error))
