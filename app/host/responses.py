"""A response that is made while it is sent; a client that leaves stops the making."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Protocol

import anyio
from anyio.to_thread import run_sync
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Closable(Protocol):
    def close(self) -> None: ...


class MadeResponse(StreamingResponse):
    """Sends `blocks`, made in threads, and closes `source`, from which they are made, in any case."""

    def __init__(
        self, blocks: Iterator[bytes], source: Closable, media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._source = source
        super().__init__(_relay(blocks), media_type=media_type, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):  # what is under way ends in its thread before the close
                await run_sync(self._source.close)


async def _relay(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (block := await run_sync(next, blocks, None)) is not None:
        if block:  # an empty one is for whoever left meanwhile to be noticed
            yield block
