"""Whether the client is still there, asked by routes that run in a thread and answer when all is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from anyio import from_thread
from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


def while_present(request: Request, items: Iterable[T]) -> Iterator[T]:
    """`items` as they are made, as long as the client of `request` waits for them; only in the thread of a route whose
    body has been read. Raises ClientDisconnect, which `app.api.guards` ends the request with."""
    for item in items:
        if from_thread.run(request.is_disconnected):
            raise ClientDisconnect
        yield item
