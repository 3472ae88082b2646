import logging
import multiprocessing
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event, func, insert, select
from sqlalchemy.exc import OperationalError
from waiting import wait_for

from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import job_events, metadata

SPAWN = multiprocessing.get_context("spawn")
ROW = {"job_id": "job_1", "user_id": "local", "kind": "job.log", "data": {"text": "olá"}, "created_at": 1.0}


def migrate(url: str, start: Any, outcomes: Any) -> None:
    start.wait(20)
    database = Database(url)
    database.migrate()
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    database.close()
    outcomes.put("done")


def insert_one(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    database.close()


def count(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(job_events)).scalar_one()


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    database.migrate()
    assert count(database) == 1


@pytest.mark.processes
def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    url, start, outcomes = f"sqlite:///{tmp_path / 'new' / 'p.db'}", SPAWN.Event(), SPAWN.Queue()
    processes = [SPAWN.Process(target=migrate, args=(url, start, outcomes)) for _ in range(3)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    database = Database(url)
    assert count(database) == 3
    database.close()


def test_migrations_make_what_the_tables_say(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_migrating_leaves_logging_alone(tmp_path: Path) -> None:
    before = (list(logging.getLogger().handlers), logging.getLogger().level, logging.getLogger("app").disabled)
    database = Database(f"sqlite:///{tmp_path / 'p.db'}")
    database.migrate()
    database.close()
    assert (list(logging.getLogger().handlers), logging.getLogger().level, logging.getLogger("app").disabled) == before


def test_the_file_is_in_wal_mode_and_connections_are_set_up(database: Database) -> None:
    with database.read() as connection:
        answers = [connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous")]
        assert answers == ["wal", 1]
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() >= 10_000


def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
        1 / 0
    assert count(database) == 0


def test_a_nested_write_joins_the_outer_one(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as outer:
        with database.write() as inner:
            inner.execute(insert(job_events).values(ROW))
        with database.read() as reader:
            assert inner is outer is reader
        1 / 0
    assert count(database) == 0


def test_write_takes_the_lock_at_once(database: Database) -> None:
    with database.write():
        other = sqlite3.connect(database.file, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_a_lock_that_is_not_given_back_is_an_error_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.storage.sqlite.BUSY_TIMEOUT_S", 0.05)
    database = Database(f"sqlite:///{tmp_path / 'papagaio.db'}")
    database.migrate()
    other = sqlite3.connect(tmp_path / "papagaio.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), database.write():
        raise AssertionError
    other.close()
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    database.close()


def test_connections_are_opened_once_however_many_read_at_a_time(database: Database) -> None:
    opened: list[object] = []

    def note(*given: object) -> None:
        opened.append(given)

    event.listen(Engine, "connect", note)
    for _ in range(3):
        with ExitStack() as held:
            for _ in range(20):
                held.enter_context(database.read()).scalar(select(1))
    event.remove(Engine, "connect", note)
    assert 0 < len(opened) <= 20


def test_a_reader_neither_waits_nor_sees_the_open_write(database: Database) -> None:
    other = Database(f"sqlite:///{database.file}")
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
        assert count(other) == 0
    assert count(other) == 1
    other.close()


def test_version_changes_with_own_commits_only_when_something_was_written(database: Database) -> None:
    before = database.version()
    assert count(database) == 0
    assert database.version() == before
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    assert database.version() != before


@pytest.mark.processes
def test_version_changes_with_commits_of_another_process(database: Database) -> None:
    before = database.version()
    process = SPAWN.Process(target=insert_one, args=(f"sqlite:///{database.file}",))
    process.start()
    wait_for(lambda: database.version() != before)
    process.join(20)


def test_ids_of_deleted_events_do_not_come_back(database: Database) -> None:
    with database.write() as connection:
        first = connection.execute(insert(job_events).values(ROW)).inserted_primary_key[0]
        connection.execute(job_events.delete())
        assert connection.execute(insert(job_events).values(ROW)).inserted_primary_key[0] > first


@pytest.mark.parametrize("url", ["mysql://u:secret@host/db", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(Problem) as caught:
        Database(url)
    assert caught.value.code == "unsupported_database"
    assert "secret" not in str(caught.value)
