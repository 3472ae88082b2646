"""What a task gets to work with, and how it learns that it should stop."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from app.errors import Problem
from app.jobs.lease import Lease
from app.jobs.pace import Pace
from app.storage.files import Files
from speech.audio import Audio, to_bytes
from speech.files import flush

PROGRESS_S = 0.2  # between stored steps; a page redraws no faster
SAMPLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Cancelled(Exception):
    """Raised by a task that stopped because `should_stop` said so."""


class JobContext:
    """The `train.progress.Reporter` of one attempt, and its files."""

    def __init__(self, lease: Lease, files: Files) -> None:
        self.job = lease.job
        self.files = files
        self.stop_reason: str | None = None  # "cancelled", "paused", "shutdown" or "lost" (to another attempt)
        self._lease = lease
        self._told_at, self._told_note = float("-inf"), ""
        self._pace = Pace(lease.job.params.get("estimate_s"))
        self._to_publish: list[Callable[[], object]] = []

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell that `done` of `total` steps are made; at most five a second are stored, and always the first of a stage
        and the last."""
        now = time.monotonic()
        if done < total and note == self._told_note and now - self._told_at < PROGRESS_S:
            return
        self._told_at, self._told_note = now, note
        percent = min(100.0, max(0.0, 100.0 * done / total)) if total > 0 else 0.0
        left_s = self._pace.left_s(percent, now)
        told = {"done": done, "total": total, "note": note, "left_s": None if left_s is None else round(left_s, 1)}
        self._hold(self._lease.progress(percent, told))

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Tell measured values of a step."""
        self._hold(self._lease.tell("job.metric", {"step": step, "values": dict(values)}))

    def log(self, text: str) -> None:
        """Tell a line for people."""
        self._hold(self._lease.tell("job.log", {"text": text}))

    def sample(self, name: str, audio: Audio) -> None:
        """Keep something to listen to as `sample_name(name)`, whole, and tell of it; a later one replaces it."""
        final = sample_name(name)
        temporary = self.temporary(".wav")
        temporary.write_bytes(to_bytes(audio, "wav"))
        flush(temporary)
        data = {"name": name, "duration_s": audio.duration_s}
        self._hold(self._lease.tell("job.sample", data, lambda: self.files.publish(temporary, final, is_flushed=True)))

    @property
    def work_dir(self) -> Path:
        """What the next attempt goes on from; gone when the job ends."""
        return self.files.work(self.job.id)

    @property
    def kept_dir(self) -> Path:
        """The same, and kept as long as the job when it completes."""
        return self.files.kept(self.job.id)

    def should_stop(self) -> bool:
        """Whether to raise Cancelled or Stopped now; costs nothing, the heartbeat keeps it true."""
        return self.stop_reason is not None

    def stop(self, reason: str) -> None:
        """Ask the task to stop; the first reason counts. Only an assignment, so that a signal handler may call it."""
        self.stop_reason = self.stop_reason or reason

    def temporary(self, suffix: str) -> Path:
        """Where to write; gone with the attempt unless published."""
        return self.files.temporary(self.job.id, self._lease.token, suffix)

    def publish(self, temporary: Path, name: str) -> Path:
        """Make a written file a result of the job; returns where it will be.

        It gets there in the same step as the job's completion, and only if this attempt is the one that
        completes; `.name` of it, in the task's result, finds it again by `Files.path`.
        """
        flush(temporary)  # here, since nobody writes to the database while the transaction waits for the disk
        final = self.files.published_path(self.job.id, self._lease.token, name)
        self.at_completion(lambda: self.files.publish(temporary, final.name, is_flushed=True))
        return final

    def at_completion(self, publish: Callable[[], object]) -> None:
        """Have `publish` called in the completing transaction, if this attempt is the one that completes."""
        self._to_publish.append(publish)

    def publish_all(self) -> None:
        """Do what was asked `at_completion`; for the runner."""
        for publish in self._to_publish:
            publish()

    def _hold(self, is_held: bool) -> None:
        if not is_held:
            self.stop("lost")


def sample_name(name: str) -> str:
    """File of a job's sample. Raises Problem `bad_file_name`."""
    if not SAMPLE_NAME.fullmatch(name):
        raise Problem("bad_file_name", name=name[:80])
    return f"sample-{name}.wav"
