"""Cores that share the products of a thread which otherwise computes alone.

One core does not read weights as fast as the memory gives, so that a second one shortens a step of a decoder; but its
threads spin for each other, and where another program has that core, two are slower than one. Which it is changes while
somebody speaks, and is measured all the time: one block of a step goes the other way, beside the one before it.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from statistics import median
from typing import TypeVar

import torch

T = TypeVar("T")
LEAST_GAIN = 0.9  # of the time of the other way: less is noise
RATIOS = 5  # of the last blocks that went the other way, whose median decides
PATIENCE = 8  # steps of one core between two trials: waiting for a core that another program has is what they cost


class Cores:
    """A context in which PyTorch computes with `count` threads, in the calling thread alone; the others keep theirs.

    One thread at a time may use it. How many there are changes no digit of a product: each output is one core's.
    """

    def __init__(self, most: int = 1, count: int = 1, clock: Callable[[], float] = time.perf_counter) -> None:
        """`most`: that are tried beside one; `count`: to begin with; `clock` tells seconds."""
        self.most = most
        self._clock = clock
        self.count = count
        self._now = count
        self._before = 1
        self._steps = 0
        self._ratios: deque[float] = deque(maxlen=RATIOS)

    def __enter__(self) -> None:
        if self._now > 1:
            self._before = torch.get_num_threads()
            _set_own_threads()(self._now)

    def __exit__(self, *_: object) -> None:
        if self._now > 1:
            _set_own_threads()(self._before)

    def tried(self, blocks: Iterable[T], number: int) -> Iterator[T]:
        """Give out the `number` blocks of a step, which take about the same time each, and learn from it."""
        is_trial = self.most > 1 and number > 2 and (self.count > 1 or self._steps % PATIENCE == 0)
        trial = 1 + self._steps % (number - 2) if is_trial else -1
        self._steps += 1
        usual_s = 0.0
        for place, block in enumerate(blocks):
            self._now = self._other if place == trial else self.count
            started = self._clock()
            yield block
            taken_s = self._clock() - started
            if place == trial:
                self._learn(taken_s / usual_s)
            usual_s = taken_s

    @property
    def _other(self) -> int:
        return 1 if self.count > 1 else self.most

    def _learn(self, ratio: float) -> None:
        self._ratios.append(ratio)
        if len(self._ratios) == RATIOS and median(self._ratios) < LEAST_GAIN:
            self.count = self._other
            self._ratios.clear()


def most_cores(threads: int) -> int:
    """How many may share a product: `threads`, or one where PyTorch does not compute by GNU's OpenMP."""
    return threads if _set_own_threads() is not _nothing else 1


@cache
def _set_own_threads() -> Callable[[int], object]:
    """OpenMP's own call: PyTorch's also sets the number of threads that have not computed yet."""
    library = next((Path(torch.__file__).parent / "lib").glob("libgomp*"), None)
    if library is None or not torch.backends.openmp.is_available():
        return _nothing
    setter: Callable[[int], object] = ctypes.CDLL(str(library)).omp_set_num_threads
    return setter


def _nothing(_: int) -> None:
    return None
