"""What a task gets to work with, and how it learns that it should stop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from app.jobs.lease import Lease
from app.storage.files import Files, flush

PROGRESS_S = 0.2  # between stored steps; a page redraws no faster


class Cancelled(Exception):
    """Raised by a task that stopped because `should_stop` said so."""


class JobContext:
    """The Reporter of one attempt. Pausing is not offered yet: a job runs until it ends or is stopped."""

    def __init__(self, lease: Lease, files: Files) -> None:
        self.job = lease.job
        self.files = files
        self.stop_reason: str | None = None  # "cancelled", "lost" (another attempt took over) or "shutdown"
        self._lease = lease
        self._told_at = float("-inf")
        self._to_publish: list[tuple[Path, Path]] = []

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Tell that `done` of `total` steps are made; at most five a second are stored, and always the last."""
        now = time.monotonic()
        if done < total and now - self._told_at < PROGRESS_S:
            return
        self._told_at = now
        percent = min(100.0, max(0.0, 100.0 * done / total)) if total > 0 else 0.0
        self._hold(self._lease.progress(percent, {"done": done, "total": total, "note": note}))

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Tell measured values of a step."""
        self._hold(self._lease.tell("job.metric", {"step": step, "values": dict(values)}))

    def log(self, text: str) -> None:
        """Tell a line for people."""
        self._hold(self._lease.tell("job.log", {"text": text}))

    def should_stop(self) -> bool:
        """Whether to raise Cancelled now; costs nothing, the heartbeat keeps it true."""
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
        flush(temporary)
        final = self.files.published_path(self.job.id, self._lease.token, name)
        self._to_publish.append((temporary, final))
        return final

    def publish_all(self) -> None:
        """Rename what was published; for the runner, inside the completing transaction."""
        for temporary, final in self._to_publish:
            self.files.publish(temporary, final.name)

    def _hold(self, is_held: bool) -> None:
        if not is_held:
            self.stop("lost")
