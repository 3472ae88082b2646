"""Work for a few threads, what is wanted first before the rest."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")


class DueExecutor:
    """`threads` that take the work with the earliest `due_s`, and of equal ones the first that came."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, name)
        self._waiting: list[tuple[float, int, Future[Any], Callable[[], Any]]] = []
        self._numbers = count()
        self._lock = threading.Lock()

    def submit(self, due_s: float, work: Callable[[], T]) -> Future[T]:
        """`due_s`: on any clock, the same for all. Raises RuntimeError after `shutdown`."""
        future: Future[T] = Future()
        with self._lock:
            heapq.heappush(self._waiting, (due_s, next(self._numbers), future, work))
            self._executor.submit(self._run_first)
        return future

    def shutdown(self, wait: bool = True) -> None:
        """No more is taken; what waits is still done."""
        self._executor.shutdown(wait)

    def _run_first(self) -> None:
        with self._lock:
            _, _, future, work = heapq.heappop(self._waiting)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except BaseException as error:  # whoever waits for it raises it
            future.set_exception(error)
