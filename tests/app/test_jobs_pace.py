"""What is left of a job: from an estimate first, from the pace that was seen then; told with the job, not only live."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_service import Service
from job_rows import add_job

from app.api.job_views import views_of
from app.jobs.context import JobContext
from app.jobs.pace import Pace
from app.jobs.runner import Worker
from app.storage.files import Files


def test_nothing_is_told_before_enough_was_seen() -> None:
    pace = Pace()
    assert pace.left_s(10, 100) is None
    assert pace.left_s(12, 120) is None  # too small a share
    assert pace.left_s(20, 120) == 160
    quick = Pace()
    assert [quick.left_s(0, 0), quick.left_s(40, 4)] == [None, None]  # too short a time


def test_an_estimate_gives_way_to_the_measured_pace_without_a_jump() -> None:
    pace = Pace(estimate_s=1000)
    took_s = 400  # what it really takes: two and a half times as fast as was thought
    told = [pace.left_s(percent, took_s * percent / 100) for percent in range(0, 101, 5)]
    assert told[0] == 1000 and told[-1] == 0
    left = [value for value in told if value is not None]
    assert left == sorted(left, reverse=True)
    assert told[10] == pytest.approx(took_s / 2)


def test_a_resumed_attempt_is_measured_from_where_it_began() -> None:
    pace = Pace()
    pace.left_s(50, 0)
    assert pace.left_s(60, 10) == 40


def test_a_running_job_tells_its_stage_and_what_is_left(service: Service, tmp_path: Path) -> None:
    services = service.services
    job = add_job(services.database, "write", {"estimate_s": 80}, queue="cpu", max_attempts=2, ttl_s=60)
    seen: list[tuple[str | None, float | None]] = []

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        for done in (1, 4):
            context.progress(done, 4, "clone.stage.aligning")
            [view] = views_of(services, [services.jobs.get(job.id)], "en")
            seen.append((view.stage, view.left_s))
        return {}

    files = Files(tmp_path / "files")
    Worker(services.database, files, {"write": task}, worker_id="w1", lease_s=30, poll_s=0.01).run_next()
    assert seen == [("clone.stage.aligning", 60.0), ("clone.stage.aligning", 0.0)]
    [ended] = views_of(services, [services.jobs.get(job.id)], "en")
    assert (ended.stage, ended.left_s) == (None, None)
    assert services.events.newest_progress([]) == {}
