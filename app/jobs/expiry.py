"""What is removed by itself: expired jobs with their files, and files that belong to nothing."""

from __future__ import annotations

import time

from sqlalchemy import select

from app.errors import Problem
from app.jobs.events import EventLog
from app.jobs.job import ENDED
from app.jobs.store import JobStore
from app.storage.batches import prune as prune_batches
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs

SWEEP_S = 60.0
KEEP_DELETIONS_S = 7 * 86400.0  # a page that was away longer reads the list again


def sweep(database: Database, files: Files, now: float | None = None) -> int:
    """Remove what is past its time; the number of expired jobs."""
    now = time.time() if now is None else now
    count = sum(_expire(database, files, job.id) for job in JobStore(database).expired(now))
    with database.read() as connection:
        rows = connection.execute(select(jobs.c.id, jobs.c.status, jobs.c.lease_token)).all()
    files.sweep({row.id for row in rows})
    for row in rows:
        if row.status == "completed":
            files.keep_results(row.id, row.lease_token)
        elif row.status in ENDED:
            files.delete(row.id)
    prune_batches(database, now)
    EventLog(database).prune(now - KEEP_DELETIONS_S)
    return count


class Sweeps:
    """`sweep`, once a minute."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files
        self._next = 0.0

    def when_due(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SWEEP_S
            sweep(self._database, self._files)


def _expire(database: Database, files: Files, job_id: str) -> bool:
    try:
        JobStore(database).delete(job_id)
    except Problem:  # somebody deleted it meanwhile
        return False
    files.delete(job_id)
    return True
