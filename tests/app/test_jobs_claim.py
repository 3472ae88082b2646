import multiprocessing
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from job_rows import add_job
from sqlalchemy import update

from app.jobs.claim import claim, overdue, release_lost
from app.jobs.events import EventLog
from app.jobs.lease import Flags, Lease
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.tables import jobs

SPAWN = multiprocessing.get_context("spawn")


def add(database: Database, **changes: Any) -> str:
    options = {"queue": "cpu", "max_attempts": 3, "ttl_s": 60.0, **changes}
    return add_job(database, "write", {}, **options).id


def take(database: Database, worker_id: str = "w1", **options: Any) -> Lease:
    lease = claim(database, **{"worker_id": worker_id, "lease_s": 60.0, **options})
    assert lease is not None
    return lease


def expire(database: Database, job_id: str) -> None:
    with database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(lease_until=time.time() - 1))


def kinds(database: Database, job_id: str) -> list[str]:
    return [event.kind for event in EventLog(database).since(0, job_id=job_id)]


def claim_all(url: str, worker_id: str, start: Any, taken: Any) -> None:
    database = Database(url)
    start.wait(20)
    while (lease := claim(database, worker_id=worker_id, lease_s=60.0)) is not None:
        taken.put((lease.job.id, worker_id))
    database.close()


def test_claiming_marks_the_row(database: Database) -> None:
    job_id, before = add(database), time.time()
    lease = take(database)
    job = JobStore(database).get(job_id)
    assert job == lease.job
    assert (job.status, job.attempt, job.worker_id, job.lease_token) == ("processing", 1, "w1", lease.token)
    assert job.started_at is not None and job.started_at >= before
    assert job.lease_until == pytest.approx(job.started_at + 60)
    assert kinds(database, job_id) == ["job.created", "job.started"]
    assert claim(database, worker_id="w2", lease_s=60.0) is None


@pytest.mark.processes
def test_processes_never_claim_the_same_job(database: Database) -> None:
    ids = [add(database) for _ in range(60)]
    start, taken = SPAWN.Event(), SPAWN.Queue()
    url = f"sqlite:///{database.file}"
    workers = [SPAWN.Process(target=claim_all, args=(url, f"w{n}", start, taken)) for n in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    claims = [taken.get(timeout=30) for _ in ids]
    for worker in workers:
        worker.join(30)
    assert taken.empty()
    assert Counter(job_id for job_id, _ in claims) == Counter(ids)
    assert all(JobStore(database).get(job_id).worker_id == worker_id for job_id, worker_id in claims)


def test_threads_of_one_process_never_claim_the_same_job(database: Database) -> None:
    ids, taken = [add(database) for _ in range(40)], list[str]()

    def work() -> None:
        while (lease := claim(database, worker_id="w", lease_s=60.0)) is not None:
            taken.append(lease.job.id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == sorted(ids)


def test_oldest_first(database: Database) -> None:
    ids = [add(database) for _ in range(3)]
    assert [take(database).job.id for _ in ids] == ids


def test_a_warm_model_comes_first(database: Database) -> None:
    cold, warm, none = add(database, warm_key="xtts"), add(database, warm_key="kokoro"), add(database)
    order = [take(database, warm_keys=("kokoro", "")).job.id for _ in range(3)]
    assert order == [warm, cold, none]


def test_users_with_fewer_running_jobs_come_first(database: Database) -> None:
    ana = [add(database, user_id="ana") for _ in range(3)]
    bia = add(database, user_id="bia")
    assert [take(database).job.id for _ in range(4)] == [ana[0], bia, ana[1], ana[2]]


def test_only_the_queues_that_are_served(database: Database) -> None:
    add(database, queue="gpu")
    cpu = add(database, queue="cpu")
    assert take(database, queues=("cpu", "io")).job.id == cpu
    assert claim(database, worker_id="w", lease_s=1.0, queues=("cpu", "io")) is None


def test_an_expired_lease_is_taken_over_and_the_old_one_writes_nothing(database: Database) -> None:
    job_id = add(database)
    old = take(database, "w1")
    expire(database, job_id)
    new = take(database, "w2")
    assert (new.job.id, new.job.attempt) == (job_id, 2)
    assert new.token != old.token
    version, before = database.version(), JobStore(database).get(job_id)
    assert old.heartbeat() is None and old.flags() is None
    published: list[str] = []
    assert not old.complete({"by": "old"}, lambda: published.append("old"))
    stale = [old.fail("internal", {}), old.cancel(), old.release("x"), old.progress(50.0, {}), old.tell("job.log", {})]
    assert stale == [False] * 5
    assert published == []
    assert JobStore(database).get(job_id) == before
    assert database.version() == version
    assert new.complete({"by": "new"})
    assert JobStore(database).get(job_id).result == {"by": "new"}
    assert kinds(database, job_id) == ["job.created", "job.started", "job.retried", "job.started", "job.completed"]


def test_an_ended_job_cannot_be_ended_again_with_its_own_token(database: Database) -> None:
    job_id = add(database)
    lease = take(database)
    assert lease.complete({"n": 1})
    assert not lease.complete({"n": 2}) and not lease.fail("internal", {}) and not lease.release("x")
    assert JobStore(database).get(job_id).result == {"n": 1}
    assert kinds(database, job_id).count("job.completed") == 1


def test_completion_and_publication_are_one(database: Database) -> None:
    job_id = add(database)
    lease = take(database)

    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError):
        lease.complete({}, fail)
    assert JobStore(database).get(job_id).status == "processing"
    assert "job.completed" not in kinds(database, job_id)
    assert lease.complete({})


def test_a_heartbeat_extends_the_lease_and_brings_the_flags(database: Database) -> None:
    job_id = add(database)
    lease = take(database, lease_s=60.0)
    expire(database, job_id)
    assert lease.heartbeat() == Flags(cancel=False, pause=False)
    until = JobStore(database).get(job_id).lease_until
    assert until == pytest.approx(time.time() + 60, abs=5)
    JobStore(database).cancel(job_id)
    assert lease.flags() == lease.heartbeat() == Flags(cancel=True, pause=False)


def test_no_attempts_left_is_a_failure_with_its_reason(database: Database) -> None:
    worn, fresh = add(database, max_attempts=2), add(database)
    for expected in (worn, fresh, worn):  # the fresh one does not wait for one that lost its worker
        assert take(database).job.id == expected
        if expected == worn:
            expire(database, worn)
    assert claim(database, worker_id="w", lease_s=60) is None
    job = JobStore(database).get(worn)
    assert (job.status, job.attempt) == ("failed", 2)
    assert job.error == {"code": "too_many_attempts", "values": {"attempts": 2}}
    assert kinds(database, worn)[-1] == "job.failed"


def test_a_cancelled_job_whose_worker_vanished_is_not_started_again(database: Database) -> None:
    job_id = add(database)
    take(database)
    JobStore(database).cancel(job_id)
    expire(database, job_id)
    assert claim(database, worker_id="w2", lease_s=1.0) is None
    assert JobStore(database).get(job_id).status == "cancelled"


def test_release_gives_the_job_back(database: Database) -> None:
    job_id = add(database)
    assert take(database).release("task_crashed")
    job = JobStore(database).get(job_id)
    assert (job.status, job.attempt, job.lease_token, job.lease_until, job.worker_id) == (
        "pending",
        1,
        None,
        None,
        None,
    )
    assert take(database).release("shutdown", counts=False)
    assert JobStore(database).get(job_id).attempt == 1


def test_what_a_dead_worker_ran_is_released_at_once(database: Database) -> None:
    mine, theirs, doomed = (add(database) for _ in range(3))
    for worker_id in ("w1", "w2", "w1"):
        take(database, worker_id)
    JobStore(database).cancel(doomed)
    assert {job.id for job in release_lost(database, "worker_died", "w1")} == {mine, doomed}
    statuses = [JobStore(database).get(job_id).status for job_id in (mine, theirs, doomed)]
    assert statuses == ["pending", "processing", "cancelled"]
    assert [job.id for job in release_lost(database, "service_restarted", "w")] == [theirs]


def test_an_attempt_that_the_service_lost_is_given_back(database: Database) -> None:
    job_id = add(database)
    take(database, "w1")
    release_lost(database, "service_restarted", "w1", counts=False)
    assert JobStore(database).get(job_id).attempt == 0


def test_a_job_that_lost_its_worker_lines_up_behind_those_that_came_within_a_minute(database: Database) -> None:
    unlucky, later = add(database), add(database)
    take(database, "w1")
    release_lost(database, "worker_died", "w1")
    assert [take(database, "w2").job.id for _ in range(2)] == [later, unlucky]


def test_wildcards_in_a_worker_id_mean_themselves(database: Database) -> None:
    add(database)
    take(database, "w1")
    assert release_lost(database, "worker_died", "_") == release_lost(database, "worker_died", "%") == []


def test_overdue_are_running_jobs_that_did_not_stop_in_time(database: Database) -> None:
    job_id, other = add(database), add(database)
    take(database), take(database)
    assert overdue(database, 0, 0) == []
    JobStore(database).cancel(job_id)
    assert [job.id for job in overdue(database, 0, 0)] == [job_id]
    assert overdue(database, 60, 60) == []
    assert JobStore(database).get(other).status == "processing"


def test_deleting_a_running_job_cancels_it_and_waits_for_its_end(database: Database) -> None:
    job_id = add(database)
    lease = take(database)

    def obey() -> None:
        deadline = time.monotonic() + 10
        while (flags := lease.flags()) is not None and not flags.cancel and time.monotonic() < deadline:
            time.sleep(0.005)
        lease.cancel()

    thread = threading.Thread(target=obey)
    thread.start()
    assert JobStore(database).delete(job_id, wait_s=10).status == "cancelled"
    thread.join()
    assert JobStore(database).list(limit=9) == (0, [])


def test_events_of_many_writers_are_seen_in_order_without_gaps(database: Database, tmp_path: Path) -> None:
    leases = [(add(database), take(database))[1] for _ in range(3)]

    def write(lease: Lease) -> None:
        for number in range(20):
            assert lease.tell("job.log", {"number": number})

    threads = [threading.Thread(target=write, args=(lease,)) for lease in leases]
    log, seen, last_id = EventLog(database), list[tuple[str, int]](), EventLog(database).last_id()
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while len(seen) < 60 and time.monotonic() < deadline:
        for event in log.since(last_id, limit=7):
            assert event.id == last_id + 1
            last_id = event.id
            seen.append((event.job_id, event.data["number"]))
    for thread in threads:
        thread.join()
    for lease in leases:
        assert [number for job_id, number in seen if job_id == lease.job.id] == list(range(20))
