"""A worker: take a job, run its task, end it; until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem
from app.jobs.claim import claim
from app.jobs.context import Cancelled, JobContext
from app.jobs.lease import Lease
from app.jobs.wake import Wake
from app.storage.database import Database
from app.storage.files import Files
from speech.errors import SpeechError
from train.progress import Stopped

Task = Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any]]

IDLE_S = 1.0  # a lease expires without a commit, so that an idle worker looks by itself too

log = logging.getLogger(__name__)


class Worker:
    """Runs one job at a time in the calling thread. `tasks`: job kind to function; `queues=None`: every queue."""

    def __init__(
        self,
        database: Database,
        files: Files,
        tasks: Mapping[str, Task],
        *,
        worker_id: str,
        lease_s: float,
        poll_s: float,
        queues: Collection[str] | None = None,
    ) -> None:
        self._database = database
        self._files = files
        self._tasks = tasks
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._queues = queues
        self._warm_key = ""
        self._context: JobContext | None = None
        self._is_stopping = False

    def run(self) -> None:
        """Work until `stop`."""
        wake = Wake(self._database, self._poll_s)
        while not self._is_stopping:
            try:
                if not self.run_next():
                    wake.wait(IDLE_S, until=lambda: self._is_stopping)
            except SQLAlchemyError:
                log.exception("worker_could_not_reach_database", extra={"worker_id": self._worker_id})
                time.sleep(IDLE_S)

    def stop(self) -> None:
        """End after the running job, which is asked to stop and goes back to be started again.

        Takes no lock, so that a signal handler may call it.
        """
        self._is_stopping = True
        context = self._context
        if context is not None:
            context.stop("shutdown")

    def run_next(self) -> bool:
        """Run the next job, if there is one; whether there was."""
        options: dict[str, Any] = {"worker_id": self._worker_id, "queues": self._queues}
        lease = claim(self._database, lease_s=self._lease_s, warm_keys=(self._warm_key,), **options)
        if lease is None:
            return False
        self._context = JobContext(lease, self._files)
        if self._is_stopping:  # came between the claim and the context
            self._context.stop("shutdown")
        try:
            self._run(lease, self._context)
        finally:
            self._context = None
        self._warm_key = lease.job.warm_key
        return True

    def _run(self, lease: Lease, context: JobContext) -> None:
        is_completed = has_ended = False
        try:
            with beating(lease, context, Wake(self._database, self._poll_s)):
                result = self._task(lease.job.kind)(context, lease.job.params)
                is_completed = has_ended = lease.complete(result, context.publish_all)
        except (Cancelled, Stopped):
            has_ended = _stop(lease, context.stop_reason)
        except (SpeechError, Problem) as error:
            has_ended = lease.fail(error.code, error.values)
        except Exception as error:
            log.exception("job_crashed", extra={"job_id": lease.job.id, "attempt": lease.job.attempt})
            has_ended = _retry(lease, error)
        self._tidy(lease, is_completed, has_ended)

    def _task(self, kind: str) -> Task:
        if kind not in self._tasks:
            raise Problem("job_kind_unknown", kind=kind, choices=sorted(self._tasks))
        return self._tasks[kind]

    def _tidy(self, lease: Lease, is_completed: bool, has_ended: bool) -> None:
        try:
            if is_completed:
                self._files.keep_results(lease.job.id, lease.token)
            elif has_ended:
                self._files.delete(lease.job.id)
            else:
                self._files.drop_attempt(lease.job.id, lease.token)
        except OSError:  # the sweep comes by later
            log.exception("job_files_not_removed", extra={"job_id": lease.job.id})


@contextmanager
def beating(lease: Lease, context: JobContext, wake: Wake) -> Iterator[None]:
    """While the block runs, a thread extends the lease and passes on what is asked of the job."""
    done = threading.Event()
    thread = threading.Thread(target=_beat, args=(lease, context, wake, done), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _beat(lease: Lease, context: JobContext, wake: Wake, done: threading.Event) -> None:
    every_s = lease.lease_s / 3
    next_beat = time.monotonic() + every_s
    while not done.is_set():
        try:
            has_news = wake.wait(next_beat - time.monotonic(), until=done.is_set, pause=done.wait)
            is_due = time.monotonic() >= next_beat
            if done.is_set() or not (has_news or is_due):
                continue
            flags = lease.heartbeat() if is_due else lease.flags()
        except SQLAlchemyError:
            log.exception("heartbeat_failed", extra={"job_id": lease.job.id})
            done.wait(min(1.0, every_s))
            continue
        if is_due:
            next_beat = time.monotonic() + every_s
        if flags is None or flags.cancel or flags.pause:
            context.stop("lost" if flags is None else "cancelled" if flags.cancel else "paused")


def _stop(lease: Lease, reason: str | None) -> bool:
    """End, set aside or give back a job whose task stopped; whether it has ended.

    One that was cancelled while it saved for another reason ends all the same.
    """
    if reason not in ("shutdown", "paused"):
        return lease.cancel()
    flags = lease.flags()
    if flags is not None and flags.cancel:
        return lease.cancel()
    lease.pause() if reason == "paused" else lease.release("shutdown", counts=False)
    return False


def _retry(lease: Lease, error: Exception) -> bool:
    """Give back a job whose task crashed, or end it after its last attempt; whether it has ended."""
    job = lease.job
    if job.attempt < job.max_attempts:
        lease.release("task_crashed")
        return False
    values = {"error": type(error).__name__, "attempt": job.attempt, "max_attempts": job.max_attempts}
    return lease.fail("task_crashed", values)
