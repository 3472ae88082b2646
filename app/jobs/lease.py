"""One attempt's right to write a job: every write carries its token, and a stale one writes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from app.jobs.events import append
from app.jobs.job import Job
from app.jobs.store import change, end, set_aside
from app.storage.database import Database
from app.storage.tables import jobs

_HELD = select(jobs).where(
    jobs.c.id == bindparam("held"), jobs.c.lease_token == bindparam("token"), jobs.c.status == "processing"
)


@dataclass(frozen=True)
class Flags:
    """What was asked of a running job."""

    cancel: bool
    pause: bool


class Lease:
    """Held from `claim` until one of the ways to end it returned, or until another took it over.

    Each method returns False (or None) and writes nothing once the lease is lost.
    """

    def __init__(self, database: Database, job: Job, lease_s: float) -> None:
        self.job = job
        self.token = str(job.lease_token)
        self.lease_s = lease_s
        self._database = database

    def flags(self) -> Flags | None:
        """What was asked, without extending the lease."""
        with self._database.read() as connection:
            return _flags(self._held(connection))

    def heartbeat(self) -> Flags | None:
        """Extend the lease; what was asked meanwhile."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is not None:
                change(connection, job.id, {"lease_until": time.time() + self.lease_s})
            return _flags(job)

    def progress(self, percent: float, data: Mapping[str, Any]) -> bool:
        """Store how far it is, 0 to 100, and tell it."""
        return self._write("job.progress", {"progress": percent, **data}, progress=percent)

    def tell(self, kind: str, data: Mapping[str, Any], publish: Callable[[], object] | None = None) -> bool:
        """Write an event of one of `events.KINDS`; `publish` gives a file its name before anyone reads of it."""
        return self._write(kind, data, publish)

    def complete(self, result: Mapping[str, Any], publish: Callable[[], None] | None = None) -> bool:
        """End with a result. `publish` gives the files their names inside the transaction, after the check."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is None:
                return False
            if publish is not None:
                publish()
            end(connection, job, "completed", result=dict(result))
            return True

    def fail(self, code: str, values: Mapping[str, object]) -> bool:
        """End with an error of the catalogue."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is not None:
                end(connection, job, "failed", error={"code": code, "values": plain(values)})
            return job is not None

    def cancel(self) -> bool:
        """End as cancelled."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is not None:
                end(connection, job, "cancelled")
            return job is not None

    def pause(self) -> bool:
        """Set the job aside, which costs no attempt; one that was resumed meanwhile is runnable again."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is not None:
                to_pending(connection, job, "resumed", attempt=job.attempt - 1)
            return job is not None

    def release(self, reason: str, *, counts: bool = True) -> bool:
        """Give it back to be started again; `counts=False` when this attempt shall not be held against it."""
        with self._database.write() as connection:
            job = self._held(connection)
            if job is not None:
                to_pending(connection, job, reason, attempt=job.attempt - (0 if counts else 1))
            return job is not None

    def _write(
        self, kind: str, data: Mapping[str, Any], publish: Callable[[], object] | None = None, **values: object
    ) -> bool:
        with self._database.write() as connection:
            job = self._held(connection)
            if job is None:
                return False
            if values:
                change(connection, job.id, values)
            if publish is not None:
                publish()
            append(connection, job.id, job.user_id, kind, data)
            return True

    def _held(self, connection: Connection) -> Job | None:
        row = connection.execute(_HELD, {"held": self.job.id, "token": self.token}).mappings().one_or_none()
        return Job.of(row) if row is not None else None


def to_pending(connection: Connection, job: Job, reason: str, *, attempt: int) -> None:
    """Make a running job runnable again, or what it was asked to become: cancelled, or paused."""
    if job.cancel_requested_at is not None:
        end(connection, job, "cancelled")
        return
    if job.pause_requested_at is not None:
        set_aside(connection, job, attempt=attempt)
        return
    free = {"lease_token": None, "lease_until": None, "worker_id": None, "started_at": None}
    change(connection, job.id, {"status": "pending", "progress": 0.0, "attempt": attempt, **free})
    append(connection, job.id, job.user_id, "job.retried", {"attempt": job.attempt, "reason": reason})


def plain(values: Mapping[str, object]) -> dict[str, Any]:
    """Values as JSON can hold them: sets become sorted lists, what it does not know its text."""
    result: dict[str, Any] = json.loads(json.dumps(dict(values), default=_plain))
    return result


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else str(value)


def _flags(job: Job | None) -> Flags | None:
    if job is None:
        return None
    return Flags(cancel=job.cancel_requested_at is not None, pause=job.pause_requested_at is not None)
