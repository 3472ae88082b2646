"""Quality profiles as they are kept: built-ins from code, custom ones and the chosen defaults from the database."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, true, update

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import default_profiles as defaults
from app.storage.tables import quality_profiles as table
from speech.engines.records import EngineRecord
from speech.profiles import QualityProfile, checked


class ProfileStore:
    """The profiles that `caller` may use; `engines` by name."""

    def __init__(self, database: Database, engines: Mapping[str, EngineRecord], caller: Caller = LOCAL) -> None:
        self._database = database
        self.engines = dict(engines)
        self._caller = caller

    def of(self, caller: Caller) -> ProfileStore:
        """The same profiles as `caller` sees them."""
        return ProfileStore(self._database, self.engines, caller)

    def list(self, engine: str) -> list[QualityProfile]:
        """Built-ins, then custom ones by name; exactly one is the default. Raises Problem `profile_engine_unknown`."""
        if engine not in self.engines:
            raise Problem("profile_engine_unknown", engine=engine, choices=sorted(self.engines))
        return [*self._lists([engine])[engine]]

    def by_engine(self) -> Mapping[str, Sequence[QualityProfile]]:
        """`list` of every engine."""
        return self._lists(list(self.engines))

    def _lists(self, engines: Sequence[str]) -> dict[str, Sequence[QualityProfile]]:
        mine = defaults.c.user_id == self._caller.user_id
        choices = select(defaults.c.engine, defaults.c.profile_id).where(mine, defaults.c.engine.in_(engines))
        query = select(table).where(table.c.engine.in_(engines), self._scope()).order_by(table.c.name, table.c.id)
        with self._database.read() as connection:
            custom = [_of(dict(row)) for row in connection.execute(query).mappings()]
            chosen = {engine: profile_id for engine, profile_id in connection.execute(choices)}
        found: dict[str, Sequence[QualityProfile]] = {}
        for engine in engines:
            profiles = [*self.engines[engine].built_in_profiles(), *(one for one in custom if one.engine == engine)]
            choice = chosen.get(engine)
            if choice in {profile.profile_id for profile in profiles}:
                profiles = [replace(profile, is_default=profile.profile_id == choice) for profile in profiles]
            found[engine] = profiles
        return found

    def get(self, engine: str, profile_id: str) -> QualityProfile:
        """Raises Problem `profile_engine_unknown`, `profile_not_found`."""
        profiles = self.list(engine)
        found = [profile for profile in profiles if profile.profile_id == profile_id]
        if not found:
            choices = [profile.profile_id for profile in profiles]
            raise Problem("profile_not_found", engine=engine, profile_id=profile_id, choices=choices)
        return found[0]

    def default(self, engine: str) -> QualityProfile:
        return next(profile for profile in self.list(engine) if profile.is_default)

    def add(
        self, engine: str, name: str, description: str, parameters: Mapping[str, object], is_default: bool
    ) -> QualityProfile:
        """Raises Problem `profile_engine_unknown` and what `speech.profiles.checked` does."""
        self.list(engine)
        values = checked(engine, self.engines[engine].info.parameters, parameters)
        profile_id, now = f"{engine}_{token_hex(6)}", time.time()
        row = {"id": profile_id, "engine": engine, "name": name, "description": description, "parameters": values}
        row |= {"user_id": self._caller.user_id}
        with self._database.write() as connection:
            connection.execute(insert(table).values(**row, created_at=now, updated_at=now))
            if is_default:
                self._choose(connection, engine, profile_id)
        return self.get(engine, profile_id)

    def change(self, engine: str, profile_id: str, changes: Mapping[str, Any]) -> QualityProfile:
        """New name, description, is_default or some parameters. Raises `profile_not_found`, `profile_not_editable`."""
        profile = self.get(engine, profile_id)
        if profile.is_built_in:
            raise Problem("profile_not_editable", profile_id=profile_id)
        values: dict[str, Any] = {name: changes[name] for name in ("name", "description") if name in changes}
        if "parameters" in changes:
            merged = {**profile.parameters, **changes["parameters"]}
            values["parameters"] = checked(engine, self.engines[engine].info.parameters, merged)
        with self._database.write() as connection:
            connection.execute(update(table).where(table.c.id == profile_id).values(**values, updated_at=time.time()))
            if changes.get("is_default") is True:
                self._choose(connection, engine, profile_id)
            elif changes.get("is_default") is False:
                is_this = self._choice(engine) & (defaults.c.profile_id == profile_id)
                connection.execute(delete(defaults).where(is_this))
        return self.get(engine, profile_id)

    def delete(self, engine: str, profile_id: str) -> None:
        """Raises Problem `profile_not_found`, `profile_built_in`. A deleted default leaves it to the built-in one."""
        if self.get(engine, profile_id).is_built_in:
            raise Problem("profile_built_in", profile_id=profile_id)
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.id == profile_id))
            connection.execute(delete(defaults).where(defaults.c.profile_id == profile_id))

    def set_default(self, engine: str, profile_id: str) -> QualityProfile:
        """Raises Problem `profile_not_found`."""
        self.get(engine, profile_id)
        with self._database.write() as connection:
            self._choose(connection, engine, profile_id)
        return self.get(engine, profile_id)

    def _choose(self, connection: Connection, engine: str, profile_id: str) -> None:
        connection.execute(delete(defaults).where(self._choice(engine)))
        chosen = {"user_id": self._caller.user_id, "engine": engine, "profile_id": profile_id}
        connection.execute(insert(defaults).values(**chosen))

    def _choice(self, engine: str) -> ColumnElement[bool]:
        return and_(defaults.c.user_id == self._caller.user_id, defaults.c.engine == engine)

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else table.c.user_id == self._caller.user_id


def _of(row: Mapping[str, Any]) -> QualityProfile:
    return QualityProfile(
        row["id"],
        row["engine"],
        row["name"],
        row["description"],
        row["parameters"],
        is_default=False,
        is_built_in=False,
    )
