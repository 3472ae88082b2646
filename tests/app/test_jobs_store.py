import re
import threading
import time
from typing import Any

import pytest
from job_rows import add_job
from sqlalchemy import update

from app.callers import Caller
from app.errors import Problem
from app.jobs.events import EventLog
from app.jobs.job import STATUSES
from app.jobs.kinds import CLONING, SPEECH
from app.jobs.store import JobStore, NameReserved
from app.storage.database import Database
from app.storage.tables import jobs


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database)


def add(database: Database, **changes: Any) -> str:
    options = {"kind": "dubbing", "queue": "cpu", "max_attempts": 3, "ttl_s": 60.0, **changes}
    return add_job(database, options.pop("kind"), {"text": "olá"}, **options).id


def set_row(database: Database, job_id: str, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def kinds(database: Database, job_id: str) -> list[str]:
    return [event.kind for event in EventLog(database).since(0, job_id=job_id)]


def test_an_added_job_is_pending_and_told(store: JobStore, database: Database) -> None:
    before = time.time()
    job = store.get(add(database, warm_key="kokoro", user_id="ana"))
    assert re.fullmatch(r"job_[0-9a-f]{12}", job.id)
    assert (job.kind, job.status, job.queue, job.warm_key, job.user_id) == (
        "dubbing",
        "pending",
        "cpu",
        "kokoro",
        "ana",
    )
    assert (job.params, job.result, job.error, job.progress, job.attempt) == ({"text": "olá"}, None, None, 0.0, 0)
    assert job.created_at >= before and job.started_at is job.completed_at is job.expires_at is None
    [event] = EventLog(database).since(0)
    assert (event.job_id, event.user_id, event.kind) == (job.id, "ana", "job.created")


def test_adding_joins_the_transaction_around_it(store: JobStore, database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write():
        add(database)
        1 / 0
    assert store.list(limit=9) == (0, [])
    assert EventLog(database).last_id() == 0


def test_a_job_that_is_not_there(store: JobStore) -> None:
    for call in (store.get, store.cancel, store.delete):
        with pytest.raises(Problem) as caught:
            call("job_000000000000")
        assert (caught.value.code, caught.value.status) == ("job_not_found", 404)


def test_list_is_newest_first_in_pages_and_filtered(store: JobStore, database: Database) -> None:
    ids = [add(database, kind=kind) for kind in ("dubbing", "clone", "dubbing")]
    store.cancel(ids[0])
    total, page = store.list(limit=2)
    assert (total, [job.id for job in page]) == (3, ids[:0:-1])
    assert [job.id for job in store.list(limit=2, offset=2)[1]] == [ids[0]]
    assert [job.id for job in store.list(limit=9, kind="dubbing")[1]] == [ids[2], ids[0]]
    total, page = store.list(limit=9, status="cancelled")
    assert (total, [job.id for job in page]) == (1, [ids[0]])


def test_pages_behind_a_job_leave_nothing_out_though_jobs_are_deleted(store: JobStore, database: Database) -> None:
    ids = [add(database) for _ in range(6)]
    for job_id in ids[2:4]:
        set_row(database, job_id, created_at=store.get(ids[1]).created_at)
    whole = [job.id for job in store.list(limit=9)[1]]
    assert whole == [ids[5], ids[4], *sorted(ids[1:4], reverse=True), ids[0]]
    page = store.list(limit=3)[1]
    for job in page:
        store.delete(job.id)
    assert [job.id for job in store.list(limit=2, after=page[-1])[1]] == whole[3:5]
    assert [job.id for job in store.list(limit=9, after=page[-1], offset=1)[1]] == whole[4:]
    assert store.list(limit=9, after=store.get(ids[0])) == (3, [])


def test_an_engine_is_found_whatever_the_kind_of_its_jobs(store: JobStore, database: Database) -> None:
    spoken, fitted, other = (add(database, kind=kind) for kind in ("dubbing", "clone_voice", "dubbing"))
    for job_id, engine in ((spoken, "Hum"), (fitted, "hum"), (other, "xtts")):
        set_row(database, job_id, params={"engine": engine})
    assert [job.id for job in store.list(limit=9, engine="HUM")[1]] == [fitted, spoken]
    assert store.list(limit=9, engine="hu")[0] == 0


def test_counts_have_every_status(store: JobStore, database: Database) -> None:
    store.cancel(add(database))
    add(database)
    assert store.counts() == {status: {"pending": 1, "cancelled": 1}.get(status, 0) for status in STATUSES}


@pytest.mark.parametrize("status", ["pending", "paused"])
def test_cancelling_a_waiting_job_ends_it(store: JobStore, database: Database, status: str) -> None:
    job_id = add(database)
    set_row(database, job_id, status=status)
    job = store.cancel(job_id)
    assert job.status == "cancelled"
    assert job.completed_at is not None and job.expires_at == pytest.approx(job.completed_at + 60)
    assert kinds(database, job_id) == ["job.created", "job.cancelled"]


def test_cancelling_a_running_job_sets_the_flag(store: JobStore, database: Database) -> None:
    job_id = add(database)
    set_row(database, job_id, status="processing", lease_token="ab" * 8)
    first = store.cancel(job_id)
    assert first.status == "processing" and first.cancel_requested_at is not None
    assert store.cancel(job_id).cancel_requested_at == first.cancel_requested_at


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_an_ended_job_cannot_be_cancelled(store: JobStore, database: Database, status: str) -> None:
    job_id = add(database)
    set_row(database, job_id, status=status)
    with pytest.raises(Problem) as caught:
        store.cancel(job_id)
    assert (caught.value.code, caught.value.status) == ("job_already_ended", 409)
    assert caught.value.values["status"] == status


@pytest.mark.parametrize("status", ["pending", "paused", "completed", "failed", "cancelled"])
def test_deleting_takes_the_row_and_its_events(store: JobStore, database: Database, status: str) -> None:
    job_id, other = add(database), add(database)
    set_row(database, job_id, status=status)
    assert store.delete(job_id).id == job_id
    assert [job.id for job in store.list(limit=9)[1]] == [other]
    assert kinds(database, job_id) == ["job.deleted"]
    assert kinds(database, other) == ["job.created"]


def test_a_running_job_that_does_not_stop_is_not_deleted(store: JobStore, database: Database) -> None:
    job_id = add(database)
    set_row(database, job_id, status="processing", lease_token="ab" * 8)
    with pytest.raises(Problem) as caught:
        store.delete(job_id, wait_s=0.05)
    assert (caught.value.code, caught.value.status) == ("job_still_running", 409)
    assert store.get(job_id).cancel_requested_at is not None


def test_expired_are_ended_jobs_past_their_time(store: JobStore, database: Database) -> None:
    soon, late, waiting = add(database, ttl_s=1.0), add(database, ttl_s=1000.0), add(database, ttl_s=0.0)
    for job_id in (soon, late):
        store.cancel(job_id)
    assert [job.id for job in store.expired(time.time() + 500)] == [soon]
    assert store.get(waiting).expires_at is None


def test_events_after_an_id_in_order_and_by_job(store: JobStore, database: Database) -> None:
    log = EventLog(database)
    first, second = add(database), add(database)
    middle = log.last_id()
    store.cancel(first)
    assert [(e.job_id, e.kind) for e in log.since(middle)] == [(first, "job.cancelled")]
    ids = [event.id for event in log.since(0)]
    assert ids == sorted(ids) and len(ids) == 3
    assert [event.id for event in log.since(0, limit=2)] == ids[:2]
    assert kinds(database, second) == ["job.created"]


def test_old_deletions_are_forgotten_and_nothing_else(store: JobStore, database: Database) -> None:
    kept, gone = add(database), add(database)
    store.delete(gone)
    EventLog(database).prune(before=time.time() + 1)
    assert [event.job_id for event in EventLog(database).since(0)] == [kept]


def test_a_caller_sees_what_is_theirs_and_an_admin_everything(store: JobStore, database: Database) -> None:
    ana, ben = store.of(Caller("ana")), store.of(Caller("ben"))
    hers, his = ana.add(SPEECH, {}).id, ben.add(SPEECH, {}).id
    assert [job.id for job in ana.list(limit=9)[1]] == [hers] and ana.counts()["pending"] == 1
    assert {job.id for job in store.list(limit=9)[1]} == {hers, his}
    for change in (ana.get, ana.cancel, ana.pause, ana.resume, ana.delete):
        with pytest.raises(Problem, match="job_not_found"):
            change(his)
    assert store.get(his).status == "pending" and store.cancel(hers).status == "cancelled"
    log = EventLog(database)
    assert {event.job_id for event in log.of(Caller("ben")).since(0)} == {his}
    assert {event.job_id for event in log.since(0)} == {hers, his}


def test_a_name_is_reserved_until_its_job_ended(store: JobStore) -> None:
    first = store.add(CLONING, {}, reserves="voice:ana").id
    with pytest.raises(NameReserved, match=first):
        store.add(CLONING, {}, reserves="voice:ana")
    other = store.add(CLONING, {}, reserves="voice:bia").id
    assert store.list(limit=9)[0] == 2  # the refused one left nothing
    store.pause(first)
    with pytest.raises(NameReserved):
        store.add(CLONING, {}, reserves="voice:ana")
    store.cancel(first)
    second = store.add(CLONING, {}, reserves="voice:ana").id
    store.delete(second)
    store.delete(other)
    assert store.add(CLONING, {}, reserves="voice:bia").id and store.add(CLONING, {}, reserves="voice:ana").id


def test_of_many_at_once_one_gets_the_name(store: JobStore) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        try:
            outcomes.append(store.add(CLONING, {}, reserves="voice:ana").id)
        except NameReserved as error:
            outcomes.append(f"refused for {error.job_id}")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [outcome for outcome in outcomes if outcome.startswith("job_")]
    assert outcomes.count(f"refused for {winner}") == 7
