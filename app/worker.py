"""The wiring of a worker process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from multiprocessing.connection import wait
from typing import Any

from app.jobs.embedded import resolve
from app.jobs.kinds import ON_DEMAND
from app.jobs.runner import Worker
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

NICENESS = 10  # of work that takes minutes: speaking goes first


def create_worker(
    settings: Settings, worker_id: str, tasks_path: str = "app.tasks:from_settings", queue: str = "cpu"
) -> Worker:
    """A worker on the database and files of `settings`; `tasks_path` names what makes the task table of them.

    One that takes in or fits does not speak for people, so it keeps no engine warm.
    """
    own = settings.model_copy(update={"warm_engines": ()}) if queue in ON_DEMAND else settings
    return Worker(
        Database(settings.url),
        Files(settings.data_dir / "jobs"),
        resolve(tasks_path)(own),
        worker_id=worker_id,
        lease_s=settings.lease_s,
        poll_s=settings.poll_s,
        queues=(queue,),
    )


def worker_main(settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str) -> None:
    """The whole life of a worker that a Supervisor spawned: until SIGTERM, or the death of its parent.

    One of a queue `ON_DEMAND` is nice to the others, and ends after one job.
    """
    _exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    worker = create_worker(Settings(**settings), worker_id, tasks_path, queue)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    if queue in ON_DEMAND:
        os.nice(NICENESS)
        worker.run_next()
    else:
        worker.run()


def _exit_with_parent() -> None:
    """Die at once with the parent, even by `kill -9` of it: its successor frees the job for others at its start."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
