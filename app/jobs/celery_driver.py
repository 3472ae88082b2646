"""The Celery driver: Redis wakes workers, on this machine or on others (https://docs.celeryq.dev).

A message is a job's id and nothing else. It is acknowledged at once and may be lost: what is runnable in the table and
has no message gets one again. So nothing hangs on Redis keeping anything, nor on its visibility timeout, after which
Celery would give a job that runs to a second worker.
"""

from __future__ import annotations

import logging
import platform
import queue as queues
import re
import secrets
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, cast

from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem
from app.jobs.claim import runnable
from app.jobs.embedded import STOP_GRACE_S, take
from app.jobs.expiry import Sweeps
from app.jobs.kinds import QUEUES
from app.jobs.presence import Presence
from app.jobs.station import Station
from app.jobs.supervisor import WorkerProcesses
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

if TYPE_CHECKING:
    from celery import Celery

    from app.jobs.runner import Worker

TASK = "papagaio.run"
PREFIX = "papagaio:"  # of every key in Redis, which others may use as well
SWEEP_S = 1.0
MOST_WAKES = 64  # messages that a queue holds by the sweeps: a message wakes a worker, which takes all it can
BACKLOG = 10_000
REDIS_S = 2.0  # for an answer of Redis
OTHERS_GRACE_S = 10.0
STEP_S = 0.5

log = logging.getLogger(__name__)


def celery_app(settings: Settings) -> Celery:
    """Celery on `settings.redis_url`; opens no connection. Raises Problem `jobs_package_missing`."""
    try:
        from celery import Celery
        from kombu import Queue
    except ModuleNotFoundError as error:
        raise Problem("jobs_package_missing") from error

    app = Celery("papagaio", broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        task_queues=[Queue(name, routing_key=name) for name in QUEUES],
        task_default_queue="cpu",
        task_acks_late=False,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # a message goes to a worker that has a free slot
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "global_keyprefix": PREFIX,
            "socket_timeout": REDIS_S,
            "socket_connect_timeout": REDIS_S,
            "max_retries": 1,
        },
    )
    return app


class Publisher:
    """Sends the ids of runnable jobs, from a thread of its own: a request never waits for Redis."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._app = celery_app(settings)
        self._database = database
        self._waiting: queues.Queue[tuple[str, str]] = queues.Queue(BACKLOG)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_up = True  # whether Redis took the last message

    def tell(self, job_id: str, queue: str) -> None:
        try:
            self._waiting.put_nowait((job_id, queue))
        except queues.Full:  # a sweep finds it
            pass

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * REDIS_S)
            self._thread = None
        self._app.close()

    def _run(self) -> None:
        next_sweep = 0.0
        while not self._stopping.is_set():
            try:
                job_id, queue = self._waiting.get(timeout=min(STEP_S, max(0.01, next_sweep - time.monotonic())))
                self._send(job_id, queue)
            except queues.Empty:
                pass
            except Exception as error:  # whichever way a network fails
                self._is_away(error)
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_S
                self._sweep()

    def _send(self, job_id: str, queue: str) -> None:
        self._app.send_task(TASK, args=(job_id,), queue=queue, retry=False, ignore_result=True)
        if not self.is_up:
            log.info("redis_reached")
        self.is_up = True

    def _sweep(self) -> None:
        """Give messages to runnable jobs that have none, as far as can be known: by how many a queue holds."""
        try:
            for queue in QUEUES:
                job_ids = runnable(self._database, queue, MOST_WAKES)
                for job_id in job_ids[self._depth(queue) if job_ids else 0 :]:
                    self._send(job_id, queue)
        except SQLAlchemyError:
            log.exception("publisher_could_not_reach_database")
        except Exception as error:
            self._is_away(error)

    def _depth(self, queue: str) -> int:
        from kombu.exceptions import ChannelError

        with self._app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except ChannelError:  # nothing has been sent to it
                return 0

    def _is_away(self, error: Exception) -> None:
        """All that waits is in the table."""
        if self.is_up:
            log.warning("redis_not_reached", extra={"reason": str(error)})
        self.is_up = False
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._stopping.wait(STEP_S)


class CeleryDriver:
    """Publishes what is runnable, and keeps the worker processes that the settings ask of this service.

    More are started anywhere with `papagaio worker`, on the same database and data folder. Services without workers
    (`workers=0, train_workers=0`) may share them. `entry` and `tasks_path` are those of WorkerProcesses.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        files: Files,
        *,
        entry: str = "app.worker:celery_service_main",
        tasks_path: str = "app.tasks:table",
    ) -> None:
        self._settings = settings
        counts = {name: queue.processes(settings) for name, queue in QUEUES.items()}
        self._keeps_workers = any(counts.values())
        prefix = worker_prefix()
        self._workers = WorkerProcesses(
            settings.model_dump(mode="json"), database, files, counts, entry, tasks_path, prefix
        )
        self._presence = Presence(settings.redis_url, prefix, counts, self._workers.count)
        self._station = Station(settings, database, files, self._workers, others_grace_s=OTHERS_GRACE_S)
        self._sweeps = Sweeps(database, files)
        self._publisher = Publisher(settings, database)
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Raises Problem `data_dir_in_use` where another service keeps workers on this data folder."""
        self._lock = take(self._settings) if self._keeps_workers else None
        self._station.start(self._sweeps.when_due)
        self._publisher.start()
        if self._keeps_workers:
            self._presence.start()

    def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ask the workers to end, kill those that have not after `grace_s` seconds."""
        self._publisher.stop()
        self._presence.stop()
        self._station.stop(grace_s)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def publish(self, job_id: str, queue: str) -> None:
        self._publisher.tell(job_id, queue)

    def processes(self, queue: str) -> Mapping[str, int]:
        """Of those that this service keeps."""
        return self._workers.running(queue)


@contextmanager
def kept(settings: Settings, queue: str, entry: str) -> Iterator[None]:
    """Worker processes of one queue beside a service, as many as the settings say and one at least."""
    database, files = Database(settings.url), Files(settings.data_dir / "jobs")
    counts = {queue: max(1, QUEUES[queue].processes(settings))}
    document = settings.model_dump(mode="json")
    prefix = worker_prefix()
    workers = WorkerProcesses(document, database, files, counts, entry, "app.tasks:table", prefix)
    station = Station(settings, database, files, workers, listening=True)
    presence = Presence(settings.redis_url, prefix, counts, workers.count)
    station.start()
    presence.start()
    try:
        yield
    finally:
        presence.stop()
        station.stop(STOP_GRACE_S)
        database.close()


def worker_prefix() -> str:
    """Of the ids of workers of one station, which no other has."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:30]
    return f"celery_{host}_{secrets.token_hex(4)}_"


def serve_queue(settings: Settings, worker: Worker, worker_id: str, queue: str, *, slots: int, once: bool) -> None:
    """Let Celery wake `worker` until SIGTERM; with `once`, end after one job."""
    from celery.worker import state

    app, ending = celery_app(settings), cast(Any, state)

    @app.task(name=TASK)
    def run(job_id: str) -> None:
        """The id says that there is something to do; what comes first is the table's to say."""
        if worker.run_all(most=1 if once else None) and once:
            ending.should_stop = 0

    def stop(*_: object) -> None:
        worker.stop()
        ending.should_stop = 0  # its exit status; Celery looks every second

    signal.signal(signal.SIGTERM, stop)
    controller: Any = app.WorkController(
        pool="threads",
        concurrency=slots,
        queues=[queue],
        hostname=worker_id,
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
    )
    controller.start()
