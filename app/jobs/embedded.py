"""The embedded driver: a service that keeps its own worker processes, with no other server."""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from sqlalchemy import func, select

from app.errors import Problem
from app.jobs.claim import has_runnable, overdue, release_lost
from app.jobs.expiry import sweep
from app.jobs.job import Job
from app.jobs.kinds import KINDS, ON_DEMAND, QUEUES
from app.jobs.lease import Lease
from app.jobs.supervisor import WORKER_PREFIX, WorkerProcesses
from app.jobs.wake import Wake
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs

TICK_S = 0.05
LOOK_S = 1.0  # between looks for work that no commit announced: an expired lease
SWEEP_S = 60.0
STOP_GRACE_S = 5.0

log = logging.getLogger(__name__)


class EmbeddedDriver:
    """Keeps the worker processes of every queue while it is started, one such service a data folder.

    `entry` and `tasks_path` are those of WorkerProcesses.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        files: Files,
        *,
        entry: str = "app.worker:worker_main",
        tasks_path: str = "app.tasks:table",
    ) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        counts = {name: queue.processes(settings) for name, queue in QUEUES.items()}
        document = settings.model_dump(mode="json")
        self._workers = WorkerProcesses(document, database, files, counts, entry, tasks_path)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock: TextIO | None = None
        self._next_sweep = 0.0
        self._next_look = 0.0
        self._renewed_at = time.time()

    def start(self) -> None:
        """Take the data folder, free what earlier runs held, and start. Raises Problem `data_dir_in_use`."""
        self._lock = _take(self._settings)
        # The lock proves that the service which kept these workers is gone; they end with it, and are fenced if late.
        # Workers started by hand have other ids, and may be alive.
        for job in release_lost(self._database, "service_restarted", WORKER_PREFIX, counts=False):
            self._files.drop_attempt(job.id, str(job.lease_token))
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, name="driver", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the workers to end, kill those that have not after `grace_s` seconds, and let the folder go."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._workers.end(grace_s)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def publish(self, job_id: str, queue: str) -> None:
        """Nothing to tell: workers and this driver see every commit to the table (`Wake`)."""

    def processes(self, queue: str) -> Mapping[str, int]:
        """The process id of each worker of a queue that runs, by worker_id."""
        return self._workers.running(queue)

    def __enter__(self) -> EmbeddedDriver:
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
                log.exception("driver_failed")
                self._stopping.wait(1.0)
            self._stopping.wait(TICK_S)

    def _tend(self, has_news: bool) -> None:
        now = time.monotonic()
        self._workers.bury_dead()
        for place in self._workers.places:
            if place.process is None and not place.is_on_demand and now >= place.next_start:
                self._workers.spawn(place)
        if has_news or now >= self._next_look:
            self._next_look = now + LOOK_S
            for queue in ON_DEMAND:
                self._start(queue, now)
            self._renew()
        for job in overdue(self._database, self._settings.cancel_grace_s, self._settings.pause_grace_s):
            self._end(job)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_S
            sweep(self._database, self._files)

    def _renew(self) -> None:
        """Processes that speak start anew after a job that brought more to import."""
        names = [name for name, kind in KINDS.items() if kind.renews_workers]
        done = (jobs.c.kind.in_(names), jobs.c.status == "completed", jobs.c.completed_at > self._renewed_at)
        with self._database.read() as connection:
            latest = connection.scalar(select(func.max(jobs.c.completed_at)).where(*done))
        if latest is not None:
            self._renewed_at = latest
            self._workers.renew()

    def _start(self, queue: str, now: float) -> None:
        """One process at a look: the next sees whether there is a second job."""
        places = self._workers.of(queue)
        ready = next((place for place in places if place.process is None and now >= place.next_start), None)
        is_starting = any(place.is_starting(now) for place in places)
        if ready is not None and not is_starting and has_runnable(self._database, (queue,)):
            self._workers.spawn(ready)

    def _end(self, job: Job) -> None:
        """Kill the worker of a job that did not stop in time; its place is filled again at the next look."""
        lease = Lease(self._database, job, self._settings.lease_s)
        if lease.flags() is None:  # it ended since it was looked up
            return
        log.warning("worker_killed", extra={"worker_id": job.worker_id, "job_id": job.id})
        self._workers.kill(str(job.worker_id))
        if job.cancel_requested_at is None:  # one whose worker is not ours is fenced all the same
            lease.pause()
            self._files.drop_attempt(job.id, lease.token)
        elif lease.cancel():
            self._files.delete(job.id)


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
