"""Whether what speaks is alive: an engine that has given no sign for too long ends its process."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
LOOKS = 10  # in the time that is waited

log = logging.getLogger(__name__)


class Vigil:
    """Over generators: `on_hang` is called, once, when the next step of one has taken more than `silence_s` seconds.

    An empty chunk is a sign of life. The time that the consumer takes between two steps is nobody's.
    """

    def __init__(self, silence_s: float, on_hang: Callable[[], object]) -> None:
        self._silence_s, self._on_hang = silence_s, on_hang
        self._began: dict[int, float] = {}  # of steps that are being made
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def over(self, steps: Generator[T, None, None]) -> Generator[T, None, None]:
        """The same steps; closing it closes them."""
        number = next(self._numbers)
        try:
            while True:
                self._begin(number)
                try:
                    step = next(steps)
                except StopIteration:
                    return
                finally:
                    self._end(number)
                yield step
        finally:
            steps.close()

    def _begin(self, number: int) -> None:
        with self._lock:
            self._began[number] = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="vigil", daemon=True)
                self._thread.start()

    def _end(self, number: int) -> None:
        with self._lock:
            self._began.pop(number, None)

    def _watch(self) -> None:
        while True:
            time.sleep(self._silence_s / LOOKS)
            with self._lock:
                oldest = min(self._began.values(), default=None)
            if oldest is not None and time.monotonic() - oldest > self._silence_s:
                log.error("engine_hung", extra={"seconds": self._silence_s})
                self._on_hang()
                return
