"""What every driver of jobs keeps, whoever wakes its workers (`app.jobs.driver`)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from app.jobs.celery_driver import CeleryDriver
from app.jobs.driver import Driver
from app.jobs.embedded import EmbeddedDriver
from app.jobs.events import EventLog
from app.jobs.kinds import Kind
from app.jobs.store import JobPolicy, JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

pytestmark = pytest.mark.processes

TASKS = "job_service:tasks"  # beside the tests of jobs
WRITE = {"number": 1, "seconds": 0.01}
DRIVERS: dict[str, Callable[[Settings, Database, Files], Driver]] = {
    "embedded": lambda settings, database, files: EmbeddedDriver(settings, database, files, tasks_path=TASKS),
    "celery": lambda settings, database, files: CeleryDriver(settings, database, files, tasks_path=TASKS),
}
PAIRINGS = [(driver, database) for driver in sorted(DRIVERS) for database in ("sqlite", "postgresql")]


class Studio:
    """A data folder, its driver, and the jobs in it."""

    def __init__(self, folder: Path, name: str, **changes: Any) -> None:
        values = {"workers": 1, "train_workers": 0, "lease_s": 300, "cancel_grace_s": 0.3, "poll_s": 0.02, **changes}
        settings = Settings(data_dir=folder, **values)
        self.database = Database(settings.url)
        self.database.migrate()
        self.files = Files(folder / "jobs")
        self.driver = DRIVERS[name](settings, self.database, self.files)
        self.store = JobStore(self.database, JobPolicy(3, 3600), publish=self.driver.publish)

    def add(self, kind: str) -> str:
        return self.store.add(Kind(kind, "cpu"), WRITE).id

    def status(self, job_id: str) -> str:
        return self.store.get(job_id).status

    def reasons(self, job_id: str) -> list[str]:
        events = EventLog(self.database).since(0, job_id=job_id)
        return [event.data["reason"] for event in events if event.kind == "job.retried"]

    def is_running(self, job_id: str) -> bool:
        return any((self.files.root / job_id).glob("tmp-*"))


@pytest.fixture(params=PAIRINGS, ids="-".join)
def studio(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[1] / "app"), *sys.path])
    driver, database = request.param
    values: dict[str, Any] = {"jobs": driver}
    if driver == "celery":
        values["redis_url"] = request.getfixturevalue("redis").url
    if database == "postgresql":
        values["database_url"] = request.getfixturevalue("postgresql_url")
    studio = Studio(tmp_path, driver, **values)
    yield studio
    studio.driver.stop(grace_s=0.5)
    studio.database.close()


def test_what_was_added_before_and_after_the_start_runs(studio: Studio) -> None:
    before = studio.add("write")
    studio.driver.start()
    after = studio.add("write")
    wait_for(lambda: {studio.status(before), studio.status(after)} == {"completed"})
    assert len(studio.driver.processes("cpu")) == 1


def test_a_process_runs_several_jobs_at_a_time(studio: Studio) -> None:
    studio.driver.start()
    waiting = [studio.add("wait") for _ in range(3)]
    wait_for(lambda: all(studio.is_running(job_id) for job_id in waiting))
    short = studio.add("write")
    wait_for(lambda: studio.status(short) == "completed")  # it did not wait for those
    for job_id in waiting:
        studio.store.cancel(job_id)
    wait_for(lambda: {studio.status(job_id) for job_id in waiting} == {"cancelled"})


def test_a_job_that_stops_for_nobody_costs_its_neighbours_no_attempt(studio: Studio) -> None:
    studio.driver.start()
    neighbour, stubborn = studio.add("wait"), studio.add("ignore")
    wait_for(lambda: studio.is_running(neighbour) and studio.is_running(stubborn))
    studio.store.cancel(stubborn)
    wait_for(lambda: studio.status(stubborn) == "cancelled")
    wait_for(lambda: studio.is_running(neighbour) and studio.store.get(neighbour).attempt == 1)
    assert studio.reasons(neighbour) == ["neighbour_killed"]
    assert not (studio.files.root / stubborn).exists()


def test_a_job_that_kills_its_process_fails_alone(studio: Studio) -> None:
    studio.driver.start()
    neighbour = studio.add("wait")
    wait_for(lambda: studio.is_running(neighbour))
    deadly = studio.add("die")
    wait_for(lambda: studio.store.get(neighbour).attempt == 2 and studio.is_running(neighbour))
    # Both lost an attempt; from now on neither runs beside the other.
    assert studio.status(deadly) == "pending" and studio.reasons(neighbour) == ["worker_died"]
    studio.store.cancel(neighbour)
    wait_for(lambda: studio.status(deadly) == "failed")
    error = studio.store.get(deadly).error
    assert error is not None and error["code"] == "too_many_attempts"
    assert studio.status(neighbour) == "cancelled"


def test_what_was_running_at_the_stop_runs_again(studio: Studio) -> None:
    studio.driver.start()
    job_id = studio.add("wait")
    wait_for(lambda: studio.is_running(job_id))
    studio.driver.stop(grace_s=5)
    assert studio.status(job_id) in ("pending", "cancelled") and not studio.driver.processes("cpu")
