"""How many threads PyTorch computes with, for one thread of ours without the others.

PyTorch keeps a number for the process, which a thread takes when it first computes, and one for each thread that has.
Setting a thread's sets the process's as well, and is undone when the thread first computes after that
(`at::set_num_threads`, `at::internal::lazy_init_num_threads` in aten/src/ATen/ParallelOpenMP.cpp and Parallel.h). Sums
in another number of threads end in other digits, so that the same seed would not give the same sound.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")
_changing = threading.Lock()


def use_threads(count: int) -> None:
    """PyTorch computes in the calling thread with `count` threads, in those yet to come with as many as before."""
    with _changing:
        others = _in_a_new_thread(torch.get_num_threads)
        torch.get_num_threads()  # takes the process's number now, not after this
        torch.set_num_threads(count)
        _in_a_new_thread(lambda: torch.set_num_threads(others))


@contextmanager
def kept_threads() -> Iterator[None]:
    """What is done in this context, such as the import of a package that sets it, leaves PyTorch's number as it was."""
    with _changing:
        own, others = torch.get_num_threads(), _in_a_new_thread(torch.get_num_threads)
        try:
            yield
        finally:
            torch.set_num_threads(own)
            _in_a_new_thread(lambda: torch.set_num_threads(others))


def common_threads() -> int:
    """How many a thread computes with that did not choose."""
    with _changing:
        return _in_a_new_thread(torch.get_num_threads)


def _in_a_new_thread(work: Callable[[], T]) -> T:
    made: list[T] = []
    thread = threading.Thread(target=lambda: made.append(work()))
    thread.start()
    thread.join()
    return made[0]
