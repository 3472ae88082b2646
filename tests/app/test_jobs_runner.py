import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from job_rows import add_job
from sqlalchemy import update
from waiting import wait_for

from app.errors import Problem
from app.jobs.claim import claim
from app.jobs.context import Cancelled, JobContext
from app.jobs.events import EventLog
from app.jobs.job import Job
from app.jobs.runner import Task, Worker
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import jobs
from speech.errors import SpeechError

Runner = Callable[..., Job]


def worker_of(database: Database, files: Files, task: Task, lease_s: float = 30.0) -> Worker:
    return Worker(database, files, {"write": task}, worker_id="w1", lease_s=lease_s, poll_s=0.01)


@pytest.fixture
def job_id(database: Database) -> str:
    return add_job(database, "write", {"text": "olá"}, queue="cpu", max_attempts=2, ttl_s=60).id


def events(database: Database, job_id: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [(event.kind, event.data) for event in EventLog(database).since(0, job_id=job_id)]


def names(files: Files, job_id: str) -> list[str]:
    folder = files.root / job_id
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def write_file(context: JobContext, text: str) -> str:
    temporary = context.temporary(".txt")
    temporary.write_text(text)
    return context.publish(temporary, "out.txt").name


def test_a_task_that_returns_completes_with_its_files(database: Database, files: Files, job_id: str) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        context.temporary(".part").write_text("left behind")
        name = write_file(context, params["text"])
        assert not files.path(context.job.id, name).exists()  # only a completed job has results
        return {"file": name}

    assert worker_of(database, files, task).run_next()
    job = JobStore(database).get(job_id)
    assert (job.status, job.progress) == ("completed", 100.0)
    assert job.result is not None and names(files, job_id) == [job.result["file"]]
    assert files.path(job_id, job.result["file"]).read_text() == "olá"
    assert [kind for kind, _ in events(database, job_id)] == ["job.created", "job.started", "job.completed"]
    assert job.expires_at == pytest.approx((job.completed_at or 0) + 60)


def test_nothing_to_do(database: Database, files: Files) -> None:
    assert not worker_of(database, files, lambda context, params: {}).run_next()


def test_a_crash_is_tried_again_and_then_fails(database: Database, files: Files, job_id: str) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        write_file(context, "half")
        raise ValueError("secret detail")

    worker = worker_of(database, files, task)
    worker.run_next()
    job = JobStore(database).get(job_id)
    assert (job.status, job.attempt) == ("pending", 1)
    assert names(files, job_id) == []
    worker.run_next()
    job = JobStore(database).get(job_id)
    assert job.status == "failed"
    assert job.error == {"code": "task_crashed", "values": {"error": "ValueError", "attempt": 2, "max_attempts": 2}}
    assert not worker.run_next()
    assert names(files, job_id) == []
    told = [kind for kind, _ in events(database, job_id)]
    assert told == ["job.created", "job.started", "job.retried", "job.started", "job.failed"]


@pytest.mark.parametrize("error", [SpeechError, Problem])
def test_a_known_error_fails_at_once_with_its_code_and_values(
    database: Database, files: Files, job_id: str, error: type[Exception]
) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        raise error("unknown_voice", voice="x", choices={"b", "a"}, path=Path("/p"))  # type: ignore[call-arg]

    worker_of(database, files, task).run_next()
    job = JobStore(database).get(job_id)
    assert (job.status, job.attempt) == ("failed", 1)
    assert job.error == {"code": "unknown_voice", "values": {"voice": "x", "choices": ["a", "b"], "path": "/p"}}
    assert events(database, job_id)[-1] == ("job.failed", {"kind": "write", "error": job.error})


def test_an_unknown_kind_fails_and_names_the_choices(database: Database, files: Files) -> None:
    job_id = add_job(database, "sing", {}, queue="cpu", max_attempts=2, ttl_s=60).id
    worker_of(database, files, lambda context, params: {}).run_next()
    error = JobStore(database).get(job_id).error
    assert error == {"code": "job_kind_unknown", "values": {"kind": "sing", "choices": ["write"]}}


def test_a_result_that_cannot_be_stored_is_a_crash_and_leaves_no_file(
    database: Database, files: Files, job_id: str
) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"file": write_file(context, "x"), "bad": object()}

    worker = worker_of(database, files, task)
    worker.run_next(), worker.run_next()
    assert JobStore(database).get(job_id).error == {
        "code": "task_crashed",
        "values": {"error": "StatementError", "attempt": 2, "max_attempts": 2},
    }
    assert names(files, job_id) == []


def run_until_stopped(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    write_file(context, "half")
    wait_for(context.should_stop)
    raise Cancelled


def start(worker: Worker) -> threading.Thread:
    thread = threading.Thread(target=worker.run_next)
    thread.start()
    return thread


def test_a_running_job_learns_of_its_cancellation_long_before_a_heartbeat(
    database: Database, files: Files, job_id: str
) -> None:
    thread = start(worker_of(database, files, run_until_stopped, lease_s=300))
    wait_for(lambda: names(files, job_id) != [])
    asked = time.monotonic()
    JobStore(database).cancel(job_id)
    thread.join(10)
    assert time.monotonic() - asked < 5
    assert JobStore(database).get(job_id).status == "cancelled"
    assert events(database, job_id)[-1][0] == "job.cancelled"
    assert names(files, job_id) == []


def test_stopping_the_worker_gives_the_job_back_without_costing_an_attempt(
    database: Database, files: Files, job_id: str
) -> None:
    worker = worker_of(database, files, run_until_stopped)
    thread = start(worker)
    wait_for(lambda: names(files, job_id) != [])
    worker.stop()
    thread.join(10)
    job = JobStore(database).get(job_id)
    assert (job.status, job.attempt) == ("pending", 0)
    assert events(database, job_id)[-1] == ("job.retried", {"attempt": 1, "reason": "shutdown"})


def test_a_job_longer_than_its_lease_keeps_it(database: Database, files: Files, job_id: str) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        first = context.job.lease_until or 0
        wait_for(lambda: time.time() > first + 0.3)
        return {"is_stolen": claim(database, worker_id="thief", lease_s=60) is not None}

    worker_of(database, files, task, lease_s=0.6).run_next()
    job = JobStore(database).get(job_id)
    assert (job.status, job.attempt, job.result) == ("completed", 1, {"is_stolen": False})


def test_a_worker_that_lost_its_lease_is_told_and_leaves_nothing(database: Database, files: Files, job_id: str) -> None:
    contexts: list[JobContext] = []

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        contexts.append(context)
        name = write_file(context, "stale")
        wait_for(context.should_stop)
        return {"file": name}

    thread = start(worker_of(database, files, task))
    wait_for(lambda: names(files, job_id) != [])
    winner = files.published_path(job_id, "cd" * 8, "out.txt")
    winner.write_text("fresh")
    with database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(lease_token="cd" * 8))
    thread.join(10)
    assert contexts[0].stop_reason == "lost"
    assert JobStore(database).get(job_id).status == "processing"
    assert names(files, job_id) == [winner.name]


def test_progress_is_throttled_but_the_last_step_is_always_told(database: Database, files: Files, job_id: str) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        for done in range(1, 1001):
            context.progress(done, 1000, "note")
        return {"progress": JobStore(database).get(job_id).progress}

    started = time.monotonic()
    worker_of(database, files, task).run_next()
    assert JobStore(database).get(job_id).result == {"progress": 100.0}
    told = [data for kind, data in events(database, job_id) if kind == "job.progress"]
    same = {"total": 1000, "note": "note"}
    assert told[0] == {**same, "progress": 0.1, "done": 1, "left_s": None}, "no pace is known yet"
    assert {**told[-1], "left_s": 0} == {**same, "progress": 100.0, "done": 1000, "left_s": 0}
    assert 2 <= len(told) <= 2 + (time.monotonic() - started) / 0.2


def test_metrics_and_log_lines_are_events(database: Database, files: Files, job_id: str) -> None:
    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        context.metric(3, {"loss": 0.5})
        context.log("uma linha")
        return {}

    worker_of(database, files, task).run_next()
    assert events(database, job_id)[2:4] == [
        ("job.metric", {"step": 3, "values": {"loss": 0.5}}),
        ("job.log", {"text": "uma linha"}),
    ]


def test_the_model_of_the_last_job_is_warm(database: Database, files: Files) -> None:
    ran: list[str] = []

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        ran.append(context.job.warm_key)
        return {}

    for key in ("kokoro", "xtts", "kokoro", "xtts"):
        add_job(database, "write", {}, queue="cpu", warm_key=key, max_attempts=1, ttl_s=60)
    worker = worker_of(database, files, task)
    while worker.run_next():
        pass
    assert ran == ["kokoro", "kokoro", "xtts", "xtts"]


def test_an_idle_worker_wakes_for_a_new_job_and_ends_when_told(database: Database, files: Files) -> None:
    worker = worker_of(database, files, lambda context, params: {})
    thread = threading.Thread(target=worker.run)
    thread.start()
    store = JobStore(database)
    job_id = add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=60).id
    wait_for(lambda: store.get(job_id).status == "completed")
    worker.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_a_place_that_becomes_free_is_taken_at_once(database: Database, files: Files) -> None:
    ids = [add_job(database, "write", {}, queue="cpu", max_attempts=2, ttl_s=60).id for _ in range(12)]

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        time.sleep(0.01)
        return {}

    worker = Worker(database, files, {"write": task}, worker_id="w1", lease_s=30, poll_s=2.0, slots=2)
    started = time.monotonic()
    thread = threading.Thread(target=worker.run)
    thread.start()
    wait_for(lambda: all(job.status == "completed" for job in JobStore(database).some(ids)))
    took_s = time.monotonic() - started
    worker.stop()
    thread.join(10)
    assert took_s < 5  # of looking from time to time it is seconds for every two of them
