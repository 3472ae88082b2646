"""The benchmark of batches asks a real service and counts right."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from api_service import Service
from waiting import wait_for

from bench.batch import run, summary


def job(start: int, end: int, duration: float) -> dict[str, object]:
    at = "2026-01-01T00:00:{:02}.000+00:00".format
    told = {"created_at": at(0), "started_at": at(start), "completed_at": at(end)}
    return {**told, "duration": duration, "real_time_factor": (end - start) / duration, "text": "Oi."}


def test_figures_of_known_jobs() -> None:
    found = summary([job(0, 2, 4.0), job(1, 4, 4.0), job(3, 15, 2.0)], 15.0)
    assert found["jobs"] == 3 and found["characters"] == 9 and found["sound_s"] == 10
    assert found["jobs_per_minute"] == 12 and found["whole_s_per_job"] == 5
    assert found["job_s"] == {"median": 3, "longest": 12} and found["waited_s"] == {"median": 1, "longest": 3}
    assert found["real_time_factor"] == {"whole": 1.5, "job_median": 0.75}
    assert found["jobs_within_target"] == 2


def test_a_batch_of_a_service_is_waited_for(service: Service) -> None:
    with ThreadPoolExecutor(max_workers=1) as own_thread:
        asked = own_thread.submit(run, service.client, ["Bom dia.", "Tudo bem?"], "pt-BR", "silence")
        wait_for(lambda: sum(service.services.jobs.counts().values()) == 2)
        service.work()
        found = asked.result(timeout=30)
    assert found["jobs"] == found["jobs_within_target"] == 2 and found["whole_s"] > 0 and found["sound_s"] > 0


def test_a_batch_that_is_not_all_spoken_is_no_figure(service: Service) -> None:
    with ThreadPoolExecutor(max_workers=1) as own_thread:
        asked = own_thread.submit(run, service.client, ["Bom dia."], "pt-BR", "silence")
        wait_for(lambda: sum(service.services.jobs.counts().values()) == 1)
        [batch] = service.client.get("/jobs/batch").json()["batches"]
        service.client.post(f"/jobs/batch/{batch['id']}/cancel")
        service.work()
        with pytest.raises(RuntimeError, match="not all spoken"):
            asked.result(timeout=30)
