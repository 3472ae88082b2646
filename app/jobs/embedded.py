"""The embedded driver: a service that keeps its own worker processes, with no other server."""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO

from app.errors import Problem
from app.jobs.claim import release_lost
from app.jobs.expiry import Sweeps
from app.jobs.kinds import QUEUES
from app.jobs.station import Station
from app.jobs.supervisor import WorkerProcesses
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

STOP_GRACE_S = 5.0
WORKER_PREFIX = "embedded_"


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
        self._workers = WorkerProcesses(document, database, files, counts, entry, tasks_path, WORKER_PREFIX)
        self._station = Station(settings, database, files, self._workers, others_grace_s=0)
        self._sweeps = Sweeps(database, files)
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Take the data folder, free what earlier runs held, and start. Raises Problem `data_dir_in_use`."""
        self._lock = take(self._settings)
        # The lock proves that the service which kept these workers is gone; they end with it, and are fenced if late.
        # Workers started by hand have other ids, and may be alive.
        for job in release_lost(self._database, "service_restarted", WORKER_PREFIX, counts=False):
            self._files.drop_attempt(job.id, str(job.lease_token))
        self._station.start(self._sweeps.when_due)

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the workers to end, kill those that have not after `grace_s` seconds, and let the folder go."""
        self._station.stop(grace_s)
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


def take(settings: Settings) -> TextIO:
    """The open file whose lock says that this service owns the data folder; the kernel frees it at any death.

    Raises Problem `data_dir_in_use`.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    file = (settings.data_dir / "service.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise Problem("data_dir_in_use", path=str(settings.data_dir)) from None
    return file
