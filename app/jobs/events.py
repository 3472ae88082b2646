"""The durable log of what happened to jobs, behind SSE, Socket.IO and the page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from app.callers import LOCAL, Caller
from app.storage.database import Database
from app.storage.tables import job_events

KINDS = (
    "job.created",
    "job.started",
    "job.progress",
    "job.metric",
    "job.log",
    "job.sample",
    "job.retried",
    "job.paused",
    "job.resumed",
    "job.completed",
    "job.failed",
    "job.cancelled",
    "job.deleted",
)


_APPEND = insert(job_events)


@dataclass(frozen=True)
class Event:
    id: int  # grows; a later commit never has a smaller one
    job_id: str
    user_id: str
    kind: str  # one of KINDS
    data: Mapping[str, Any]
    created_at: float  # seconds since the epoch, UTC


def append(connection: Connection, job_id: str, user_id: str, kind: str, data: Mapping[str, Any]) -> None:
    """Write an event in the transaction of the change it tells of."""
    values = {"job_id": job_id, "user_id": user_id, "kind": kind, "data": dict(data), "created_at": time.time()}
    connection.execute(_APPEND, values)


class EventLog:
    """What `caller` may know of."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database = database
        self._caller = caller

    def of(self, caller: Caller) -> EventLog:
        """The same log as `caller` sees it."""
        return EventLog(self._database, caller)

    def since(self, last_id: int, limit: int = 500, job_id: str | None = None) -> list[Event]:
        """Events after `last_id`, oldest first; fewer than `limit` means that these are all."""
        query = select(job_events).where(job_events.c.id > last_id).order_by(job_events.c.id).limit(limit)
        if job_id is not None:
            query = query.where(job_events.c.job_id == job_id)
        if not self._caller.is_admin:
            query = query.where(job_events.c.user_id == self._caller.user_id)
        with self._database.read() as connection:
            return [Event(**row) for row in connection.execute(query).mappings()]

    def newest(
        self, job_id: str, kind: str | None, limit: int, after: int = 0, before: int | None = None
    ) -> list[Event]:
        """Of one job, of `kind` or of all, the newest first; of those whose id lies between `after` and `before`."""
        query = select(job_events).where(job_events.c.job_id == job_id).where(job_events.c.id > after)
        if kind is not None:
            query = query.where(job_events.c.kind == kind)
        if before is not None:
            query = query.where(job_events.c.id < before)
        query = query.order_by(job_events.c.id.desc()).limit(limit)
        if not self._caller.is_admin:
            query = query.where(job_events.c.user_id == self._caller.user_id)
        with self._database.read() as connection:
            return [Event(**row) for row in connection.execute(query).mappings()]

    def newest_progress(self, job_ids: Sequence[str]) -> dict[str, Event]:
        """The last `job.progress` of each job that has one."""
        if not job_ids:
            return {}
        mine = (job_events.c.kind == "job.progress") & job_events.c.job_id.in_(job_ids)
        newest = select(func.max(job_events.c.id)).where(mine).group_by(job_events.c.job_id)
        query = select(job_events).where(job_events.c.id.in_(newest))
        with self._database.read() as connection:
            return {row["job_id"]: Event(**row) for row in connection.execute(query).mappings()}

    def last_id(self) -> int:
        """The newest id; 0 when nothing has happened."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(job_events.c.id))) or 0

    def prune(self, before: float) -> None:
        """Forget deletions told before `before`; all else goes with its job."""
        old = (job_events.c.kind == "job.deleted") & (job_events.c.created_at < before)
        with self._database.write() as connection:
            connection.execute(delete(job_events).where(old))
