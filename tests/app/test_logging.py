"""The lines that a real service and a real worker write."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import running

from app.observability.logging import HIDDEN, configure

KEY = "pg_ab12cd34_" + "x" * 40


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What was logged since the last call, each line parsed."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def read() -> list[dict[str, Any]]:
        text = capsys.readouterr().err
        assert text.startswith("{"), text
        return [json.loads(line) for line in text.splitlines()]

    configure("INFO", "json")
    yield read
    root.handlers[:] = before
    root.setLevel(level)


def test_every_line_is_json_and_says_of_which_request_or_job_it_is(tmp_path: Path, lines: Any) -> None:
    with running(tmp_path) as service:
        headers = {"X-Request-ID": "asked-1", "Authorization": f"Bearer {KEY}"}
        service.client.get("/jobs/job_000000000000", headers=headers)
        job = service.completed("Bom dia.")
        service.client.get("/health/live")
    found = lines()
    assert all({"time", "level", "event", "logger"} <= set(line) for line in found)
    [asked] = [line for line in found if line.get("request_id") == "asked-1" and line["event"] == "request_answered"]
    assert (asked["route"], asked["status"], asked["method"]) == ("/jobs/{job_id}", 404, "GET")
    of_job = [line["event"] for line in found if line.get("job_id") == job["id"]]
    assert of_job == ["job_started", "job_left"]
    assert KEY not in json.dumps(found) and not any(line.get("route") == "/health/live" for line in found)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (f"refused {KEY}", KEY),
        ("postgresql://papagaio:geheim@db/papagaio", "geheim"),
        ("GET /webui#/account?token=abcdef123", "abcdef123"),
        ("Authorization: Bearer abc.def", "abc.def"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
    ],
)
def test_secrets_are_hidden(value: str, secret: str, lines: Any) -> None:
    log = logging.getLogger("papagaio.test")
    log.warning("thing_failed", extra={"reason": value, "nested": {"all": [value]}})
    log.warning(value)
    try:
        raise ValueError(value)
    except ValueError:
        log.exception("thing_failed")
    found = lines()
    assert len(found) == 3 and secret not in json.dumps(found) and HIDDEN in json.dumps(found)


def test_values_under_names_of_secrets_are_hidden(lines: Any) -> None:
    logging.getLogger("papagaio.test").warning("seen", extra={"password": "a", "headers": {"Cookie": "b"}, "kind": "c"})
    [line] = lines()
    assert (line["password"], line["headers"]["Cookie"], line["kind"]) == (HIDDEN, HIDDEN, "c")
