"""A kind of job is one record and one function: queue, view, pause and sound follow from the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_service import running

from app.callers import Caller
from app.jobs import kinds
from app.jobs.context import JobContext
from app.jobs.kinds import Kind
from app.jobs.runner import Worker

COUNTING = Kind("counting", "cpu", can_pause=True)


def count(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    for step in range(params["upto"]):
        context.progress(step + 1, params["upto"], "counting")
    return {"counted": params["upto"]}


def test_a_new_kind_is_added_run_seen_and_paused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, COUNTING.name: COUNTING})
    monkeypatch.setattr("app.jobs.job.KINDS", kinds.KINDS)
    with running(tmp_path) as service:
        services = service.services
        job = services.jobs.add(COUNTING, {"upto": 3})
        seen = service.client.get(f"/jobs/{job.id}").json()
        assert (seen["kind"], seen["status"], seen["can_pause"], seen["result"]) == ("counting", "pending", True, None)
        assert service.client.post(f"/jobs/{job.id}/pause").json()["status"] == "paused"
        assert service.client.post(f"/jobs/{job.id}/resume").json()["status"] == "pending"
        worker = Worker(
            services.database,
            services.files,
            {"counting": count},
            worker_id="w",
            lease_s=60,
            poll_s=0.01,
            queues=["cpu"],
        )
        assert worker.run_next()
        done = service.client.get("/jobs").json()["jobs"][0]
        assert (done["status"], done["result"], done["progress"]) == ("completed", {"counted": 3}, 100)
        assert "text" not in done and "rvc_pitch" not in done
        assert service.client.get(f"/jobs/{job.id}/download").json()["code"] == "job_makes_no_sound"


def test_a_service_is_read_and_written_for_its_caller(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        ana = service.services.of(Caller("ana"))
        [mine, theirs] = [
            ana.profiles.add("silence", "Mine", "", {}, True),
            service.services.of(Caller("ben")).profiles.add("silence", "His", "", {}, False),
        ]
        assert ana.profiles.default("silence").profile_id == mine.profile_id
        assert theirs.profile_id not in {profile.profile_id for profile in ana.profiles.list("silence")}
        seen = {profile["id"] for profile in service.client.get("/quality-profiles/silence").json()["profiles"]}
        assert {mine.profile_id, theirs.profile_id} <= seen  # the local admin's view
        assert service.services.profiles.default("silence").is_built_in  # each has a default of their own
