"""Accounts: who they are, how they sign in, and what was done in their name."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.callers import LOCAL, ROLES, Caller, Role
from app.errors import Problem
from app.security import passwords
from app.storage.database import Database
from app.storage.tables import audit_log, users

LOOK_S = 1.0
NAME = re.compile(r"[A-Za-z0-9._@+-]{1,64}")


@dataclass(frozen=True)
class User:
    """An account. `version` grows with its password and role, so that older access tokens end."""

    id: str
    name: str
    role: Role
    version: int
    is_disabled: bool
    characters_per_day: int | None  # None: no bound
    compute_s_per_day: float | None
    created_at: float
    signed_in_at: float | None

    def caller(self) -> Caller:
        return Caller(self.id, self.role == "admin", self.name, ROLES[self.role])


class AccountStore:
    """The accounts of a service. The first one takes over what was made before there were any (`LOCAL`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._has_any = False  # never false again once true: the last admin cannot leave
        self._looked_at = float("-inf")

    def has_any(self) -> bool:
        """Another process may have made the first one, which is seen within LOOK_S."""
        if not self._has_any and not self.was_empty:
            with self._database.read() as connection:
                self._has_any = bool(connection.scalar(select(func.count()).select_from(users)))
            self._looked_at = time.monotonic()
        return self._has_any

    @property
    def was_empty(self) -> bool:
        """Whether there was none within LOOK_S."""
        return not self._has_any and time.monotonic() - self._looked_at <= LOOK_S

    def add(self, name: str, password: str, role: Role, by: Caller | None = None) -> User:
        """`by`: who adds it; None: the person themselves.

        Raises Problem `user_name_bad`, `user_name_taken`, `first_user_admin`, and as `passwords.check_new` does.
        """
        if not NAME.fullmatch(name):
            raise Problem("user_name_bad", name=name[:64])
        stored = passwords.hashed(password)
        with self._database.write() as connection:
            is_first = not connection.scalar(select(func.count()).select_from(users))
            if is_first and role != "admin":
                raise Problem("first_user_admin")
            user_id = LOCAL.user_id if is_first else f"user_{secrets.token_hex(6)}"
            row = {"id": user_id, "name": name, "name_key": name.casefold(), "role": role, "password": stored}
            try:
                with connection.begin_nested():
                    more = {"version": 1, "is_disabled": False, "created_at": time.time()}
                    connection.execute(insert(users).values(**row, **more))
            except IntegrityError as error:
                raise Problem("user_name_taken", name=name) from error
            note(connection, by.user_id if by else user_id, "user_added", user_id, {"name": name, "role": role})
            added = _get(connection, user_id)
        self._has_any = True
        return added

    def list(self) -> list[User]:
        with self._database.read() as connection:
            return [_user(row) for row in connection.execute(select(users).order_by(users.c.name_key)).mappings()]

    def get(self, user_id: str) -> User:
        """Raises Problem `user_not_found`."""
        with self._database.read() as connection:
            return _get(connection, user_id)

    def change(self, user_id: str, by: Caller, **changes: Any) -> User:
        """`changes`: password, role, is_disabled, characters_per_day, compute_s_per_day.

        Raises Problem `user_not_found`, `last_admin`.
        """
        values = dict(changes)
        if "password" in values:
            values["password"] = passwords.hashed(values["password"])
        with self._database.write() as connection:
            before = _get(connection, user_id)
            is_weaker = values.get("role", "admin") != "admin" or values.get("is_disabled", False)
            if before.role == "admin" and is_weaker and _admins(connection) <= {user_id}:
                raise Problem("last_admin")
            version = before.version + bool({"password", "role", "is_disabled"} & set(values))
            connection.execute(update(users).where(users.c.id == user_id).values(**values, version=version))
            told = {name: value for name, value in changes.items() if name != "password"}
            note(connection, by.user_id, "user_changed", user_id, told | {"fields": sorted(changes)})
            return _get(connection, user_id)

    def signed_in(self, name: str, password: str) -> User:
        """Whose name and password these are. Raises Problem `sign_in_failed`, the same for every reason."""
        with self._database.read() as connection:
            row = connection.execute(select(users).where(users.c.name_key == name.casefold())).mappings().one_or_none()
        is_right = passwords.is_right(password, row["password"] if row else None)
        if row is None or not is_right or row["is_disabled"]:
            with self._database.write() as connection:
                note(connection, row["id"] if row else "–", "sign_in_failed", name[:64], {})
            raise Problem("sign_in_failed")
        with self._database.write() as connection:
            connection.execute(update(users).where(users.c.id == row["id"]).values(signed_in_at=time.time()))
            note(connection, row["id"], "signed_in", row["id"], {})
        return _user(row)

    def caller(self, user_id: str, version: int | None = None) -> Caller:
        """Raises Problem `token_invalid` for somebody disabled or gone, or a version that is over."""
        with self._database.read() as connection:
            row = connection.execute(select(users).where(users.c.id == user_id)).mappings().one_or_none()
        if row is None or row["is_disabled"] or version not in (None, row["version"]):
            raise Problem("token_invalid")
        return _user(row).caller()


def note(connection: Connection, user_id: str, action: str, target: str, data: Mapping[str, Any]) -> None:
    """Write what was done, by whom, to what; in the transaction of the change."""
    values = {"user_id": user_id, "action": action, "target": target, "data": dict(data), "created_at": time.time()}
    connection.execute(insert(audit_log).values(values))


def audit(database: Database, limit: int, before: int | None = None) -> list[RowMapping]:
    """The newest entries first, older than the id `before`."""
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    with database.read() as connection:
        found = connection.execute(query if before is None else query.where(audit_log.c.id < before))
        return list(found.mappings())


def _admins(connection: Connection) -> set[str]:
    active = select(users.c.id).where(users.c.role == "admin", users.c.is_disabled.is_(False))
    return set(connection.scalars(active))


def _get(connection: Connection, user_id: str) -> User:
    row = connection.execute(select(users).where(users.c.id == user_id)).mappings().one_or_none()
    if row is None:
        raise Problem("user_not_found", user_id=user_id[:64])
    return _user(row)


def _user(row: RowMapping) -> User:
    return User(**{name: row[name] for name in User.__dataclass_fields__})
