"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_S = 90.0  # a machine that does much else is slow; what never comes fails


def wait_for(condition: Callable[[], bool], timeout_s: float = LONGEST_S) -> None:
    """Ask until it holds. Raises AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
