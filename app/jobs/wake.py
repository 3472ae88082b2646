"""Noticing what other processes committed, without a server between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.storage.database import Database


class Wake:
    """One reader's place: make it, read the tables, then wait; nothing that came after the reading is missed."""

    def __init__(self, database: Database, poll_s: float) -> None:
        self._database = database
        self.poll_s = poll_s
        self._seen = database.version()

    def changed(self) -> bool:
        """Whether anything was committed since the last call that said so (about 10 µs)."""
        version = self._database.version()
        changed = version != self._seen
        self._seen = version
        return changed

    def wait(
        self,
        timeout_s: float,
        *,
        until: Callable[[], bool] = lambda: False,
        pause: Callable[[float], object] = time.sleep,
    ) -> bool:
        """Return True as soon as something was committed, False after `timeout_s` or when `until` holds."""
        deadline = time.monotonic() + timeout_s
        while not until():
            if self.changed():
                return True
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                return False
            pause(min(self.poll_s, remaining_s))
        return False

    async def wait_async(self, timeout_s: float) -> bool:
        """`wait` for a route: the event loop goes on meanwhile."""
        deadline = time.monotonic() + timeout_s
        while not self.changed():
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                return False
            await asyncio.sleep(min(self.poll_s, remaining_s))
        return True
