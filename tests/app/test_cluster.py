"""A service and a worker that know of each other by PostgreSQL, Redis and an address alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from api_service import BASE_URL, SILENCE, running, settings_in
from built_datasets import write_dataset
from fastapi.testclient import TestClient
from waiting import wait_for

from app.errors import Problem
from app.main import create_app
from app.settings import load_settings
from bench.servers import Valkey, free_port
from speech.audio import load
from speech.errors import SpeechError

pytestmark = pytest.mark.processes

SECRET = "a secret of thirty-two characters"
BODY = {"text": "Bom dia. Tudo bem?", "source_language": "pt-BR", "mode": "dubbing"}


@contextmanager
def worker(settings: dict[str, Any], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`papagaio worker`, as an operator starts it."""
    variables = {f"PAPAGAIO_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "app.cli", "worker", *words]
    process = subprocess.Popen(command, env={**os.environ, **variables})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_service_without_workers_speaks_by_a_worker_elsewhere(
    tmp_path: Path, redis: Valkey, postgresql_url: str
) -> None:
    port = free_port()
    shared = {"jobs": "celery", "redis_url": redis.url, "database_url": postgresql_url, "engine_secret": SECRET}
    settings = settings_in(
        tmp_path,
        **shared,
        workers=0,
        train_workers=0,
        allow_install=False,
        engine_url=f"http://127.0.0.1:{port}",
        requests_per_minute=0,
    )
    own = {"data_dir": tmp_path, "default_engine": "silence", "extra_engines": '{"silence": "%s"}' % SILENCE["silence"]}
    app = create_app(settings, supervised=True)
    with TestClient(app, base_url=BASE_URL) as client:
        job_id = client.post("/jobs", json=BODY).json()["id"]  # nobody is there yet
        health = client.get("/health").json()
        assert health["status"] == "degraded" and "none runs elsewhere" in health["checks"]["workers"]["detail"]
        with worker({**shared, **own}, "--queue", "cpu", "--listen", f"127.0.0.1:{port}"):
            wait_for(lambda: client.get(f"/jobs/{job_id}").json()["status"] == "completed")
            job = app.state.services.jobs.get(job_id)
            assert str(job.worker_id).startswith("celery_") and not app.state.services.driver.processes("cpu")
            sound = client.get(f"/jobs/{job_id}/download")
            assert load(BytesIO(sound.content)).duration_s > 0.5

            spoken = client.post(
                "/v1/audio/speech", json={"model": "silence", "voice": "silence_female", "input": "Olá."}
            )
            assert spoken.status_code == 200, spoken.text
            hosts = client.get("/health/engines").json()["hosts"]
            assert [host["answers"] for host in hosts] == [True] and hosts[0]["loaded"] == ["silence"]
            wait_for(lambda: client.get("/health").json()["status"] == "healthy")
            checks = client.get("/health").json()["checks"]
            assert "1 running elsewhere" in checks["workers"]["detail"] and checks["redis"]["detail"] == "answers"
        assert client.get("/health").json()["checks"]["workers"]["status"] == "warn"  # it says that it leaves
        redis.kill()
        health = client.get("/health")
        assert (health.status_code, health.json()["checks"]["redis"]["status"]) == (503, "fail")
        redis.start()


def test_a_training_runs_by_a_worker_elsewhere(
    tmp_path: Path, redis: Valkey, postgresql_url: str, xtts_tiny: Path
) -> None:
    """Rows 6.1-36 and 6.1-53: the service sends, a Celery worker of the queue `train` learns."""
    shared = {"jobs": "celery", "redis_url": redis.url, "database_url": postgresql_url, "xtts_dir": xtts_tiny}
    settings = settings_in(tmp_path, **shared, train_workers=0, allow_install=False, requests_per_minute=0)
    app = create_app(settings, supervised=True)
    evidence = {"evidence": {"enabled": False}}
    with TestClient(app, base_url=BASE_URL) as client:
        write_dataset(settings.datasets_path / "ana", clips=4)
        sent = client.post("/training/start", json={"dataset": "ana", "epochs": 1, "options": evidence})
        assert sent.status_code == 202, sent.text
        job_id = sent.json()["id"]
        with worker({**shared, "data_dir": tmp_path, "train_workers": 1}, "--queue", "train"):
            wait_for(lambda: client.get(f"/jobs/{job_id}").json()["status"] in ("completed", "failed"))
        job = app.state.services.jobs.get(job_id)
        assert job.status == "completed", job
        assert str(job.worker_id).startswith("celery_")
        state = client.get("/training/status").json()
        assert state["step"] >= 1 and state["metrics"]["held_out_loss"] > 0
        assert client.get("/training/checkpoints").json()


def test_limits_without_their_redis_are_said(tmp_path: Path) -> None:
    with running(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0") as service:
        body = service.client.get("/health").json()
        assert (body["status"], body["checks"]["redis"]["status"]) == ("degraded", "warn")


def test_celery_without_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPAGAIO_JOBS", "celery")
    with pytest.raises(SpeechError) as refused:
        load_settings()
    assert refused.value.code == "bad_setting" and "PAPAGAIO_REDIS_URL" in str(refused.value.values)


def test_a_worker_that_listens_needs_a_secret(tmp_path: Path) -> None:
    from app.worker import keep_workers

    with pytest.raises(Problem) as refused:
        keep_workers(settings_in(tmp_path, jobs="celery", redis_url="redis://x", engine_listen="0.0.0.0:1"), "cpu")
    assert refused.value.code == "engine_secret_missing"
