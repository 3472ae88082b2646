"""SQLite: one file in WAL mode, which any number of processes of one machine share."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

BUSY_TIMEOUT_S = 20.0


class SqliteServer:
    """The `app.storage.database.Server` of an SQLite file."""

    name = "sqlite"

    def __init__(self, url: URL, file: Path, to_json: Callable[[Any], str]) -> None:
        self.engine = create_engine(
            url,
            pool_size=64,  # a connection reads the schema when it is opened; one that is idle costs little
            max_overflow=0,
            pool_use_lifo=True,
            connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
            json_serializer=to_json,
        )
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        self._file = file
        self._writer = self.engine.execution_options(begin="IMMEDIATE")
        self._write_lock = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()

    @contextmanager
    def migrating(self) -> Iterator[None]:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self._file.with_name(self._file.name + ".migrate.lock")):
            self._use_write_ahead_log()
            yield

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._write_lock, self._writer.begin() as connection:
            yield connection

    def version(self) -> int:
        try:
            with self._watch_lock:
                if self._watch is None:
                    self._watch = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
                # Counts what other connections commit (sqlite.org/pragma.html#pragma_data_version); it never does.
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise SQLAlchemyError(str(error)) from error

    def size_bytes(self) -> int:
        return self._file.stat().st_size

    def close(self) -> None:
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()

    def _use_write_ahead_log(self) -> None:
        """The mode stays in the file, so that only the first start changes it."""
        connection = sqlite3.connect(self._file, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's implicit one comes too late to be IMMEDIATE
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    statement = "BEGIN " + connection.get_execution_options().get("begin", "DEFERRED")
    try:  # past SQLAlchemy, which needs more for it than SQLite does
        connection.connection.cursor().execute(statement)
    except sqlite3.Error as error:
        raise OperationalError(statement, None, error) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
