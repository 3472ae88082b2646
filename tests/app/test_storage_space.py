"""A full disk: SQLite that may grow no page further, and the device that is always full (full(4))."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from api_service import Service
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from app.jobs import runner
from app.jobs.context import JobContext
from app.jobs.kinds import Kind
from app.jobs.runner import Worker
from app.storage.space import is_disk_full

BODY = {"text": "Bom dia. " * 400, "source_language": "pt-BR", "mode": "dubbing"}


def test_a_request_that_finds_no_room_is_answered_507_and_leaves_nothing(service: Service) -> None:
    engine = service.services.database._server.engine
    service.client.get("/jobs")

    def limit(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")

    event.listen(engine, "checkout", limit)
    statuses = set()
    for _ in range(40):
        answer = service.client.post("/jobs", json=BODY)
        statuses.add(answer.status_code)
    assert statuses <= {202, 507} and 507 in statuses
    assert answer.json()["code"] == "storage_full" and answer.headers["Retry-After"]
    kept = service.client.get("/jobs").json()["total"]

    event.remove(engine, "checkout", limit)
    with service.services.database.read() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 100000")
    assert service.client.post("/jobs", json=BODY).status_code == 202
    assert service.client.get("/jobs").json()["total"] == kept + 1


def test_a_job_that_finds_no_room_keeps_its_attempts(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "FULL_DISK_S", 0.01)
    services, tries = service.services, list[float]()

    def work(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        context.temporary(".txt").write_text("half")
        tries.append(time.monotonic())
        if len(tries) < 8:
            Path("/dev/full").write_text("more")
        return {}

    worker = Worker(services.database, services.files, {"w": work}, worker_id="w", lease_s=30, poll_s=0.01)
    job = services.jobs.add(Kind("w", "cpu"), {})
    for _ in range(7):
        assert worker.run_next()
        assert services.jobs.get(job.id).status == "pending" and not list((services.files.root / job.id).glob("tmp-*"))
    assert worker.run_all() == 1
    assert services.jobs.get(job.id).status == "completed" and services.jobs.get(job.id).attempt == 1


def test_what_says_that_a_disk_is_full() -> None:
    with pytest.raises(OSError) as caught:
        Path("/dev/full").write_text("x")
    assert is_disk_full(caught.value)
    wrapped = OperationalError("INSERT", {}, caught.value)
    wrapped.__cause__ = caught.value
    assert is_disk_full(wrapped) and not is_disk_full(ValueError()) and not is_disk_full(None)
