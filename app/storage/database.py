"""The database: one SQLite file in WAL mode that any number of processes of one machine share.

The SQL kept to here is portable; PostgreSQL is refused until it is tested.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem

BUSY_TIMEOUT_S = 20.0


class Database:
    """Short transactions of SQLAlchemy Core. Opening makes no table: `migrate` does.

    Raises Problem `unsupported_database` when the URL is not that of an SQLite file.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
            raise Problem("unsupported_database", url=parsed.render_as_string(hide_password=True))
        self.file = Path(parsed.database)
        self._engine = create_engine(
            parsed,
            pool_size=8,
            max_overflow=56,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            json_serializer=_to_json,
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._writer = self._engine.execution_options(begin="IMMEDIATE")
        self._write_lock = threading.Lock()
        self._current = threading.local()
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()

    def migrate(self) -> None:
        """Bring the schema to the newest state, in one transaction; processes that start together wait in turn."""
        from alembic import command
        from alembic.config import Config

        self.file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.file.with_name(self.file.name + ".migrate.lock")):
            self._use_write_ahead_log()
            config = Config()
            config.set_main_option("script_location", "app.storage:migrations")
            with self.write() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one consistent state; inside `write` of the same thread, that transaction's."""
        current: Connection | None = getattr(self._current, "connection", None)
        if current is not None:
            yield current
            return
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The only writer of the machine until the block ends: committed then, or rolled back by an exception.

        A `write` inside another of the same thread joins it, so that a job and its business data are one.
        """
        current: Connection | None = getattr(self._current, "connection", None)
        if current is not None:
            yield current
            return
        with self._write_lock, self._writer.begin() as connection:
            self._current.connection = connection
            try:
                yield connection
            finally:
                self._current.connection = None

    def version(self) -> int:
        """A number that changes whenever any process, this one included, has committed (about 10 µs)."""
        try:
            with self._watch_lock:
                if self._watch is None:
                    self._watch = sqlite3.connect(self.file, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
                # Counts what other connections commit (sqlite.org/pragma.html#pragma_data_version); it never does.
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise SQLAlchemyError(str(error)) from error

    def close(self) -> None:
        """Close every idle connection; using the object again opens new ones."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    def _use_write_ahead_log(self) -> None:
        """The mode stays in the file, so that only the first start changes it."""
        connection = sqlite3.connect(self.file, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's implicit one comes too late to be IMMEDIATE
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN " + connection.get_execution_options().get("begin", "DEFERRED"))


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
