"""Threads of our own that compute parts of one product each, and sleep between: a busy neighbour on a core slows the
team by its share, where the barriers of OpenMP's would spin for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import torch
from torch import Tensor

from speech.engines.threads import use_threads

Part = Callable[[Tensor], Tensor]


class Team:
    """`size` threads, the calling one among them; one thread at a time may ask."""

    def __init__(self, size: int) -> None:
        self._inboxes: list[SimpleQueue[tuple[int, Part, Tensor] | None]] = [SimpleQueue() for _ in range(size - 1)]
        self._done: SimpleQueue[tuple[int, Tensor | BaseException]] = SimpleQueue()
        for inbox in self._inboxes:
            threading.Thread(target=self._work, args=(inbox,), name="xtts-team", daemon=True).start()

    @property
    def size(self) -> int:
        return len(self._inboxes) + 1

    def each(self, parts: Sequence[Part], x: Tensor) -> list[Tensor]:
        """What each of at most `size` parts makes of `x`, at once. Raises what a part raised, when all have ended."""
        for number, inbox in zip(range(1, len(parts)), self._inboxes):
            inbox.put((number, parts[number], x))
        made: dict[int, Tensor | BaseException] = {0: _tried(parts[0], x)}
        for _ in parts[1:]:
            number, value = self._done.get()
            made[number] = value
        values = []
        for number in range(len(parts)):
            value = made[number]
            if isinstance(value, BaseException):
                raise value
            values.append(value)
        return values

    def close(self) -> None:
        for inbox in self._inboxes:
            inbox.put(None)

    def _work(self, inbox: SimpleQueue[tuple[int, Part, Tensor] | None]) -> None:
        use_threads(1)
        with torch.inference_mode():
            while (asked := inbox.get()) is not None:
                number, part, x = asked
                self._done.put((number, _tried(part, x)))
                del part, x, asked  # or they would live until the next


def _tried(part: Part, x: Tensor) -> Tensor | BaseException:
    try:
        return part(x)
    except BaseException as error:
        return error
