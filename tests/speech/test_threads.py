"""The number of threads PyTorch computes with in one thread of ours."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

torch = pytest.importorskip("torch")
from speech.engines.threads import common_threads, kept_threads, use_threads  # noqa: E402


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def computed_with(count: int) -> int:
    use_threads(count)
    torch.ones(100, 100) @ torch.ones(100, 100)  # a thread takes the process's number at its first work
    return int(torch.get_num_threads())


def test_a_thread_keeps_the_number_it_chose_and_others_theirs(three_threads: None) -> None:
    with ThreadPoolExecutor(1) as chosen, ThreadPoolExecutor(1) as other:
        assert chosen.submit(computed_with, 1).result() == 1
        assert other.submit(torch.get_num_threads).result() == common_threads() == torch.get_num_threads() == 3
        assert chosen.submit(torch.get_num_threads).result() == 1


def test_threads_that_choose_at_once_leave_the_common_number_as_it_was(three_threads: None) -> None:
    together = Barrier(8)

    def choose(count: int) -> int:
        together.wait()
        return computed_with(count)

    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(choose, (1, 2) * 4)) == [1, 2] * 4
        assert common_threads() == 3


def test_what_sets_the_number_is_undone(three_threads: None) -> None:
    with ThreadPoolExecutor(1) as other:
        with pytest.raises(ImportError), kept_threads():
            torch.set_num_threads(1)
            raise ImportError("half of a package")
        assert torch.get_num_threads() == common_threads() == other.submit(torch.get_num_threads).result() == 3
