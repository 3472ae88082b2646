"""Metrics and analytics: real requests and jobs counted, and still counted when the jobs are gone."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from api_service import Service, running
from prometheus_client.parser import text_string_to_metric_families

from app.callers import Caller
from app.jobs.expiry import sweep
from app.observability.gpu import Gpu, gpus
from app.observability.metrics import of_gpus
from app.storage.usage import UsageStore


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


def samples(service: Service) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    response = service.client.get("/metrics")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(response.text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_requests_are_counted_by_their_routes_template(service: Service) -> None:
    job = service.completed("Bom dia.")
    for path in (f"/jobs/{job['id']}", f"/jobs/{job['id']}", "/no/such/path", "/jobs/job_000000000000"):
        service.client.get(path)
    found = samples(service)
    labels = (("method", "GET"), ("route", "/jobs/{job_id}"), ("status", "200"))
    assert found["papagaio_requests_total", labels] == 3  # `completed` looks once
    assert found["papagaio_requests_total", (*labels[:2], ("status", "404"))] == 1
    assert found["papagaio_requests_total", (labels[0], ("route", "unrouted"), ("status", "404"))] == 1
    assert not any(job["id"] in str(key) for key in found)
    buckets = [key for key in found if key[0] == "papagaio_request_seconds_bucket" and ("le", "0.2") in key[1]]
    assert buckets


def test_jobs_and_engines_are_read_where_they_are(service: Service) -> None:
    service.completed("Bom dia.")
    service.add("Boa noite.")
    found = samples(service)
    assert found["papagaio_jobs", (("kind", "dubbing"), ("status", "completed"))] == 1
    assert found["papagaio_queue_jobs", (("queue", "cpu"),)] == 1
    assert 0 <= found["papagaio_queue_oldest_seconds", (("queue", "cpu"),)] < 60
    assert found["papagaio_engine_loads_total", ()] == 1
    assert found["papagaio_real_time_factor", (("engine", "silence"),)] > 0
    cards = gpus()
    assert found["papagaio_gpus", ()] == len(cards)
    assert len([key for key in found if key[0] == "papagaio_gpu_memory_used_bytes"]) == len(cards)


def test_the_time_to_the_first_sound_of_a_stream_is_told(service: Service) -> None:
    body = {"model": "silence", "voice": "silence_female", "input": "Bom dia. Tudo bem?"}
    assert service.client.post("/v1/audio/speech", json=body).status_code == 200
    found = samples(service)
    assert found["papagaio_first_audio_seconds_count", (("engine", "silence"),)] == 1


def test_cards_are_told_by_host_and_number() -> None:
    card = Gpu("NVIDIA H200", 10, 100, 0.25)
    families = {family.name: family for family in of_gpus({"http://gpu:8010": [card, card]})}
    [first, second] = families["papagaio_gpu_memory_used_bytes"].samples
    assert first.labels == {"host": "http://gpu:8010", "gpu": "0 NVIDIA H200"} and second.labels["gpu"][0] == "1"
    assert families["papagaio_gpus"].samples[0].value == 2
    assert families["papagaio_gpu_busy_ratio"].samples[0].value == 0.25


def test_use_is_told_after_the_jobs_are_gone(service: Service) -> None:
    service.completed("Bom dia.")
    doomed = service.add("Boa noite.")
    service.client.post(f"/jobs/{doomed['id']}/cancel")
    services = service.services
    sweep(services.database, services.files, now=time.time() + 10**6)
    assert service.client.get("/jobs").json()["total"] == 0
    days = service.client.get("/analytics/jobs-per-day?days=7").json()
    assert len(days) == 7 and days[-1]["date"] == datetime.now(UTC).date().isoformat()
    assert days[-1] == {"date": days[-1]["date"], "total": 2, "completed": 1, "failed": 0, "cancelled": 1}
    [engine] = service.client.get("/analytics/engines-usage").json()
    assert (engine["name"], engine["uses"], engine["characters"]) == ("silence", 1, len("Bom dia."))
    assert engine["duration_s"] > 0 and engine["compute_s"] > 0
    [profile] = service.client.get("/analytics/profiles-usage").json()
    assert profile["name"] == "silence_balanced"
    languages = service.client.get("/analytics/voices-by-language").json()
    assert {"language", "voices", "cloned"} == set(languages[0])
    assert UsageStore(services.database, Caller("stranger")).by("engine") == []
    assert service.client.get("/analytics/jobs-per-day?days=0").status_code == 422
    for name in ("engines-usage", "voices-by-language", "profiles-usage", "rvc-usage"):
        refused = service.client.get(f"/analytics/{name}?engine=silence")
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), name


def test_alive_and_ready(service: Service) -> None:
    assert service.client.get("/health/live").json() == {"status": "alive"}
    ready = service.client.get("/health/ready")
    assert ready.status_code == 200 and ready.json()["checks"]["database"] == "ok"


def test_names_are_prometheus_names(service: Service) -> None:
    assert all(re.fullmatch(r"papagaio_[a-z_]+", name) for name, _ in samples(service))
