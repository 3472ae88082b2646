import asyncio
import threading
import time

from job_rows import add_job
from waiting import run_apart

from app.jobs.wake import Wake
from app.storage.database import Database


def add(database: Database) -> None:
    add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=60)


def test_a_commit_between_reading_and_waiting_is_not_missed(database: Database) -> None:
    wake = Wake(database, 0.01)
    add(database)
    assert wake.wait(0)
    assert not wake.wait(0)


def test_every_waiter_learns_of_a_commit(database: Database) -> None:
    wakes = [Wake(database, 0.01) for _ in range(2)]
    add(database)
    assert [wake.changed() for wake in wakes] == [True, True]
    assert [wake.changed() for wake in wakes] == [False, False]


def test_waiting_ends_with_a_commit_of_another_connection(database: Database) -> None:
    other = Database(f"sqlite:///{database.file}")
    wake = Wake(database, 0.01)
    thread = threading.Timer(0.1, add, args=(other,))
    thread.start()
    started = time.monotonic()
    assert wake.wait(10)
    assert time.monotonic() - started < 5
    thread.join()
    other.close()


def test_waiting_ends_when_until_holds(database: Database) -> None:
    assert not Wake(database, 0.01).wait(10, until=lambda: True)


def test_a_route_waits_without_holding_the_loop(database: Database) -> None:
    async def both() -> tuple[bool, bool]:
        wake = Wake(database, 0.01)
        idle = await wake.wait_async(0.03)
        waiting = asyncio.create_task(wake.wait_async(10))
        await asyncio.to_thread(add, database)
        return idle, await waiting

    assert run_apart(both()) == (False, True)
