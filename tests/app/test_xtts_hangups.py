"""Clients of XTTS that hang up at random moments, on a real server: nothing goes on for them and nothing is kept."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from api_service import settings_in

from app.main import create_app
from speech.engines.memory import give_back, resident_bytes

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

CLIENTS, AT_ONCE = 50, 10
BODY = {"model": "xtts", "voice": "xtts_luis_moray", "input": "Bom dia. " * 40, "response_format": "pcm"}


@pytest.fixture
def server(xtts_tiny: Path, tmp_path: Path) -> Iterator[tuple[Any, int]]:
    """The service's engine, and the port of loopback that it listens on; sounds of half a minute."""
    app = create_app(settings_in(tmp_path, xtts_dir=xtts_tiny, device="cpu"))
    running = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.01)
    synthesizer = app.state.services.synthesizer
    yield synthesizer._engines["xtts"], running.servers[0].sockets[0].getsockname()[1]
    running.should_exit = True
    thread.join(20)


def request(fields: dict[str, Any]) -> bytes:
    body = json.dumps(fields).encode()
    head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def hang_up(port: int, after_s: float) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request(BODY))
        connection.settimeout(after_s)
        try:
            while connection.recv(1 << 16):
                continue
        except TimeoutError:
            return


def many_hang_up(port: int, seed: int) -> None:
    moments = random.Random(seed)
    threads = [threading.Thread(target=hang_up, args=(port, moments.uniform(0.01, 0.6))) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def until_quiet(engine: Any) -> None:
    deadline = time.monotonic() + 60
    while engine._loaded is None or engine._loaded.loop.counts() != (0, 0):
        assert time.monotonic() < deadline, "somebody is still spoken to"
        time.sleep(0.02)


def test_fifty_that_hang_up_leave_nothing_behind(server: tuple[Any, int]) -> None:
    engine, port = server
    held = []
    for turn in range(CLIENTS // AT_ONCE):
        many_hang_up(port, turn)
        until_quiet(engine)
        give_back()
        held.append(resident_bytes() or 0)
    assert held[-1] - held[1] < 30 << 20, [one >> 20 for one in held]
    with socket.create_connection(("127.0.0.1", port)) as connection:  # and it still speaks
        connection.sendall(request(BODY | {"input": "Bom dia."}))
        assert b" 200 " in connection.recv(64)
    until_quiet(engine)
