"""Which job runs next, and what becomes of the jobs of workers that are gone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select, true, update

from app.jobs.events import append
from app.jobs.job import Job
from app.jobs.lease import Lease, to_pending
from app.jobs.store import end, get_job, set_aside
from app.storage.database import Database
from app.storage.tables import jobs

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
    taken = _taken(full_keys, first_attempts_only)
    if not has_runnable(database, queues, taken):  # a look costs the writers nothing
        return None
    with database.write() as connection:
        now = time.time()
        query = _best(now, queues, warm_keys).where(taken)
        while (row := connection.execute(query).mappings().first()) is not None:
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


def has_runnable(
    database: Database, queues: Collection[str] | None = None, where: ColumnElement[bool] | None = None
) -> bool:
    """Whether `claim` would find something to do."""
    query = _best(time.time(), queues, ())
    with database.read() as connection:
        return connection.execute(query if where is None else query.where(where)).first() is not None


def runnable(database: Database, queue: str, limit: int) -> list[str]:
    """The ids of the first `limit` jobs of a queue that `claim` would take, in its order."""
    query = _best(time.time(), (queue,), ()).limit(limit)
    with database.read() as connection:
        return [row.id for row in connection.execute(query)]


def overdue(database: Database, cancel_grace_s: float, pause_grace_s: float) -> list[Job]:
    """Running jobs that were asked to stop longer ago than that."""
    now = time.time()
    is_late = (jobs.c.cancel_requested_at <= now - cancel_grace_s) | (jobs.c.pause_requested_at <= now - pause_grace_s)
    with database.read() as connection:
        return _running_in(connection, is_late)


def _taken(full_keys: Collection[str], first_attempts_only: bool) -> ColumnElement[bool]:
    """Which of the runnable jobs a worker with several at a time takes."""
    fitting = jobs.c.warm_key.not_in(list(full_keys)) if full_keys else true()
    return and_(fitting, jobs.c.attempt == 0) if first_attempts_only else fitting


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


def _best(now: float, queues: Collection[str] | None, warm_keys: Collection[str]) -> Select[tuple[object, ...]]:
    held = (jobs.c.status == "processing") & (jobs.c.lease_until > now)
    expired = (jobs.c.status == "processing") & (jobs.c.lease_until <= now)
    busy = select(jobs.c.user_id, func.count().label("running")).where(held).group_by(jobs.c.user_id).subquery()
    warm = [key for key in warm_keys if key]
    query = (
        select(jobs)
        .outerjoin(busy, busy.c.user_id == jobs.c.user_id)
        .where((jobs.c.status == "pending") | expired)
        .order_by(
            case((jobs.c.warm_key.in_(warm), 0), else_=1),
            func.coalesce(busy.c.running, 0),
            jobs.c.created_at + RETRY_DELAY_S * jobs.c.attempt,
            jobs.c.id,
        )
        .limit(1)
    )
    return query if queues is None else query.where(jobs.c.queue.in_(list(queues)))


def _start(connection: Connection, job: Job, worker_id: str, now: float, lease_s: float) -> Job:
    if job.status == "processing":
        append(connection, job.id, job.user_id, "job.retried", {"attempt": job.attempt, "reason": "lease_expired"})
    lease = {"lease_token": secrets.token_hex(8), "lease_until": now + lease_s, "worker_id": worker_id}
    state = {"status": "processing", "attempt": job.attempt + 1, "started_at": now, "progress": 0.0}
    connection.execute(update(jobs).where(jobs.c.id == job.id).values(**lease, **state))
    append(connection, job.id, job.user_id, "job.started", {"attempt": job.attempt + 1, "worker_id": worker_id})
    return get_job(connection, job.id)


def _too_many(job: Job) -> dict[str, object]:
    return {"code": "too_many_attempts", "values": {"attempts": job.attempt}}


def _running_in(connection: Connection, where: ColumnElement[bool]) -> list[Job]:
    query = select(jobs).where(jobs.c.status == "processing", where)
    return [Job.of(row) for row in connection.execute(query).mappings()]
