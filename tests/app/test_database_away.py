"""PostgreSQL goes away under a running service, and comes back."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
from api_service import Service, running
from sqlalchemy.exc import OperationalError, TimeoutError
from waiting import wait_for

from app.storage.away import is_database_away
from bench.servers import Postgresql

JOB = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}


def routes_of(service: Service) -> list[tuple[str, str]]:
    paths = service.client.get("/openapi.json").json()["paths"]
    return [(method.upper(), re.sub(r"{[^}]*}", "none", path)) for path, methods in paths.items() for method in methods]


@pytest.mark.processes
@pytest.mark.parametrize("has_accounts", [False, True])
def test_every_route_says_so_and_the_service_goes_on(
    postgresql: Postgresql, postgresql_url: str, tmp_path: Path, has_accounts: bool
) -> None:
    with running(tmp_path, database_url=postgresql_url) as service:
        if has_accounts:
            service.services.identity.accounts.add("ana", "correct horse battery", "admin")
            signed = service.client.post("/auth/login", json={"name": "ana", "password": "correct horse battery"})
            assert signed.status_code == 200, signed.text
        job = service.completed("Bom dia.")
        postgresql.stop()
        try:
            for language, word in (("en", "database"), ("pt-BR", "banco de dados")):
                answer = service.client.get("/jobs", headers={"Accept-Language": language})
                assert answer.status_code == 503 and word in answer.json()["detail"]
            assert answer.headers["Retry-After"] and answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "database_unavailable"
            speech = {"model": "kokoro", "input": "Oi.", "voice": "alloy"}
            of_openai = service.client.post("/v1/audio/speech", json=speech)
            assert of_openai.status_code == 503 and of_openai.json()["error"]["code"] == "database_unavailable"
            assert service.client.post("/jobs", json=JOB).status_code == 503
            assert service.client.get("/health/live").status_code == 200
            ready = service.client.get("/health/ready")
            assert ready.status_code == 503 and ready.json()["checks"]["database"] == "fail"
            statuses = {one: service.client.request(*one).status_code for one in routes_of(service)}
            assert len(statuses) > 150
            assert {one: status for one, status in statuses.items() if status in (500, 502)} == {}
            assert sum(status == 503 for status in statuses.values()) > 50, statuses
        finally:
            postgresql.start()
        wait_for(lambda: service.client.get("/health/ready").status_code == 200)
        assert service.client.get(f"/jobs/{job['id']}").json()["status"] == "completed"
        assert service.completed("Boa noite.")["status"] == "completed"


def test_what_says_that_a_database_is_away() -> None:
    refused = psycopg.OperationalError("connection refused")
    wrapped = OperationalError("SELECT 1", {}, refused)
    wrapped.__cause__ = refused
    assert is_database_away(wrapped) and is_database_away(psycopg.errors.AdminShutdown())
    assert is_database_away(TimeoutError("QueuePool limit"))
    locked = OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))
    serialization = psycopg.errors.SerializationFailure()
    for other in (locked, serialization, psycopg.errors.DiskFull(), ValueError(), None):
        assert not is_database_away(other)


def test_it_is_said_at_once(postgresql_url: str, postgresql: Postgresql, tmp_path: Path) -> None:
    with running(tmp_path, database_url=postgresql_url) as service:
        postgresql.stop()
        try:
            started = time.monotonic()
            assert service.client.get("/jobs").status_code == 503
            assert time.monotonic() - started < 5
        finally:
            postgresql.start()
