"""Models of RVC as they are kept: their names, the verdict on them, their uses, and what their owner thinks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError

from app.callers import Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import rvc_models as table
from app.storage.tables import rvc_uses as uses

Sort = Literal["name", "created_at", "file_size_mb"]
Purpose = Literal["job", "conversion", "preview"]
_ORDER = {"name": func.lower(table.c.name), "created_at": table.c.created_at, "file_size_mb": table.c.size_bytes}
DAY_S = 86400


@dataclass(frozen=True)
class StoredModel:
    """One row, with how often and when it was used last."""

    model_id: str
    name: str
    description: str
    pth_file: str
    index_file: str | None
    size_bytes: int
    verdict: Mapping[str, Any]
    checked_at: float
    created_at: float
    rating: int | None = None
    review: str | None = None
    uses: int = 0
    last_used_at: float | None = None


class RvcModelStore:
    """The models that `caller` may see."""

    def __init__(self, database: Database, caller: Caller) -> None:
        self._database = database
        self._caller = caller

    def add(self, model: StoredModel) -> None:
        """Raises Problem `rvc_name_taken`."""
        values = {name: getattr(model, name) for name in table.c.keys() if hasattr(model, name)}
        try:
            with self._database.write() as connection:
                connection.execute(insert(table).values(id=model.model_id, user_id=self._caller.user_id, **values))
        except IntegrityError:
            raise Problem("rvc_name_taken", name=model.name) from None

    def has(self, model_id: str) -> bool:
        with self._database.read() as connection:
            return connection.scalar(select(table.c.id).where(self._scope(), table.c.id == model_id)) is not None

    def has_name(self, name: str) -> bool:
        with self._database.read() as connection:
            query = select(table.c.id).where(table.c.user_id == self._caller.user_id, table.c.name == name)
            return connection.scalar(query) is not None

    def all(self, sort: Sort = "created_at") -> list[StoredModel]:
        return self._found(self._scope(), sort)

    def get(self, model_id: str) -> StoredModel:
        """Raises Problem `rvc_model_unknown`."""
        found = self._found(self._scope() & (table.c.id == model_id), "name")
        if not found:
            raise Problem("rvc_model_unknown", model_id=model_id[:80])
        return found[0]

    def delete(self, model_id: str) -> None:
        """Raises Problem `rvc_model_unknown`."""
        self.get(model_id)
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.id == model_id))
            connection.execute(delete(uses).where(uses.c.model_id == model_id))

    def change(self, model_id: str, **values: Any) -> StoredModel:
        """Raises Problem `rvc_model_unknown`."""
        self.get(model_id)
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == model_id).values(**values))
        return self.get(model_id)

    def used(self, model_id: str, purpose: Purpose) -> None:
        row = {"model_id": model_id, "user_id": self._caller.user_id, "purpose": purpose, "used_at": time.time()}
        with self._database.write() as connection:
            connection.execute(insert(uses).values(**row))

    def usage(self, since: float) -> list[tuple[str, str, str, float]]:
        """Model id, its name, purpose and moment of each use since then, in order."""
        query = (
            select(uses.c.model_id, table.c.name, uses.c.purpose, uses.c.used_at)
            .join(table, table.c.id == uses.c.model_id)
            .where(self._scope(), uses.c.used_at >= since)
            .order_by(uses.c.used_at)
        )
        with self._database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]

    def _found(self, where: ColumnElement[bool], sort: Sort) -> list[StoredModel]:
        counted = (
            select(uses.c.model_id, func.count().label("uses"), func.max(uses.c.used_at).label("last_used_at"))
            .group_by(uses.c.model_id)
            .subquery()
        )
        query = (
            select(table, counted.c.uses, counted.c.last_used_at)
            .outerjoin(counted, counted.c.model_id == table.c.id)
            .where(where)
            .order_by(_ORDER[sort], table.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_of(dict(row)) for row in rows]

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else table.c.user_id == self._caller.user_id


def _of(row: dict[str, Any]) -> StoredModel:
    row |= {"model_id": row.pop("id"), "uses": row["uses"] or 0}
    del row["user_id"]
    return StoredModel(**row)
