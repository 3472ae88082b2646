"""What is wanted first is made first; what was cancelled is not made."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from speech.engines.due import DueExecutor


def test_what_is_due_first_is_done_first_and_equals_in_their_order() -> None:
    executor, gate, done = DueExecutor(1, "due"), threading.Event(), list[str]()
    executor.submit(0, gate.wait)
    for due_s, name in ((3, "c"), (1, "a"), (2, "b"), (1, "a too")):
        executor.submit(due_s, lambda name=name: done.append(name))  # type: ignore[misc]
    gate.set()
    executor.shutdown()
    assert done == ["a", "a too", "b", "c"]


def test_a_cancelled_one_is_left_out_and_an_error_reaches_who_waits() -> None:
    executor, gate, done = DueExecutor(1, "due"), threading.Event(), list[str]()
    executor.submit(0, gate.wait)
    left_out, failing = executor.submit(1, lambda: done.append("never")), executor.submit(2, lambda: 1 // 0)
    assert left_out.cancel()
    gate.set()
    with pytest.raises(ZeroDivisionError):
        failing.result(10)
    with pytest.raises(CancelledError):
        left_out.result()
    executor.shutdown()
    assert done == []
    with pytest.raises(RuntimeError):
        executor.submit(0, lambda: None)
