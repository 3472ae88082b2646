"""What SQLite keeps by itself, kept on PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert
from sqlalchemy.exc import InternalError
from waiting import wait_for

from app.jobs.events import EventLog
from app.jobs.kinds import SPEECH
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.tables import job_events, metadata
from app.storage.usage import UsageStore, record
from bench.servers import Postgresql

pytestmark = pytest.mark.processes

ROW = {"job_id": "job_1", "user_id": "local", "kind": "job.log", "data": {"text": "olá"}, "created_at": 1.0}


@pytest.fixture
def databases(postgresql_url: str) -> Iterator[tuple[Database, Database]]:
    """Two processes' view of one database."""
    both = Database(postgresql_url), Database(postgresql_url)
    yield both
    for database in both:
        database.close()


def test_migrations_make_what_the_tables_say(databases: tuple[Database, Database]) -> None:
    database = databases[0]
    database.migrate()  # again
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
    assert database.kind == "postgresql" and database.size_bytes() > 1 << 20


def test_a_commit_of_another_process_is_heard_and_a_rollback_is_not(databases: tuple[Database, Database]) -> None:
    one, other = databases
    before = one.version()
    with pytest.raises(RuntimeError), other.write() as connection:
        connection.execute(insert(job_events).values(ROW))
        raise RuntimeError
    with other.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    wait_for(lambda: one.version() == before + 1)
    assert len(EventLog(one).since(0)) == 1


def test_ids_of_events_grow_in_the_order_of_their_commits(databases: tuple[Database, Database]) -> None:
    """Else a reader that asks for what came after the last it saw would miss one that was committed later."""
    log, seen = EventLog(databases[0]), list[int]()

    def write(number: int) -> None:
        with databases[number % 2].write() as connection:
            connection.execute(insert(job_events).values(ROW))

    with ThreadPoolExecutor(6) as threads:
        writes = [threads.submit(write, number) for number in range(60)]
        while len(seen) < 60:
            done = all(written.done() for written in writes)
            seen += [event.id for event in log.since(seen[-1] if seen else 0)]
            assert not done or len(seen) == 60
    assert seen == sorted(seen)


def test_a_read_sees_one_state_and_writes_nothing(databases: tuple[Database, Database]) -> None:
    one, other = databases
    store = JobStore(other)
    with one.read() as connection:
        first = connection.execute(job_events.select()).all()
        store.add(SPEECH, {})
        assert connection.execute(job_events.select()).all() == first == []
        with pytest.raises(InternalError, match="read-only"):
            connection.execute(insert(job_events).values(ROW))
    assert store.counts()["pending"] == 1 and UsageStore(one).per_day(3)[-1]["total"] == 0


def test_uses_of_voices_are_counted_from_their_own_moments(databases: tuple[Database, Database]) -> None:
    with databases[0].write() as connection:
        for voice in ("ana", "ana", "bea"):
            record(connection, user_id="local", kind="stream", status="completed", params={"voice": voice})
    found = UsageStore(databases[1]).by_voice({"ana": 0.0, "bea": time.time() + 60, "none": 1.5}, ["stream"])
    assert {voice: use.count for voice, use in found.items()} == {"ana": 2}
    assert abs((found["ana"].last_at or 0) - time.time()) < 60


def test_a_server_that_was_away_is_heard_again(postgresql: Postgresql, postgresql_url: str) -> None:
    database = Database(postgresql_url)
    before = database.version()
    postgresql.stop()
    postgresql.start()
    wait_for(lambda: database.version() > before)
    before = database.version()
    with database.write() as connection:
        connection.execute(insert(job_events).values(ROW))
    wait_for(lambda: database.version() > before)
    database.close()
