"""What a user calls a voice, stock or their own: tags in their words, and a category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from app.callers import LOCAL, Caller
from app.storage.database import Database
from app.storage.tables import voice_labels as table


@dataclass(frozen=True)
class Labels:
    tags: Sequence[str] = ()
    category: str | None = None


NONE = Labels()


class LabelStore:
    """The labels of `caller`; nobody sees another's."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database, self._caller = database, caller

    def all(self) -> Mapping[str, Labels]:
        """By voice."""
        query = select(table).where(table.c.user_id == self._caller.user_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return {row["voice_id"]: Labels(tuple(row["tags"]), row["category"]) for row in rows}

    def get(self, voice_id: str) -> Labels:
        return self.all().get(voice_id, NONE)

    def put(self, voice_id: str, labels: Labels) -> None:
        """Instead of those that were there."""
        key = {"user_id": self._caller.user_id, "voice_id": voice_id}
        where = (table.c.user_id == self._caller.user_id) & (table.c.voice_id == voice_id)
        with self._database.write() as connection:
            connection.execute(delete(table).where(where))
            if labels != NONE:
                connection.execute(insert(table).values(**key, tags=list(labels.tags), category=labels.category))

    def forget(self, voice_id: str) -> None:
        """Everybody's, of a voice that is deleted."""
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.voice_id == voice_id))
