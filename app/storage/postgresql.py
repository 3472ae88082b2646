"""PostgreSQL, for services and workers on several machines.

A writing transaction begins with an advisory lock (postgresql.org/docs/current/explicit-locking.html): writers take
turns as with SQLite, so that the ids of events grow in the order of their commits and a reader that asks for "after the
last I saw" misses none. It ends with a notification, which tells every process of the commit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem

WRITER = 0x70617061  # the advisory lock's number: "papa"
CHANNEL = "papagaio"
CONNECT_S = 5
# A writer whose machine is gone holds the lock until the server notices, within these seconds and milliseconds.
SERVER_OPTIONS = {
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "idle_in_transaction_session_timeout": 60_000,
}
KEEPALIVES = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 15_000}
LOOK_S = 0.5  # between looks whether the listener shall end
AGAIN_S = 1.0

log = logging.getLogger(__name__)


class PostgresqlServer:
    """The `app.storage.database.Server` of a PostgreSQL database. Raises Problem `database_driver_missing`."""

    name = "postgresql"

    def __init__(self, url: URL, to_json: Callable[[Any], str]) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        options = " ".join(f"-c {name}={value}" for name, value in SERVER_OPTIONS.items())
        self._arguments = {"connect_timeout": CONNECT_S, "options": options, **KEEPALIVES}
        try:
            # Read committed: after the lock, a statement sees all that was committed before it.
            self._writer = create_engine(
                self._url,
                pool_size=8,
                max_overflow=24,
                pool_pre_ping=True,
                connect_args=self._arguments,
                json_serializer=to_json,
            )
        except ModuleNotFoundError as error:
            raise Problem("database_driver_missing", package="psycopg[binary]") from error
        self.engine: Engine = self._writer.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._write_lock = threading.Lock()
        self._listener: Listener | None = None
        self._listener_lock = threading.Lock()

    @contextmanager
    def migrating(self) -> Iterator[None]:
        yield

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._write_lock, self._writer.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITER})
            yield connection
            connection.execute(text(f"NOTIFY {CHANNEL}"))  # sent at the commit, and only then

    def version(self) -> int:
        with self._listener_lock:
            if self._listener is None:
                self._listener = Listener(self._connection_string(), self._arguments)
            return self._listener.count

    def size_bytes(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)

    def close(self) -> None:
        with self._listener_lock:
            if self._listener is not None:
                self._listener.close()
                self._listener = None
        self.engine.dispose()

    def _connection_string(self) -> str:
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)


class Listener:
    """A connection that hears of every commit, in a thread. Raises SQLAlchemyError when the server is not there."""

    def __init__(self, url: str, arguments: dict[str, Any]) -> None:
        self.count = 0
        self._url = url
        self._arguments = arguments
        self._closing = threading.Event()
        connection = self._connected()  # what comes after this is heard
        self._thread = threading.Thread(target=self._listen, args=(connection,), name="commits", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(CONNECT_S + LOOK_S)

    def _connected(self) -> Any:
        import psycopg

        try:
            connection = psycopg.connect(self._url, autocommit=True, **self._arguments)
            connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            raise SQLAlchemyError(str(error)) from error
        return connection

    def _listen(self, connection: Any) -> None:
        import psycopg

        while connection is not None:
            try:
                while not self._closing.is_set():
                    for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                        self.count += 1
                connection.close()
                return
            except psycopg.Error:
                log.warning("commits_not_heard", exc_info=True)
                connection.close()
                connection = self._reconnected()
                self.count += 1  # something may have come meanwhile

    def _reconnected(self) -> Any:
        while not self._closing.wait(AGAIN_S):
            try:
                return self._connected()
            except SQLAlchemyError:
                continue
        return None
