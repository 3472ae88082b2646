"""Votes on what was spoken, 1 to 5; rows that outlive the jobs they are of, as those of use do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select, true

from app.callers import LOCAL, Caller
from app.storage.database import Database
from app.storage.tables import job_ratings as table


@dataclass(frozen=True)
class Score:
    """What was voted on what was spoken with a profile."""

    stars: float  # the mean, 1 to 5
    votes: int


class RatingStore:
    """The votes of `caller`; an admin sees everybody's in the means."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database = database
        self._caller = caller

    def rate(self, job_id: str, profile_id: str | None, stars: int) -> None:
        """In the place of what the caller voted on the job before."""
        mine = (table.c.user_id == self._caller.user_id) & (table.c.job_id == job_id)
        row = {"user_id": self._caller.user_id, "job_id": job_id, "profile_id": profile_id, "stars": stars}
        with self._database.write() as connection:
            connection.execute(delete(table).where(mine))
            connection.execute(insert(table).values(**row, rated_at=time.time()))

    def of_jobs(self, job_ids: Sequence[str]) -> dict[str, int]:
        """What the caller voted on those of the jobs that they voted on."""
        if not job_ids:
            return {}
        mine = (table.c.user_id == self._caller.user_id) & table.c.job_id.in_(job_ids)
        with self._database.read() as connection:
            rows = connection.execute(select(table.c.job_id, table.c.stars).where(mine)).all()
        return {job_id: stars for job_id, stars in rows}

    def by_profile(self) -> dict[str, Score]:
        """Of the profiles that were voted on."""
        query = select(table.c.profile_id, func.sum(table.c.stars), func.count()).group_by(table.c.profile_id)
        with self._database.read() as connection:
            rows = connection.execute(query.where(table.c.profile_id.is_not(None), self._scope())).all()
        return {profile_id: Score(int(total) / votes, votes) for profile_id, total, votes in rows}

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else table.c.user_id == self._caller.user_id
