"""The lines that a real service and a real worker write."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from api_service import running, settings_in
from waiting import wait_for
from websockets.sync.client import connect

from app.main import create_app
from app.observability.logging import HIDDEN, configure

Captured = pytest.CaptureFixture[str]
KEY = "pg_ab12cd34_" + "x" * 40


@pytest.fixture
def lines(capsys: Captured) -> Iterator[Any]:
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
        ("https://voices.example.org/shared/share_1.c2lnbmF0dXJl/sample", "c2lnbmF0dXJl"),
        ("GET /jobs?limit=1&API_KEY=geheim#x", "geheim"),
        (f"ws_ab12cd34_{'y' * 43}", "y" * 43),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_hidden(value: str, secret: str, form: str, lines: Any, capsys: Captured) -> None:
    configure("INFO", form)
    log = logging.getLogger("papagaio.test")
    log.warning("thing_failed", extra={"reason": value, "nested": {"all": [value]}})
    log.warning(value)
    try:
        raise ValueError(value)
    except ValueError:
        log.exception("thing_failed")
    text = capsys.readouterr().err
    assert text.count("thing_failed") == 2 and text.count("Traceback") == 1
    assert secret not in text and text.count(HIDDEN) >= 4


def test_values_under_names_of_secrets_are_hidden(lines: Any) -> None:
    logging.getLogger("papagaio.test").warning("seen", extra={"password": "a", "headers": {"Cookie": "b"}, "kind": "c"})
    [line] = lines()
    assert (line["password"], line["headers"]["Cookie"], line["kind"]) == (HIDDEN, HIDDEN, "c")


def test_the_access_log_has_no_token_of_its_addresses(tmp_path: Path, lines: Any) -> None:
    """Uvicorn's own, which `papagaio serve` leaves out, and what it says of WebSockets."""
    app = create_app(settings_in(tmp_path))
    secret = "geheim" * 8
    paths = (
        f"/shared/share_1.{secret}",
        f"/shared/share_1.{secret}/sample",
        f"/jobs?api_key=pg_ab12cd34_{secret}",
        f"/webui?token={secret}",
        f"/socket.io/?EIO=4&transport=polling&token={secret}",
    )
    # Its level is this process's, and a server before may have asked for less.
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, log_level="info"))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    address = f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    for path in paths:
        httpx2.get(f"http://{address}{path}", headers={"Authorization": f"Bearer {KEY}"})
    with connect(f"ws://{address}/socket.io/?EIO=4&transport=websocket&token={secret}") as socket:
        socket.recv()
    server.should_exit = True
    thread.join()
    found = lines()
    asked = [line["event"] for line in found if line["logger"] == "uvicorn.access"]
    assert len(asked) == len(paths) and all(HIDDEN in text for text in asked)
    assert any("WebSocket" in line["event"] for line in found)
    assert secret not in json.dumps(found) and KEY not in json.dumps(found)
