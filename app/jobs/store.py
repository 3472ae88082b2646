"""The jobs table as the API sees it: add, look, pause, cancel, delete. Running them is claim.py's and lease.py's."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.jobs.events import append
from app.jobs.job import ENDED, STATUSES, Job, new_job_id
from app.jobs.kinds import KINDS, Kind
from app.storage.database import Database
from app.storage.tables import job_events, jobs, reservations
from app.storage.usage import record

POLL_S = 0.02
IDS_AT_ONCE = 500  # a database bounds the variables of a statement
# Made once: that takes longer than to run them.
_ADD = insert(jobs)
_GET = select(jobs).where(jobs.c.id == bindparam("wanted"))
_CHANGE = update(jobs).where(jobs.c.id == bindparam("changed"))
_END = _CHANGE.values(expires_at=bindparam("ended_at") + jobs.c.ttl_s)
_RELEASE = delete(reservations).where(reservations.c.job_id == bindparam("held_by"))


@dataclass(frozen=True)
class JobPolicy:
    """What holds for every new job."""

    max_attempts: int = 5  # times it is started, its worker dying each time, before it fails
    ttl_s: float = 86400.0  # that it is kept after its end


class NameReserved(Exception):
    """A job that has not ended makes what another asked for."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class JobStore:
    """The jobs that `caller` may see. Every change writes its event in the same transaction; inside `Database.write` it
    joins that one."""

    def __init__(
        self,
        database: Database,
        policy: JobPolicy = JobPolicy(),
        caller: Caller = LOCAL,
        publish: Callable[[str, str], None] | None = None,
    ) -> None:
        """`publish`: what a driver is told of a runnable job, its id and queue (`Driver.publish`)."""
        self._database = database
        self._policy = policy
        self._caller = caller
        self._publish = publish or (lambda job_id, queue: None)

    def of(self, caller: Caller) -> JobStore:
        """The same jobs as `caller` sees them."""
        return JobStore(self._database, self._policy, caller, self._publish)

    def add(
        self,
        kind: Kind,
        params: Mapping[str, Any],
        *,
        warm_key: str = "",
        job_id: str | None = None,
        reserves: str = "",
    ) -> Job:
        """A pending job of the caller's. `job_id` (new_job_id) when files came before it.

        `reserves`: what no other job may make until this one ended, such as `voice:ana`. Raises NameReserved.
        """
        job_id, user_id = job_id or new_job_id(), self._caller.user_id
        values = {"kind": kind.name, "params": dict(params), "queue": kind.queue, "warm_key": warm_key}
        rules = {"max_attempts": self._policy.max_attempts, "ttl_s": self._policy.ttl_s, "user_id": user_id}
        state = {"status": "pending", "progress": 0.0, "attempt": 0, "created_at": time.time()}
        with self._database.write() as connection:
            if reserves:
                _reserve(connection, reserves, job_id)
            connection.execute(_ADD, {"id": job_id, **values, **rules, **state})
            append(connection, job_id, user_id, "job.created", {"kind": kind.name, "status": "pending"})
            job = get_job(connection, job_id)
        self._publish(job.id, job.queue)
        return job

    def get(self, job_id: str) -> Job:
        """Raises Problem `job_not_found`."""
        with self._database.read() as connection:
            return self._seen(connection, job_id)

    def some(self, ids: Sequence[str]) -> Sequence[Job]:
        """Those of `ids` that are there and the caller's."""
        found: Sequence[Job] = ()
        with self._database.read() as connection:
            for start in range(0, len(ids), IDS_AT_ONCE):
                query = select(jobs).where(self._scope(), jobs.c.id.in_(ids[start : start + IDS_AT_ONCE]))
                found = [*found, *(Job.of(row) for row in connection.execute(query).mappings())]
        return found

    def counts(self) -> dict[str, int]:
        """How many jobs have each of STATUSES."""
        query = select(jobs.c.status, func.count()).where(self._scope()).group_by(jobs.c.status)
        with self._database.read() as connection:
            found = {status: count for status, count in connection.execute(query)}
        return {status: found.get(status, 0) for status in STATUSES}

    def cancel(self, job_id: str) -> Job:
        """End a waiting job at once; ask a running one to stop. Raises `job_not_found`, `job_already_ended`."""
        with self._database.write() as connection:
            job = self._seen(connection, job_id)
            if job.is_ended:
                raise Problem("job_already_ended", job_id=job_id, status=job.status)
            if job.status == "processing":
                asked = job.cancel_requested_at or time.time()
                change(connection, job_id, {"cancel_requested_at": asked})
            else:
                end(connection, job, "cancelled")
            return get_job(connection, job_id)

    def pause(self, job_id: str) -> Job:
        """Set a waiting job aside at once; ask a running one to save and stop. Pausing twice changes nothing.

        Raises `job_not_found`, `job_already_ended`, `job_not_pausable`.
        """
        with self._database.write() as connection:
            job = self._seen(connection, job_id)
            if job.is_ended:
                raise Problem("job_already_ended", job_id=job_id, status=job.status)
            if not job.can_pause:
                raise Problem(
                    "job_not_pausable",
                    job_id=job_id,
                    kind=job.kind,
                    choices=[name for name, kind in KINDS.items() if kind.can_pause],
                )
            if job.status == "pending":
                set_aside(connection, job, attempt=job.attempt)
            elif job.status == "processing" and job.pause_requested_at is None:
                change(connection, job_id, {"pause_requested_at": time.time()})
            return get_job(connection, job_id)

    def resume(self, job_id: str) -> Job:
        """Make a paused job runnable again; one that is still saving goes on by itself after that.

        Raises `job_not_found`, `job_already_ended`, `job_not_paused`.
        """
        with self._database.write() as connection:
            job = self._seen(connection, job_id)
            if job.is_ended:
                raise Problem("job_already_ended", job_id=job_id, status=job.status)
            if job.status != "paused" and job.pause_requested_at is None:
                raise Problem("job_not_paused", job_id=job_id, status=job.status)
            status = "pending" if job.status == "paused" else job.status
            change(connection, job_id, {"status": status, "pause_requested_at": None})
            append(connection, job_id, job.user_id, "job.resumed", {"status": status})
            job = get_job(connection, job_id)
        self._publish(job.id, job.queue)
        return job

    def delete(self, job_id: str, *, wait_s: float = 5.0) -> Job:
        """Remove the row and its events (files are the caller's); returns the job as it was last.

        A running job is cancelled and waited for. Raises `job_not_found`, and `job_still_running` after `wait_s`.
        """
        deadline = time.monotonic() + wait_s
        while True:
            with self._database.write() as connection:
                job = self._seen(connection, job_id)
                if job.status != "processing":
                    _forget(connection, job)
                    return job
                if job.cancel_requested_at is None:
                    self.cancel(job_id)
            if time.monotonic() >= deadline:
                raise Problem("job_still_running", job_id=job_id)
            time.sleep(POLL_S)

    def expired(self, now: float) -> list[Job]:
        """Ended jobs whose time to be kept has passed."""
        query = select(jobs).where(jobs.c.status.in_(ENDED), jobs.c.expires_at <= now).order_by(jobs.c.expires_at)
        with self._database.read() as connection:
            return [Job.of(row) for row in connection.execute(query).mappings()]

    def list(
        self,
        *,
        limit: int,
        offset: int = 0,
        after: Job | None = None,
        status: str | None = None,
        kind: str | None = None,
        engine: str | None = None,
        language: str | None = None,
        created_from: float | None = None,
        created_until: float | None = None,
    ) -> tuple[int, list[Job]]:
        """How many there are in all, and one page of them, newest first. `language`: a tag, or the first part of it.

        `after`: a job of an earlier page, behind which this one begins whatever was deleted since; `offset` counts
        from there.
        """
        where = [self._scope()]
        if language is not None:
            spoken = func.lower(jobs.c.params["language"].as_string())
            where.append((spoken == language.lower()) | spoken.startswith(f"{language.lower()}-", autoescape=True))
        where += [jobs.c.created_at >= created_from] if created_from is not None else []
        where += [jobs.c.created_at < created_until] if created_until is not None else []
        where += [jobs.c.status == status] if status is not None else []
        where += [jobs.c.kind == kind] if kind is not None else []
        if engine is not None:
            where.append(func.lower(jobs.c.params["engine"].as_string()) == engine.lower())
        page = (
            select(jobs)
            .where(*where, *([_behind(after)] if after else []))
            .order_by(jobs.c.created_at.desc(), jobs.c.id.desc())
        )
        with self._database.read() as connection:
            total = connection.execute(select(func.count()).select_from(jobs).where(*where)).scalar_one()
            rows = connection.execute(page.limit(limit).offset(offset)).mappings()
            return total, [Job.of(row) for row in rows]

    def _seen(self, connection: Connection, job_id: str) -> Job:
        """Another's job is none: whether it exists is not told. Raises Problem `job_not_found`."""
        job = get_job(connection, job_id)
        if not self._caller.may_see(job.user_id):
            raise Problem("job_not_found", job_id=job_id)
        return job

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else jobs.c.user_id == self._caller.user_id


def _behind(job: Job) -> ColumnElement[bool]:
    """What comes after `job` where the newest is first and, of those of one moment, the greatest id."""
    is_of_same_moment = jobs.c.created_at == job.created_at
    return (jobs.c.created_at < job.created_at) | (is_of_same_moment & (jobs.c.id < job.id))


def get_job(connection: Connection, job_id: str) -> Job:
    """Raises Problem `job_not_found`."""
    row = connection.execute(_GET, {"wanted": job_id}).mappings().one_or_none()
    if row is None:
        raise Problem("job_not_found", job_id=job_id)
    return Job.of(row)


def change(connection: Connection, job_id: str, values: Mapping[str, Any]) -> None:
    """Set columns of a job's row."""
    connection.execute(_CHANGE, {"changed": job_id, **values})


def end(
    connection: Connection,
    job: Job,
    status: str,
    *,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """Give a job its last status, with the event of it. The token stays: it names the files that count."""
    now = time.time()
    outcome = {"status": status, "result": result, "error": error, "completed_at": now, "lease_until": None}
    outcome |= {"progress": 100.0} if status == "completed" else {}
    connection.execute(_END, {"changed": job.id, "ended_at": now, **outcome})
    data = {"result": result} if status == "completed" else {"error": error} if status == "failed" else {}
    _release(connection, job.id)
    compute_s = now - job.started_at if job.started_at is not None else None
    record(
        connection,
        user_id=job.user_id,
        kind=job.kind,
        status=status,
        params=job.params,
        result=result,
        compute_s=compute_s,
    )
    append(connection, job.id, job.user_id, f"job.{status}", {"kind": job.kind, **data})


def set_aside(connection: Connection, job: Job, *, attempt: int) -> None:
    """Pause a job that nobody runs, or no longer; it holds no lease, and its files stay."""
    free = {"lease_token": None, "lease_until": None, "worker_id": None, "pause_requested_at": None}
    change(connection, job.id, {"status": "paused", "attempt": attempt, **free})
    append(connection, job.id, job.user_id, "job.paused", {"progress": job.progress})


def _reserve(connection: Connection, name: str, job_id: str) -> None:
    """The primary key decides between two that come at once. Raises NameReserved."""
    try:
        with connection.begin_nested():
            connection.execute(insert(reservations).values(name=name, job_id=job_id))
    except IntegrityError as error:
        holder = connection.scalar(select(reservations.c.job_id).where(reservations.c.name == name))
        raise NameReserved(str(holder)) from error


def _release(connection: Connection, job_id: str) -> None:
    connection.execute(_RELEASE, {"held_by": job_id})


def _forget(connection: Connection, job: Job) -> None:
    _release(connection, job.id)
    connection.execute(delete(jobs).where(jobs.c.id == job.id))
    connection.execute(delete(job_events).where(job_events.c.job_id == job.id))
    append(connection, job.id, job.user_id, "job.deleted", {"status": job.status})
