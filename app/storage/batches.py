"""Batches: which jobs were asked for together, and in which order."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, true, update

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import batch_rows as rows_table
from app.storage.tables import batches as table
from app.storage.tables import jobs

MIN_AGE_S = 600.0  # that a batch may be without jobs: they come in the same transaction, so it is long past that


@dataclass(frozen=True)
class BatchRow:
    """`number`: of the row that was sent, from 1; `name`: of its file, without the ending."""

    number: int
    name: str
    job_id: str


@dataclass(frozen=True)
class Batch:
    id: str
    user_id: str
    title: str
    created_at: float


class BatchStore:
    """The batches that `caller` may see."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database = database
        self._caller = caller

    def add(self, title: str, rows: Sequence[BatchRow]) -> Batch:
        """Joins the transaction in which the jobs are added."""
        batch = Batch(f"batch_{secrets.token_hex(6)}", self._caller.user_id, title, time.time())
        with self._database.write() as connection:
            connection.execute(insert(table).values(**vars(batch)))
            connection.execute(insert(rows_table), [{"batch_id": batch.id, **vars(row)} for row in rows])
        return batch

    def get(self, batch_id: str) -> tuple[Batch, list[BatchRow]]:
        """Raises Problem `batch_not_found`, also for somebody else's."""
        query = select(table).where(table.c.id == batch_id, self._scope())
        ordered = select(rows_table).where(rows_table.c.batch_id == batch_id).order_by(rows_table.c.number)
        with self._database.read() as connection:
            found = connection.execute(query).mappings().one_or_none()
            if found is None:
                raise Problem("batch_not_found", batch_id=batch_id[:64])
            rows = connection.execute(ordered).mappings()
            return Batch(**found), [BatchRow(row["number"], row["name"], row["job_id"]) for row in rows]

    def list(self, limit: int, offset: int = 0) -> tuple[int, list[Batch]]:
        """How many there are, and a page of them, newest first."""
        page = select(table).where(self._scope()).order_by(table.c.created_at.desc(), table.c.id.desc())
        with self._database.read() as connection:
            total = connection.scalar(select(func.count()).select_from(table).where(self._scope())) or 0
            found = connection.execute(page.limit(limit).offset(offset)).mappings()
            return total, [Batch(**row) for row in found]

    def put_job(self, batch_id: str, number: int, job_id: str) -> None:
        """The row has another job from now on."""
        where = (rows_table.c.batch_id == batch_id) & (rows_table.c.number == number)
        with self._database.write() as connection:
            connection.execute(update(rows_table).where(where).values(job_id=job_id))

    def delete(self, batch_id: str) -> None:
        """The jobs stay. Raises Problem `batch_not_found`."""
        self.get(batch_id)
        with self._database.write() as connection:
            _forget(connection, [batch_id])

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else table.c.user_id == self._caller.user_id


def prune(database: Database, now: float) -> int:
    """Forget batches none of whose jobs is there any more; their number."""
    has_job = exists().where(rows_table.c.batch_id == table.c.id, rows_table.c.job_id == jobs.c.id)
    query = select(table.c.id).where(table.c.created_at < now - MIN_AGE_S, ~has_job)
    with database.read() as connection:
        empty = list(connection.scalars(query))
    if empty:
        with database.write() as connection:
            _forget(connection, empty)
    return len(empty)


def _forget(connection: Connection, ids: Sequence[str]) -> None:
    for batch_id in ids:
        connection.execute(delete(rows_table).where(rows_table.c.batch_id == batch_id))
        connection.execute(delete(table).where(table.c.id == batch_id))
