"""The supervisor with real worker processes. Leases are long, so that nothing here is repaired by their expiry."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_rows import add_job
from job_service import start_service, workers_of
from waiting import wait_for

from app.errors import Problem
from app.jobs.claim import claim
from app.jobs.embedded import WORKER_PREFIX, EmbeddedDriver
from app.jobs.events import EventLog
from app.jobs.store import JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

pytestmark = pytest.mark.processes


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, workers=1, lease_s=300, cancel_grace_s=0.3, poll_s=0.02)


@pytest.fixture
def supervisor(settings: Settings, database: Database, files: Files) -> Iterator[EmbeddedDriver]:
    supervisor = EmbeddedDriver(settings, database, files, tasks_path="job_service:tasks")
    yield supervisor
    supervisor.stop()


def add(database: Database, kind: str, max_attempts: int = 3) -> str:
    params = {"number": 1, "seconds": 0.01}
    return add_job(database, kind, params, queue="cpu", max_attempts=max_attempts, ttl_s=60).id


def is_running(files: Files, job_id: str) -> bool:
    return any((files.root / job_id).glob("tmp-*"))


def reasons(database: Database, job_id: str) -> list[str]:
    return [e.data["reason"] for e in EventLog(database).since(0, job_id=job_id) if e.kind == "job.retried"]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_killed_worker_is_replaced_and_its_job_started_again_at_once(
    supervisor: EmbeddedDriver, database: Database, files: Files
) -> None:
    store, job_id = JobStore(database), add(database, "wait")
    with supervisor:
        wait_for(lambda: is_running(files, job_id))
        [(worker_id, pid)] = supervisor.processes("cpu").items()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: store.get(job_id).attempt == 2 and is_running(files, job_id))
        assert worker_id not in supervisor.processes("cpu")
        assert reasons(database, job_id) == ["worker_died"]
        [last] = supervisor.processes("cpu").values()
    job = store.get(job_id)
    assert (job.status, job.attempt) == ("pending", 1)  # stopped in order, which costs no attempt
    assert reasons(database, job_id) == ["worker_died", "shutdown"]
    assert not is_alive(last) and not is_running(files, job_id)


def test_a_cancelled_job_that_does_not_stop_is_ended_by_force(
    supervisor: EmbeddedDriver, database: Database, files: Files
) -> None:
    store, stubborn = JobStore(database), add(database, "ignore")
    with supervisor:
        wait_for(lambda: is_running(files, stubborn))
        following = add(database, "write")
        store.cancel(stubborn)
        wait_for(lambda: store.get(stubborn).status == "cancelled")
        wait_for(lambda: store.get(following).status == "completed")
        wait_for(lambda: not is_running(files, stubborn))
    assert store.get(stubborn).attempt == 1


def test_a_job_that_kills_its_worker_fails_after_its_attempts(supervisor: EmbeddedDriver, database: Database) -> None:
    store, deadly, following = JobStore(database), add(database, "die", max_attempts=2), add(database, "write")
    with supervisor:
        wait_for(lambda: store.get(deadly).status == "failed")
    assert store.get(following).status == "completed"
    job = store.get(deadly)
    assert (job.status, job.attempt) == ("failed", 2)
    assert job.error == {"code": "too_many_attempts", "values": {"attempts": 2}}


def test_a_worker_that_stops_for_nobody_is_killed_at_the_end(
    supervisor: EmbeddedDriver, database: Database, files: Files
) -> None:
    job_id = add(database, "ignore")
    supervisor.start()
    wait_for(lambda: is_running(files, job_id))
    [pid] = supervisor.processes("cpu").values()
    supervisor.stop(grace_s=0.1)
    assert not is_alive(pid)
    assert JobStore(database).get(job_id).status == "pending"
    assert not is_running(files, job_id)


def test_two_services_never_share_a_folder(tmp_path: Path, database: Database, files: Files) -> None:
    settings = Settings(data_dir=tmp_path, workers=0)
    with EmbeddedDriver(settings, database, files):
        with pytest.raises(Problem) as caught:
            EmbeddedDriver(settings, database, files).start()
        assert caught.value.code == "data_dir_in_use"
        assert caught.value.values["path"] == str(tmp_path)
    with EmbeddedDriver(settings, database, files):
        pass


def test_starting_frees_what_an_earlier_service_held_and_not_what_others_hold(
    tmp_path: Path, database: Database, files: Files
) -> None:
    leases = []
    for worker_id in (WORKER_PREFIX + "0", "host:42"):
        add(database, "wait")
        lease = claim(database, worker_id=worker_id, lease_s=3600)
        assert lease is not None
        files.temporary(lease.job.id, lease.token, ".txt").write_text("half")
        leases.append(lease)
    dead, alive = leases
    with EmbeddedDriver(Settings(data_dir=tmp_path, workers=0), database, files):
        assert JobStore(database).get(dead.job.id).status == "pending"
        assert reasons(database, dead.job.id) == ["service_restarted"]
        assert not is_running(files, dead.job.id) and is_running(files, alive.job.id)
    assert not dead.complete({})
    assert alive.complete({})


def test_workers_die_with_their_service(settings: Settings, database: Database, files: Files) -> None:
    job_id = add(database, "ignore")
    service = start_service(settings)
    try:
        wait_for(lambda: is_running(files, job_id))
        [pid] = workers_of(service.pid)
        service.kill()
        service.wait()
        wait_for(lambda: not is_alive(pid), timeout_s=1.0)
        assert not is_alive(pid)
    finally:
        service.kill()
        service.wait()
