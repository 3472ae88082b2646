"""The database: an SQLite file that the processes of one machine share, or PostgreSQL for those of several.

Both keep the same promises, so that no code above asks which it is: one writer at a time, events whose ids grow in the
order of their commits, and a number that tells of every commit.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url

from app.errors import Problem


class Server(Protocol):
    """What SQLite and PostgreSQL do each in their own way."""

    name: str
    engine: Engine

    def migrating(self) -> AbstractContextManager[None]:
        """Around the migration; processes that start together wait in turn, here or in `writing`."""

    def writing(self) -> AbstractContextManager[Connection]:
        """The only writing transaction, of all processes, until the block ends."""

    def version(self) -> int:
        """See Database.version. Raises SQLAlchemyError."""

    def size_bytes(self) -> int: ...

    def close(self) -> None: ...


class Database:
    """Short transactions of SQLAlchemy Core. Opening makes no table: `migrate` does.

    Raises Problem `unsupported_database` when the URL is neither that of an SQLite file nor of PostgreSQL,
    `database_driver_missing` where the package for it is not installed.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._server: Server
        self.file: Path | None = None  # of SQLite
        if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
            from app.storage.sqlite import SqliteServer

            self.file = Path(parsed.database)
            self._server = SqliteServer(parsed, self.file, to_json)
        elif parsed.get_backend_name() == "postgresql":
            from app.storage.postgresql import PostgresqlServer

            self._server = PostgresqlServer(parsed, to_json)
        else:
            raise Problem("unsupported_database", url=parsed.render_as_string(hide_password=True))
        self._current = threading.local()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._server.name

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to the newest state, in one transaction; processes that start together wait in turn."""
        from alembic import command
        from alembic.config import Config

        with self._server.migrating():
            config = Config()
            config.set_main_option("script_location", "app.storage:migrations")
            with self.write() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, revision)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state; inside `write` of the same thread, that transaction's."""
        current: Connection | None = getattr(self._current, "connection", None)
        if current is not None:
            yield current
            return
        with self._server.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The only writer until the block ends: committed then, or rolled back by an exception.

        A `write` inside another of the same thread joins it, so that a job and its business data are one.
        """
        current: Connection | None = getattr(self._current, "connection", None)
        if current is not None:
            yield current
            return
        with self._server.writing() as connection:
            self._current.connection = connection
            try:
                yield connection
            finally:
                self._current.connection = None

    def version(self) -> int:
        """A number that changes whenever any process, this one included, has committed (at most about 10 µs)."""
        return self._server.version()

    def size_bytes(self) -> int:
        """What it occupies on the disk."""
        return self._server.size_bytes()

    def close(self) -> None:
        """Close every idle connection; using the object again opens new ones."""
        self._server.close()


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
