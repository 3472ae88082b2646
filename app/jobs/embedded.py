"""The embedded driver: a service that keeps its own worker processes, with no other server."""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, TextIO

from sqlalchemy import select

from app.errors import Problem
from app.jobs.claim import has_runnable, overdue, release_lost
from app.jobs.expiry import sweep
from app.jobs.job import Job
from app.jobs.kinds import ON_DEMAND
from app.jobs.lease import Lease
from app.jobs.wake import Wake
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs

WORKER_PREFIX = "embedded_"
TICK_S = 0.05
LOOK_S = 1.0  # between looks for work that no commit announced: an expired lease
SWEEP_S = 60.0
STOP_GRACE_S = 5.0
SHORT_LIFE_S = 3.0  # a worker that dies sooner, with nothing completed, is in a crash loop
MAX_DELAY_S = 5.0
STARTING_S = 5.0  # a new process has taken its job by then

log = logging.getLogger(__name__)


@dataclass
class _Slot:
    """One place for a worker process: filled again when it dies, or, for a queue `ON_DEMAND`, when a job is to run.

    A process of those ends after its job, which is the sure way to give gigabytes back.
    """

    queue: str = "cpu"
    process: SpawnProcess | None = None
    worker_id: str = ""
    started_at: float = 0.0
    short_lives: int = 0
    next_start: float = 0.0

    def is_starting(self, now: float) -> bool:
        """Whether it may not have taken its job yet."""
        return self.process is not None and now - self.started_at < STARTING_S


class Supervisor:
    """Keeps `settings.workers` worker processes running while it is started, one such service a data folder, and
    runs what is in the queue `train` in at most `settings.train_workers` more, what is in `intake` in one; neither
    where that is 0.

    `entry` names the "module:function" that a process runs with (settings as a mapping, worker_id, tasks_path, queue);
    `tasks_path` the one that makes the task table from the settings.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        files: Files,
        *,
        entry: str = "app.worker:worker_main",
        tasks_path: str = "app.tasks:from_settings",
    ) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._entry = entry
        self._tasks_path = tasks_path
        self._slots = [_Slot() for _ in range(settings.workers)]
        self._slots += [_Slot("train") for _ in range(settings.train_workers)]
        self._slots += [_Slot("intake") for _ in range(min(1, settings.train_workers))]
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: TextIO | None = None
        self._next_sweep = 0.0
        self._next_look = 0.0

    def start(self) -> None:
        """Take the data folder, free what earlier runs held, and start. Raises Problem `data_dir_in_use`."""
        self._lock = _take(self._settings)
        # The lock proves that the service which kept these workers is gone; they end with it, and are fenced if late.
        # Workers started by hand have other ids, and may be alive.
        for job in release_lost(self._database, "service_restarted", WORKER_PREFIX, counts=False):
            self._files.drop_attempt(job.id, str(job.lease_token))
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the workers to end, kill those that have not after `grace_s` seconds, and let the folder go."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        running = [slot for slot in self._slots if slot.process is not None]
        for slot in running:
            if slot.process is not None:
                slot.process.terminate()
        deadline = time.monotonic() + grace_s
        for slot in running:
            if slot.process is not None:
                slot.process.join(max(0.0, deadline - time.monotonic()))
                slot.process.kill()
                self._bury(slot, "shutdown")
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def processes(self) -> Mapping[str, int]:
        """The process id of each of the `settings.workers` that runs, by worker_id."""
        return self._running("cpu")

    def training(self) -> Mapping[str, int]:
        """The process id of each worker that runs a job of the queue `train`, by worker_id."""
        return self._running("train")

    def _running(self, queue: str) -> Mapping[str, int]:
        found = [(slot.worker_id, slot.process) for slot in self._slots if slot.queue == queue]
        return {worker_id: process.pid for worker_id, process in found if process is not None and process.pid}

    def __enter__(self) -> Supervisor:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _watch(self) -> None:
        wake = Wake(self._database, TICK_S)
        while not self._stopping.is_set():
            try:
                self._tend(wake.changed())
            except Exception:  # the watch must outlive a full disk or a locked database
                log.exception("supervisor_failed")
                self._stopping.wait(1.0)
            self._stopping.wait(TICK_S)

    def _tend(self, has_news: bool) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is not None and not slot.process.is_alive():
                code = slot.process.exitcode
                if code or slot.queue == "cpu":
                    log.warning("worker_died", extra={"worker_id": slot.worker_id, "exit_code": code})
                self._bury(slot, "worker_died")
            if slot.process is None and slot.queue == "cpu" and now >= slot.next_start:
                self._spawn(slot)
        if has_news or now >= self._next_look:
            self._next_look = now + LOOK_S
            for queue in ON_DEMAND:
                self._start(queue, now)
        for job in overdue(self._database, self._settings.cancel_grace_s, self._settings.pause_grace_s):
            self._end(job)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            sweep(self._database, self._files)

    def _start(self, queue: str, now: float) -> None:
        """One process at a look: the next sees whether there is a second job."""
        slots = [slot for slot in self._slots if slot.queue == queue]
        ready = next((slot for slot in slots if slot.process is None and now >= slot.next_start), None)
        is_starting = any(slot.is_starting(now) for slot in slots)
        if ready is not None and not is_starting and has_runnable(self._database, (queue,)):
            self._spawn(ready)

    def _spawn(self, slot: _Slot) -> None:
        slot.worker_id = f"{WORKER_PREFIX}{secrets.token_hex(4)}"
        arguments = (self._entry, self._settings.model_dump(mode="json"), slot.worker_id, self._tasks_path, slot.queue)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_run, args=arguments, name=slot.worker_id, daemon=True)
        process.start()
        slot.process, slot.started_at = process, time.monotonic()

    def _bury(self, slot: _Slot, reason: str) -> None:
        """Free what a dead worker held, and say when its place is filled again."""
        assert slot.process is not None
        slot.process.join()
        for job in release_lost(self._database, reason, slot.worker_id):
            self._files.drop_attempt(job.id, str(job.lease_token))
            if job.cancel_requested_at is not None:  # it has ended so
                self._files.delete(job.id)
        is_expected = slot.queue in ON_DEMAND and slot.process.exitcode == 0
        has_completed = self._tidy_last(slot.worker_id)
        slot.process.close()
        slot.process = None
        is_healthy = is_expected or has_completed or time.monotonic() - slot.started_at > SHORT_LIFE_S
        slot.short_lives = 0 if is_healthy else slot.short_lives + 1
        delay_s = 0.1 * 2 ** min(slot.short_lives - 1, 10) if slot.short_lives else 0.0
        slot.next_start = time.monotonic() + min(MAX_DELAY_S, delay_s)

    def _tidy_last(self, worker_id: str) -> bool:
        """A worker may die between completing its last job and removing what others left; whether it completed any."""
        query = select(jobs.c.id, jobs.c.lease_token).where(jobs.c.worker_id == worker_id, jobs.c.status == "completed")
        with self._database.read() as connection:
            last = connection.execute(query.order_by(jobs.c.completed_at.desc()).limit(1)).one_or_none()
        if last is not None:
            self._files.keep_results(last.id, last.lease_token)
        return last is not None

    def _end(self, job: Job) -> None:
        """Kill the worker of a job that did not stop in time; its place is filled again at the next look."""
        lease = Lease(self._database, job, self._settings.lease_s)
        if lease.flags() is None:  # it ended since it was looked up, and its worker may be at another job
            return
        for slot in self._slots:
            if slot.process is not None and slot.worker_id == job.worker_id:
                log.warning("worker_killed", extra={"worker_id": slot.worker_id, "job_id": job.id})
                slot.process.kill()
                slot.process.join()
        if job.cancel_requested_at is None:
            lease.pause()
            self._files.drop_attempt(job.id, lease.token)
        elif lease.cancel():
            self._files.delete(job.id)


def _run(entry: str, settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str) -> None:
    """What a new process starts with; imported by name, since the worker is above this room."""
    resolve(entry)(settings, worker_id, tasks_path, queue)


def resolve(path: str) -> Any:
    """The object that "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _take(settings: Settings) -> TextIO:
    """The open file whose lock says that this service owns the data folder; the kernel frees it at any death."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = (settings.data_dir / "service.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Problem("data_dir_in_use", path=str(settings.data_dir)) from None
    return file
