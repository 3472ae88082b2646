"""Jobs survive `kill -9` of workers and of the service, at random moments: none lost, none done twice."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from job_rows import add_job
from job_service import start_service, workers_of
from sqlalchemy import select

from app.jobs.events import EventLog
from app.jobs.store import JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import job_events

pytestmark = pytest.mark.processes

JOBS, KILLS = 100, 30
DEADLINE_S = 150.0  # half a minute on two idle cores; the rest is for busy ones
SEED = int(os.environ.get("CHAOS_SEED", "20261122"))


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_thirty_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, workers=2, lease_s=1.0, poll_s=0.02)
    database, chance = Database(settings.url), random.Random(SEED)
    database.migrate()
    store = JobStore(database)
    added = [
        add_job(
            database,
            "write",
            {"number": n, "seconds": chance.uniform(0.02, 0.05)},
            queue="cpu",
            max_attempts=60,
            ttl_s=600,
        )
        for n in range(JOBS)
    ]
    service, killed, deadline = start_service(settings), Counter[str](), time.monotonic() + DEADLINE_S
    try:
        while (done := store.counts())["completed"] < JOBS or killed.total() < KILLS:
            assert time.monotonic() < deadline, (SEED, killed, done)
            # The kills are spread over the work, and come while some job runs.
            if (
                killed.total() < KILLS
                and done["processing"]
                and done["completed"] >= killed.total() * JOBS // (KILLS + 1)
            ):
                time.sleep(chance.uniform(0, 0.05))
                service = strike(service, settings, chance, killed)
            time.sleep(0.005)
    finally:
        service.kill()
        service.wait()
    print(f"seed {SEED}: {dict(killed)}; {Counter(store.get(job.id).attempt for job in added)} attempts")
    check(database, Files(tmp_path / "jobs"), {job.id: job.params["number"] for job in added})
    database.close()


def strike(
    service: subprocess.Popen[bytes], settings: Settings, chance: random.Random, killed: Counter[str]
) -> subprocess.Popen[bytes]:
    """Kill the service (and start it again) or one of its workers, whichever chance says."""
    if chance.random() < 0.25:
        service.kill()
        service.wait()
        killed["service"] += 1
        return start_service(settings)
    workers = workers_of(service.pid)
    if workers:
        os.kill(chance.choice(workers), signal.SIGKILL)
        killed["worker"] += 1
    return service


def check(database: Database, files: Files, numbers: Mapping[str, int]) -> None:
    store, log = JobStore(database), EventLog(database)
    ids = [event.id for event in log.since(0, limit=10**6)]
    assert ids == sorted(set(ids))
    with database.read() as connection:
        completions = connection.execute(select(job_events.c.job_id).where(job_events.c.kind == "job.completed"))
        assert Counter(completions.scalars()) == Counter(list(numbers))
    for job_id, number in numbers.items():
        job = store.get(job_id)
        assert (job.status, job.progress) == ("completed", 100.0)
        assert job.result is not None
        assert files.path(job_id, job.result["file"]).read_text() == f"result {number}"
        [winner] = [e.data["attempt"] for e in log.since(0, 10**6, job_id) if e.kind == "job.started"][-1:]
        assert winner == job.attempt
        assert [path.name for path in (files.root / job_id).iterdir()] == [job.result["file"]]
