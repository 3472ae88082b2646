"""What tends workers: those that speak start anew after a job that brought more to import, once, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from waiting import wait_for

from app.jobs.embedded import EmbeddedDriver
from app.jobs.kinds import INSTALL, KINDS
from app.jobs.store import JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files

pytestmark = pytest.mark.processes
DEADLINE_S = 60.0


def test_only_an_installation_renews_workers() -> None:
    assert [name for name, kind in KINDS.items() if kind.renews_workers] == [INSTALL.name]


def test_workers_that_speak_start_anew_once_after_an_installation(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers=1, train_workers=0, poll_s=0.02, lease_s=60)
    database = Database(settings.url)
    database.migrate()
    store = JobStore(database)
    driver = EmbeddedDriver(settings, database, Files(tmp_path / "jobs"), tasks_path="job_service:tasks")

    def speaking() -> set[int]:
        return set(driver.processes("cpu").values())

    def ended(fails: bool) -> str:
        job = store.add(INSTALL, {"fails": fails})
        wait_for(lambda: store.get(job.id).is_ended, DEADLINE_S)
        return store.get(job.id).status

    with driver:
        wait_for(lambda: len(speaking()) == 1, DEADLINE_S)
        before = speaking()
        assert ended(fails=True) == "failed" and speaking() == before
        assert ended(fails=False) == "completed"
        wait_for(lambda: len(speaking()) == 1 and speaking() != before, DEADLINE_S)
        after = speaking()
        assert ended(fails=True) == "failed" and speaking() == after  # it was looked at the jobs again
    database.close()
