"""What people say of working with the service: a score of 1 to 10 and, if they like, words. A row each time."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import RowMapping, delete, func, insert, select, true

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import feedback as table
from app.storage.tables import users

SCORES = range(1, 11)
MOST_COMMENT = 2000  # characters


@dataclass(frozen=True)
class Feedback:
    """`user_name` None: of nobody who has an account. `page` None: of the whole."""

    id: str
    user_id: str
    user_name: str | None
    score: int
    comment: str | None
    page: str | None
    given_at: float


@dataclass(frozen=True)
class Tally:
    """How often each of `SCORES` was given."""

    counts: Mapping[int, int]

    @property
    def count(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """None while there is none."""
        total = sum(score * count for score, count in self.counts.items())
        return round(total / self.count, 2) if self.count else None


class FeedbackStore:
    """`caller` gives; whoever may read reads everybody's."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database, self._caller = database, caller

    def add(self, score: int, comment: str | None = None, page: str | None = None) -> Feedback:
        """A comment of blanks is none."""
        row = {
            "id": f"feedback_{secrets.token_hex(6)}",
            "user_id": self._caller.user_id,
            "score": score,
            "comment": (comment or "").strip() or None,
            "page": page,
            "given_at": time.time(),
        }
        with self._database.write() as connection:
            connection.execute(insert(table).values(**row))
        return _feedback(row | {"user_name": self._caller.name or None})

    def tally(self) -> Tally:
        query = select(table.c.score, func.count()).group_by(table.c.score)
        with self._database.read() as connection:
            found = {score: count for score, count in connection.execute(query)}
        return Tally({score: found.get(score, 0) for score in SCORES})

    def page(self, limit: int, offset: int = 0, *, has_comment: bool = False) -> tuple[list[Feedback], int]:
        """The newest first, and how many there are. `has_comment`: only of those with words."""
        wanted = table.c.comment.is_not(None) if has_comment else true()
        named = table.outerjoin(users, users.c.id == table.c.user_id)
        query = select(table, users.c.name.label("user_name")).select_from(named).where(wanted)
        query = query.order_by(table.c.given_at.desc(), table.c.id).limit(limit).offset(offset)
        with self._database.read() as connection:
            rows = [_feedback(row) for row in connection.execute(query).mappings()]
            total = connection.scalar(select(func.count()).select_from(table).where(wanted))
        return rows, int(total or 0)

    def delete(self, feedback_id: str) -> None:
        """Raises Problem `feedback_not_found`."""
        with self._database.write() as connection:
            if not connection.execute(delete(table).where(table.c.id == feedback_id)).rowcount:
                raise Problem("feedback_not_found", feedback_id=feedback_id[:64])


def _feedback(row: RowMapping | Mapping[str, object]) -> Feedback:
    return Feedback(**{name: row[name] for name in Feedback.__dataclass_fields__})  # type: ignore[arg-type]
