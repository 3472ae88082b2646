"""A worker: take a job, run its task, end it; until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem
from app.jobs.claim import claim
from app.jobs.context import Cancelled, JobContext
from app.jobs.lease import Lease
from app.jobs.wake import Wake
from app.observability.logging import bound
from app.storage.database import Database
from app.storage.files import Files
from app.storage.space import is_disk_full
from speech.errors import SpeechError
from train.progress import Stopped

Task = Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any]]

FULL_DISK_S = 2.0  # before a job that found no room is tried again
IDLE_S = 1.0  # a lease expires without a commit, so that an idle worker looks by itself too

log = logging.getLogger(__name__)


class Worker:
    """Runs jobs: `run` up to `slots` at a time, each in a thread; `run_next` one, in the calling thread.

    `tasks`: job kind to function; `queues=None`: every queue. `at_once`: how many jobs of one model (`Job.warm_key`)
    may share it; the others wait in the table, where another worker can take them.
    """

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
        slots: int = 1,
        at_once: Callable[[str], int] | None = None,
    ) -> None:
        self._database = database
        self._files = files
        self._tasks = tasks
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._queues = queues
        self._slots = slots
        self._at_once = at_once or (lambda _: slots)
        self._warm_key = ""
        self._running: dict[str, JobContext] = {}  # by lease token
        self._claiming = threading.Lock()  # what one thread took counts for the next
        self._freed = threading.Event()  # a job ended: there is room for another
        self._is_stopping = False

    def run(self) -> None:
        """Work until `stop`, and until what ran then has stopped."""
        wake = Wake(self._database, self._poll_s)
        with ThreadPoolExecutor(self._slots, thread_name_prefix="job") as threads:
            while not self._is_stopping:
                try:
                    self._freed.clear()
                    lease = self._claim() if len(self._running) < self._slots else None
                    if lease is not None:
                        threads.submit(self._run_held, lease, self._begin(lease))
                    else:
                        # Beside running jobs, whose every step is a commit, it looks no more often than an idle one.
                        self._freed.wait(self._poll_s if self._running else 0.0)
                        wake.wait(IDLE_S, until=self._is_wanted, pause=self._freed.wait)
                except SQLAlchemyError:
                    log.exception("worker_could_not_reach_database", extra={"worker_id": self._worker_id})
                    time.sleep(IDLE_S)

    def stop(self) -> None:
        """End after the running jobs, which are asked to stop and go back to be started again.

        Takes no lock, so that a signal handler may call it.
        """
        self._is_stopping = True
        for context in list(self._running.values()):
            context.stop("shutdown")

    def run_next(self) -> bool:
        """Run the next job, if there is one; whether there was."""
        with self._claiming:
            lease = self._claim()
            context = self._begin(lease) if lease is not None else None
        if lease is not None and context is not None:
            self._run_held(lease, context)
        return lease is not None

    def run_all(self, most: int | None = None) -> int:
        """Run up to `most` jobs in the calling thread, which may be one of several, while this worker may take one; how
        many it were."""
        count = 0
        try:
            while count != most and not self._is_stopping and self.run_next():
                count += 1
        except SQLAlchemyError:  # whoever called for it does so again
            log.exception("worker_could_not_reach_database", extra={"worker_id": self._worker_id})
        return count

    def _is_wanted(self) -> bool:
        return self._is_stopping or self._freed.is_set()

    def _claim(self) -> Lease | None:
        """A job that was tried before runs beside first attempts only: if it kills the process again, no other that was
        tried before loses an attempt with it."""
        running = [context.job for context in list(self._running.values())]
        counts = Counter(job.warm_key for job in running if job.warm_key)
        return claim(
            self._database,
            worker_id=self._worker_id,
            lease_s=self._lease_s,
            queues=self._queues,
            warm_keys=(self._warm_key, *counts),
            full_keys=[key for key, count in counts.items() if count >= self._at_once(key)],
            first_attempts_only=any(job.attempt > 1 for job in running),
        )

    def _begin(self, lease: Lease) -> JobContext:
        context = JobContext(lease, self._files)
        self._running[lease.token] = context
        if self._is_stopping:  # came between the claim and the context
            context.stop("shutdown")
        return context

    def _run_held(self, lease: Lease, context: JobContext) -> None:
        with bound(job_id=lease.job.id):
            started = time.monotonic()
            log.info("job_started", extra={"kind": lease.job.kind, "attempt": lease.job.attempt})
            self._run_bound(lease, context)
            log.info("job_left", extra={"seconds": round(time.monotonic() - started, 3)})

    def _run_bound(self, lease: Lease, context: JobContext) -> None:
        try:
            self._run(lease, context)
        except Exception:  # the database is away: the lease runs out, and the job runs again
            log.exception("job_could_not_be_ended", extra={"job_id": lease.job.id})
        finally:
            self._warm_key = lease.job.warm_key
            self._running.pop(lease.token, None)
            self._freed.set()

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
            if is_disk_full(error):
                self._give_back(lease)
                return
            log.exception("job_crashed", extra={"attempt": lease.job.attempt})
            has_ended = _retry(lease, error)
        self._tidy(lease, is_completed, has_ended)

    def _give_back(self, lease: Lease) -> None:
        """Nobody's fault, so it costs no attempt; what it wrote goes first, so that there may be room to say so."""
        log.error("storage_full")
        self._tidy(lease, is_completed=False, has_ended=False)
        time.sleep(FULL_DISK_S)
        lease.release("storage_full", counts=False)

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
    is_first = True  # what was asked between the claim and the making of `wake` is in the table already
    while not done.wait(min(wake.poll_s, max(0.0, next_beat - time.monotonic()))):
        try:
            has_news = is_first or wake.changed()
            is_first = False
            is_due = time.monotonic() >= next_beat
            if not (has_news or is_due):
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
