"""What tends worker processes on one machine, whichever driver they serve."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import func, select

from app.jobs.claim import overdue, queues_to_do
from app.jobs.job import Job
from app.jobs.kinds import KINDS, ON_DEMAND
from app.jobs.lease import Lease
from app.jobs.supervisor import WorkerProcesses
from app.jobs.wake import Wake
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs

TICK_S = 0.05
LOOK_S = 1.0  # between looks for work that no commit announced: an expired lease

log = logging.getLogger(__name__)


class Station:
    """Fills the places of `workers`, and ends the jobs that did not stop in time by killing their worker.

    `others_grace_s`: how much later a job of a worker that is not ours is ended, which fences that worker; None leaves
    it to whoever keeps it. `listening`: processes of queues on demand are there before their job.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        files: Files,
        workers: WorkerProcesses,
        *,
        others_grace_s: float | None = None,
        listening: bool = False,
    ) -> None:
        self._settings = settings
        self._database = database
        self._files = files
        self._workers = workers
        self._others_grace_s = others_grace_s
        self._is_listening = listening
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_look = 0.0
        self._renewed_at = time.time()

    def start(self, beside: Callable[[], object] = lambda: None) -> None:
        """Tend in a thread, which calls `beside` as well at every tick."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._watch, args=(beside,), name="station", daemon=True)
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Ask the workers to end, and kill those that have not after `grace_s` seconds."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._workers.end(grace_s)

    def _watch(self, beside: Callable[[], object]) -> None:
        wake: Wake | None = None
        while not self._stopping.is_set():
            try:
                wake = wake or Wake(self._database, TICK_S)
                self._tend(wake.changed())
                beside()
            except Exception:  # the watch must outlive a full disk or a database that is away
                log.exception("driver_failed")
                self._stopping.wait(1.0)
            self._stopping.wait(TICK_S)

    def _tend(self, has_news: bool) -> None:
        now = time.monotonic()
        self._workers.bury_dead()
        for place in self._workers.places:
            is_wanted = self._is_listening or not place.is_on_demand
            if place.process is None and is_wanted and now >= place.next_start:
                self._workers.spawn(place)
        if has_news or now >= self._next_look:
            self._next_look = now + LOOK_S
            for queue in queues_to_do(self._database, ON_DEMAND):
                self._start(queue, now)
            self._renew()
        for job in overdue(self._database, self._settings.cancel_grace_s, self._settings.pause_grace_s):
            if self._is_ours(job) or self._is_late(job):
                self._end(job)

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
        if ready is not None and not is_starting:
            self._workers.spawn(ready)

    def _is_ours(self, job: Job) -> bool:
        return any(place.process is not None and place.worker_id == job.worker_id for place in self._workers.places)

    def _is_late(self, job: Job) -> bool:
        if self._others_grace_s is None:
            return False
        cancel_at = (job.cancel_requested_at or float("inf")) + self._settings.cancel_grace_s
        pause_at = (job.pause_requested_at or float("inf")) + self._settings.pause_grace_s
        return time.time() >= min(cancel_at, pause_at) + self._others_grace_s

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
