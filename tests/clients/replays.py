"""What the golden requests of several contracts share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from api_service import Service

HEADER = 44  # bytes


@contextmanager
def at_work(service: Service) -> Iterator[None]:
    """While the block runs, jobs are worked at as they come."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            service.work()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def pcm_of(response: httpx2.Response) -> bytes:
    """What follows the one header."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "audio/wav"
    assert response.content.startswith(b"RIFF") and response.content.count(b"RIFF") == 1
    assert response.content[36:40] == b"data" and response.content[24:28] == (24000).to_bytes(4, "little")
    return response.content[HEADER:]
