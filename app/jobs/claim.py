"""Which job runs next, and what becomes of the jobs of workers that are gone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from dataclasses import replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, Integer, Select, bindparam, case, func, literal, select

from app.jobs.events import append
from app.jobs.job import Job
from app.jobs.lease import Lease, to_pending
from app.jobs.store import change, end, set_aside
from app.storage.database import Database
from app.storage.tables import job_events, jobs

# A job whose attempt was lost lines up as if it had come this much later, so that one that kills its worker does not
# hold up the others, and yet has its turn when there are always new ones.
RETRY_DELAY_S = 60.0


def claim(
    database: Database,
    *,
    worker_id: str,
    lease_s: float,
    queues: Collection[str] | None = None,
    warm_keys: Collection[str] = (),
    full_keys: Collection[str] = (),
    first_attempts_only: bool = False,
) -> Lease | None:
    """Take the best runnable job: one whose model is warm, then of the user with the fewest running, then the oldest
    (see RETRY_DELAY_S for one that was tried before). None of a model among `full_keys`, and with
    `first_attempts_only` none that was tried before.

    Runnable is what is pending, or processing with an expired lease. A job that was to be cancelled or paused becomes
    that on the way, and one with no attempts left fails (`too_many_attempts`). `queues=None` means every queue.
    """
    which = (queues is not None, bool(full_keys), first_attempts_only)
    wanted = _wanted(queues) | ({"full": list(full_keys)} if full_keys else {})
    with database.read() as connection:  # a look costs the writers nothing
        if connection.scalar(_any(*which), wanted) is None:
            return None
    with database.write() as connection:
        now = time.time()
        wanted |= {"now": now, "warm": [key for key in warm_keys if key], "most": 1}
        while (row := connection.execute(_best(*which), wanted).mappings().first()) is not None:
            job = Job.of(row)
            if job.cancel_requested_at is not None:
                end(connection, job, "cancelled")
            elif job.pause_requested_at is not None:
                set_aside(connection, job, attempt=job.attempt - 1)
            elif job.attempt >= job.max_attempts:
                end(connection, job, "failed", error=_too_many(job))
            else:
                return Lease(database, _start(connection, job, worker_id, now, lease_s), lease_s)
    return None


def queues_to_do(database: Database, queues: Collection[str]) -> set[str]:
    """Those of `queues` in which `claim` would find something."""
    with database.read() as connection:
        return set(connection.scalars(_QUEUES_TO_DO, _wanted(queues)))


def unserved(database: Database, wait_s: float) -> dict[str, float]:
    """Queues in which nothing runs though a job could since more than `wait_s` seconds, with how long it waits."""
    now = time.time()
    with database.read() as connection:
        rows = connection.execute(_WAITING, {"now": now}).all()
    return {queue: now - since for queue, since in rows if since is not None and now - since > wait_s}


def runnable(database: Database, queue: str, limit: int) -> list[str]:
    """The ids of the first `limit` jobs of a queue that `claim` would take, in its order."""
    wanted = _wanted((queue,)) | {"warm": [], "most": limit}
    with database.read() as connection:
        return [row.id for row in connection.execute(_best(True, False, False), wanted)]


def overdue(database: Database, cancel_grace_s: float, pause_grace_s: float) -> list[Job]:
    """Running jobs that were asked to stop longer ago than that."""
    now = time.time()
    is_late = (jobs.c.cancel_requested_at <= now - cancel_grace_s) | (jobs.c.pause_requested_at <= now - pause_grace_s)
    with database.read() as connection:
        return _running_in(connection, is_late)


def release_lost(database: Database, reason: str, worker_prefix: str, *, counts: bool = True) -> list[Job]:
    """Make runnable again, at once, what the workers whose ids begin so were running; the jobs as they were.

    `counts=False` gives the attempt back, where the death was not the job's doing. Only for a caller that knows them
    dead; one that lives on all the same is fenced.
    """
    with database.write() as connection:
        lost = _running_in(connection, jobs.c.worker_id.startswith(worker_prefix, autoescape=True))
        for job in lost:
            to_pending(connection, job, reason, attempt=job.attempt if counts else job.attempt - 1)
        return lost


# Statements are made once: SQLAlchemy takes longer to make one, and to find its text, than SQLite to answer it.
_NOW = bindparam("now", type_=Float)
_HELD = (jobs.c.status == "processing") & (jobs.c.lease_until > _NOW)
_RUNNABLE = (jobs.c.status == "pending") | ((jobs.c.status == "processing") & (jobs.c.lease_until <= _NOW))
_OF_QUEUES = jobs.c.queue.in_(bindparam("queues", expanding=True))
_SINCE = (
    select(jobs.c.queue, func.max(job_events.c.created_at).label("at"))
    .join(job_events, job_events.c.job_id == jobs.c.id)
    .where(_RUNNABLE)
    .group_by(jobs.c.id, jobs.c.queue)
    .subquery()
)
_WAITING = (
    select(_SINCE.c.queue, func.min(_SINCE.c.at))
    .where(_SINCE.c.queue.not_in(select(jobs.c.queue).where(_HELD)))
    .group_by(_SINCE.c.queue)
)
_QUEUES_TO_DO = select(jobs.c.queue).where(_RUNNABLE, _OF_QUEUES).distinct()


@cache
def _best(of_queues: bool, has_full: bool, first_attempts_only: bool) -> Select[tuple[Any, ...]]:
    """The first `most` runnable jobs; the parameters are those of `_wanted`, `warm`, and `full` where it has some."""
    busy = select(jobs.c.user_id, func.count().label("running")).where(_HELD).group_by(jobs.c.user_id).subquery()
    query = (
        select(jobs)
        .outerjoin(busy, busy.c.user_id == jobs.c.user_id)
        .order_by(
            case((jobs.c.warm_key.in_(bindparam("warm", expanding=True)), 0), else_=1),
            func.coalesce(busy.c.running, 0),
            jobs.c.created_at + RETRY_DELAY_S * jobs.c.attempt,
            jobs.c.id,
        )
        .limit(bindparam("most", type_=Integer))
    )
    return query.where(*_taken(of_queues, has_full, first_attempts_only))


@cache
def _any(of_queues: bool, has_full: bool, first_attempts_only: bool) -> Select[Any]:
    """Whether `_best` would find one."""
    return select(literal(1)).select_from(jobs).where(*_taken(of_queues, has_full, first_attempts_only)).limit(1)


def _taken(of_queues: bool, has_full: bool, first_attempts_only: bool) -> list[ColumnElement[bool]]:
    """Which of all jobs a worker takes."""
    return [
        _RUNNABLE,
        *([_OF_QUEUES] if of_queues else []),
        *([jobs.c.warm_key.not_in(bindparam("full", expanding=True))] if has_full else []),
        *([jobs.c.attempt == 0] if first_attempts_only else []),
    ]


def _wanted(queues: Collection[str] | None) -> dict[str, Any]:
    return {"now": time.time()} | ({} if queues is None else {"queues": list(queues)})


def _start(connection: Connection, job: Job, worker_id: str, now: float, lease_s: float) -> Job:
    if job.status == "processing":
        append(connection, job.id, job.user_id, "job.retried", {"attempt": job.attempt, "reason": "lease_expired"})
    lease: dict[str, Any] = {"lease_token": secrets.token_hex(8), "lease_until": now + lease_s, "worker_id": worker_id}
    state: dict[str, Any] = {"status": "processing", "attempt": job.attempt + 1, "started_at": now, "progress": 0.0}
    change(connection, job.id, {**lease, **state})
    append(connection, job.id, job.user_id, "job.started", {"attempt": job.attempt + 1, "worker_id": worker_id})
    return replace(job, **lease, **state)


def _too_many(job: Job) -> dict[str, object]:
    return {"code": "too_many_attempts", "values": {"attempts": job.attempt}}


def _running_in(connection: Connection, where: ColumnElement[bool]) -> list[Job]:
    query = select(jobs).where(jobs.c.status == "processing", where)
    return [Job.of(row) for row in connection.execute(query).mappings()]
