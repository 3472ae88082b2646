"""Worker processes kept by the service itself: started, counted, buried when they die, started again with a delay."""

from __future__ import annotations

import logging
import multiprocessing
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import SpawnProcess
from typing import Any

from sqlalchemy import select

from app.jobs.claim import release_lost
from app.jobs.kinds import QUEUES
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs

SHORT_LIFE_S = 3.0  # a worker that dies sooner, with nothing completed, is in a crash loop
MAX_DELAY_S = 5.0
STARTING_S = 5.0  # a new process has taken its job by then

log = logging.getLogger(__name__)


@dataclass
class Place:
    """One place for a worker process of a queue: filled again when it dies, or, on demand, when a job is to run."""

    queue: str
    index: int  # among those of its queue
    process: SpawnProcess | None = None
    worker_id: str = ""
    started_at: float = 0.0
    short_lives: int = 0
    next_start: float = 0.0

    @property
    def is_on_demand(self) -> bool:
        return QUEUES[self.queue].is_on_demand

    def is_starting(self, now: float) -> bool:
        """Whether its process may not have taken its job yet."""
        return self.process is not None and now - self.started_at < STARTING_S


class WorkerProcesses:
    """The processes of `counts` (queue to how many at most).

    `entry` names the "module:function" that a process runs with (settings as a mapping, worker_id, tasks_path, queue,
    index); `tasks_path` the one that makes the task table. A worker's id is `prefix` and eight random digits.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        database: Database,
        files: Files,
        counts: Mapping[str, int],
        entry: str,
        tasks_path: str,
        prefix: str,
    ) -> None:
        self._prefix = prefix
        self._settings = settings
        self._database = database
        self._files = files
        self._entry = entry
        self._tasks_path = tasks_path
        self.places = [Place(queue, index) for queue, count in counts.items() for index in range(count)]

    def of(self, queue: str) -> list[Place]:
        return [place for place in self.places if place.queue == queue]

    def running(self, queue: str) -> Mapping[str, int]:
        """Process id by worker_id."""
        found = [(place.worker_id, place.process) for place in self.of(queue)]
        return {worker_id: process.pid for worker_id, process in found if process is not None and process.pid}

    def count(self, queue: str) -> int:
        """Of the processes of a queue that run."""
        return len(self.running(queue))

    def spawn(self, place: Place) -> None:
        place.worker_id = f"{self._prefix}{secrets.token_hex(4)}"
        arguments = (self._entry, self._settings, place.worker_id, self._tasks_path, place.queue, place.index)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_run, args=arguments, name=place.worker_id, daemon=True)
        process.start()
        place.process, place.started_at = process, time.monotonic()

    def bury_dead(self) -> None:
        """Free what dead processes held."""
        for place in self.places:
            if place.process is not None and not place.process.is_alive():
                code = place.process.exitcode
                if code or not place.is_on_demand:
                    log.warning("worker_died", extra={"worker_id": place.worker_id, "exit_code": code})
                self._bury(place, "worker_died")

    def kill(self, worker_id: str) -> None:
        """End one at once. What else it ran gets its attempt back: it was not those jobs' doing."""
        for place in self.places:
            if place.process is not None and place.worker_id == worker_id:
                place.process.kill()
                place.process.join()
                self._release(worker_id, "neighbour_killed", counts=False)

    def renew(self) -> None:
        """Ask the processes that are not on demand to end; they are started again, and their jobs go on."""
        for place in self.places:
            if place.process is not None and not place.is_on_demand:
                place.process.terminate()

    def end(self, grace_s: float) -> None:
        """Ask all to end, and kill those that have not after `grace_s` seconds."""
        running: Sequence[Place] = [place for place in self.places if place.process is not None]
        for place in running:
            if place.process is not None:
                place.process.terminate()
        deadline = time.monotonic() + grace_s
        for place in running:
            if place.process is not None:
                place.process.join(max(0.0, deadline - time.monotonic()))
                place.process.kill()
                self._bury(place, "shutdown")

    def _bury(self, place: Place, reason: str) -> None:
        """Free what a dead worker held, and say when its place is filled again."""
        assert place.process is not None
        place.process.join()
        self._release(place.worker_id, reason)
        is_expected = place.is_on_demand and place.process.exitcode == 0
        has_completed = self._tidy_last(place.worker_id)
        place.process.close()
        place.process = None
        is_healthy = is_expected or has_completed or time.monotonic() - place.started_at > SHORT_LIFE_S
        place.short_lives = 0 if is_healthy else place.short_lives + 1
        delay_s = 0.1 * 2 ** min(place.short_lives - 1, 10) if place.short_lives else 0.0
        place.next_start = time.monotonic() + min(MAX_DELAY_S, delay_s)

    def _release(self, worker_id: str, reason: str, *, counts: bool = True) -> None:
        for job in release_lost(self._database, reason, worker_id, counts=counts):
            self._files.drop_attempt(job.id, str(job.lease_token))
            if job.cancel_requested_at is not None:  # it has ended so
                self._files.delete(job.id)

    def _tidy_last(self, worker_id: str) -> bool:
        """A worker may die between completing its last jobs and removing what others left; whether it completed any."""
        query = select(jobs.c.id, jobs.c.lease_token).where(jobs.c.worker_id == worker_id, jobs.c.status == "completed")
        with self._database.read() as connection:
            last = connection.execute(query.order_by(jobs.c.completed_at.desc()).limit(64)).all()
        for job in last:
            self._files.keep_results(job.id, job.lease_token)
        return bool(last)


def _run(
    entry: str, settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str, index: int
) -> None:  # imported by name, since the worker is above this room
    resolve(entry)(settings, worker_id, tasks_path, queue, index)


def resolve(path: str) -> Any:
    """The object that "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
