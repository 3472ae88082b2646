"""A real service on a folder of its own, with the engine of silence, and a worker that runs when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from migrated import lay_schema

from app.api.services import Services
from app.jobs.runner import Worker
from app.main import create_app
from app.settings import Settings
from app.tasks import tasks

SILENCE = {"silence": "speech.engines.silence:Silence"}
BASE_URL = "http://localhost"


PASSWORD = "correct horse battery"


def settings_in(folder: Path, **changes: Any) -> Settings:
    values = {"data_dir": folder, "workers": 0, "extra_engines": SILENCE, "poll_s": 0.01}
    return Settings(**{**values, "default_engine": "silence", **changes})


class Service:
    """`client` asks over HTTP; `work` runs everything that waits, as a worker process would."""

    def __init__(self, client: TestClient, services: Services) -> None:
        self.client = client
        self.services = services
        settings = services.settings
        self.worker = Worker(
            services.database,
            services.files,
            tasks(services.synthesizer, services.cloning),
            worker_id="worker_test",
            lease_s=settings.lease_s,
            poll_s=settings.poll_s,
        )

    def work(self) -> None:
        while self.worker.run_next():
            continue

    def add(self, text: str = "Bom dia. Tudo bem?", **fields: Any) -> dict[str, Any]:
        body = {"text": text, "source_language": "pt-BR", "mode": "dubbing", **fields}
        response = self.client.post("/jobs", json=body)
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    def completed(self, text: str = "Bom dia. Tudo bem?", **fields: Any) -> dict[str, Any]:
        job_id = self.add(text, **fields)["id"]
        self.work()
        job: dict[str, Any] = self.client.get(f"/jobs/{job_id}").json()
        assert job["status"] == "completed", job
        return job

    def is_empty(self) -> bool:
        """Whether no job row and no file is there."""
        return sum(self.services.jobs.counts().values()) == 0 and self.services.files.size_bytes() == 0


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[Service]:
    settings = settings_in(folder, **changes)
    lay_schema(settings.data_dir)
    with TestClient(create_app(settings), base_url=BASE_URL, raise_server_exceptions=False) as client:
        yield Service(client, client.app.state.services)


def signed_in(service: Service, name: str, scope: str = "") -> TestClient:
    """A client of an account whose password is `PASSWORD`; `scope` "": all that its role may."""
    client = TestClient(service.client.app, base_url="http://localhost", raise_server_exceptions=False)
    form = {"grant_type": "password", "username": name, "password": PASSWORD} | ({"scope": scope} if scope else {})
    client.headers["Authorization"] = f"Bearer {client.post('/auth/token', data=form).json()['access_token']}"
    return client
