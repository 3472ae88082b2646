"""Waiting for what another thread or process does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
LONGEST_S = 90.0  # a machine that does much else is slow; what never comes fails


def wait_for(condition: Callable[[], bool], timeout_s: float = LONGEST_S) -> None:
    """Ask until it holds. Raises AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """What it returns, in a loop and a thread of its own: the thread of the tests may hold a browser's loop."""
    with ThreadPoolExecutor(max_workers=1) as own_thread:
        return own_thread.submit(asyncio.run, coroutine).result()
