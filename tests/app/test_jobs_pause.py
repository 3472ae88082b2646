"""Pausing saves and frees, resuming goes on, and neither costs an attempt."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import update
from waiting import wait_for

from app.errors import Problem
from app.jobs.claim import claim, release_lost
from app.jobs.context import JobContext
from app.jobs.events import EventLog
from app.jobs.kinds import KINDS
from app.jobs.runner import Task, Worker, beating
from app.jobs.store import JobPolicy, JobStore
from app.jobs.wake import Wake
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs
from train.progress import Stopped


@pytest.fixture
def store(database: Database) -> JobStore:
    return JobStore(database, JobPolicy(max_attempts=2, ttl_s=60))


def add(store: JobStore, kind: str = "clone_voice") -> str:
    return store.add(KINDS[kind], {}).id


def kinds(database: Database, job_id: str) -> list[str]:
    return [event.kind for event in EventLog(database).since(0, job_id=job_id)]


def running(database: Database, files: Files, task: Task) -> tuple[Worker, threading.Thread]:
    worker = Worker(database, files, {"clone_voice": task}, worker_id="w", lease_s=300, poll_s=0.01)
    thread = threading.Thread(target=worker.run_next)
    thread.start()
    return worker, thread


def count(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Counts on from where an earlier attempt stopped, until it is asked to stop; done at the second attempt."""
    at = context.work_dir / "count"
    before = int(at.read_text()) if at.exists() else 0
    at.write_text(str(before + 1))
    context.temporary(".part").write_text("half")
    if before:
        return {"count": before + 1}
    wait_for(context.should_stop)
    raise Stopped


def names(files: Files, job_id: str) -> set[str]:
    folder = files.root / job_id
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_running_job_saves_gives_everything_back_and_goes_on_later(
    database: Database, files: Files, store: JobStore
) -> None:
    job_id = add(store)
    worker, thread = running(database, files, count)
    wait_for(lambda: (files.root / job_id / "work" / "count").exists())
    asked = store.pause(job_id)
    assert asked.status == "processing" and asked.pause_requested_at is not None
    thread.join(10)
    job = store.get(job_id)
    assert (job.status, job.attempt, job.lease_token, job.worker_id) == ("paused", 0, None, None)
    assert job.pause_requested_at is None and names(files, job_id) == {"work/count"}
    assert not worker.run_next()
    assert store.resume(job_id).status == "pending"
    assert worker.run_next()
    job = store.get(job_id)
    assert (job.status, job.attempt, job.result) == ("completed", 1, {"count": 2})
    assert names(files, job_id) == set()
    assert kinds(database, job_id) == [
        "job.created",
        "job.started",
        "job.paused",
        "job.resumed",
        "job.started",
        "job.completed",
    ]


def test_what_is_asked_right_after_the_claim_is_heard(database: Database, files: Files, store: JobStore) -> None:
    job_id = add(store)
    lease = claim(database, worker_id="w", lease_s=300)
    assert lease is not None
    store.pause(job_id)
    context = JobContext(lease, files)
    with beating(lease, context, Wake(database, 0.01)):  # made after the pause was committed
        wait_for(context.should_stop, 10)
    assert context.stop_reason == "paused"


def test_a_waiting_job_pauses_at_once_and_twice_is_once(database: Database, store: JobStore) -> None:
    job_id = add(store)
    assert store.pause(job_id).status == "paused" and store.pause(job_id).status == "paused"
    assert claim(database, worker_id="w", lease_s=9) is None
    assert store.resume(job_id).status == "pending"
    assert kinds(database, job_id) == ["job.created", "job.paused", "job.resumed"]


def test_a_job_resumed_while_it_saves_runs_on(database: Database, files: Files, store: JobStore) -> None:
    job_id, is_saving, may_end = add(store), threading.Event(), threading.Event()

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        wait_for(context.should_stop)
        is_saving.set()
        may_end.wait(10)
        raise Stopped

    _, thread = running(database, files, task)
    wait_for(lambda: store.get(job_id).status == "processing")
    store.pause(job_id)
    assert is_saving.wait(10)
    store.resume(job_id)
    may_end.set()
    thread.join(10)
    job = store.get(job_id)
    assert (job.status, job.attempt) == ("pending", 0)


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_an_ended_job_is_neither_paused_nor_resumed(database: Database, store: JobStore, status: str) -> None:
    job_id = add(store)
    with database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(status=status))
    for call in (store.pause, store.resume):
        with pytest.raises(Problem) as caught:
            call(job_id)
        assert (caught.value.code, caught.value.status) == ("job_already_ended", 409)


def test_what_cannot_be_paused_or_resumed_says_why(store: JobStore) -> None:
    with pytest.raises(Problem) as caught:
        store.pause(add(store, "dubbing"))
    assert (caught.value.code, caught.value.values["choices"]) == (
        "job_not_pausable",
        [name for name, kind in KINDS.items() if kind.can_pause],
    )
    with pytest.raises(Problem) as caught:
        store.resume(add(store))
    assert (caught.value.code, caught.value.status) == ("job_not_paused", 409)


def test_a_worker_that_dies_while_it_saves_leaves_a_paused_job(database: Database, store: JobStore) -> None:
    for lose in ("released", "expired"):
        job_id = add(store)
        lease = claim(database, worker_id="w1", lease_s=0.01 if lose == "expired" else 60)
        assert lease is not None
        store.pause(job_id)
        if lose == "released":
            release_lost(database, "worker_died", "w1")
        else:
            time.sleep(0.02)
            assert claim(database, worker_id="w2", lease_s=60) is None
        assert (store.get(job_id).status, lease.pause()) == ("paused", False)


def test_cancelling_counts_more_than_pausing(database: Database, files: Files, store: JobStore) -> None:
    job_id = add(store)
    _, thread = running(database, files, count)
    wait_for(lambda: (files.root / job_id / "work" / "count").exists())
    with database.write():
        store.pause(job_id)
        store.cancel(job_id)
    thread.join(10)
    assert store.get(job_id).status == "cancelled" and names(files, job_id) == set()
