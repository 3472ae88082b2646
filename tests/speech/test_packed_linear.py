"""Products that cores share: the same numbers, and one core or all of them by what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from speech.engines.cores import PATIENCE, RATIOS, Cores, most_cores
from speech.engines.packed_linear import KINDS
from speech.engines.threads import common_threads, use_threads


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("activation", ["none", "gelu"])
def test_a_shared_product_is_that_of_one_core_bit_for_bit(precision: str, count: int, activation: str) -> None:
    torch.manual_seed(0)
    weight, bias = torch.randn(256, 1026) / 16, torch.randn(1026)
    alone, shared = (KINDS[precision](weight, bias, activation, Cores(count, of)) for of in (1, count))

    def compare() -> None:
        use_threads(1)
        with torch.inference_mode():
            for rows in (1, 2, 9, 70):
                x = torch.randn(rows, 256)
                assert torch.equal(alone(x), shared(x))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(compare).result()


def test_only_the_calling_thread_computes_with_more_and_only_within() -> None:
    def seen() -> list[int]:
        use_threads(1)
        counts = [torch.get_num_threads()]
        with Cores(3, 3):
            counts += [torch.get_num_threads(), common_threads()]
        return [*counts, torch.get_num_threads()]

    own, common = torch.get_num_threads(), common_threads()
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(seen).result() == [1, 3, common, 1]
    assert most_cores(3) == 3 and torch.get_num_threads() == own


class Clock:
    """Seconds that pass when somebody says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def taken(cores: Cores, clock: Clock, seconds: Callable[[int], float], steps: int) -> Iterator[int]:
    """The number of cores that each step ends with, where a block takes `seconds` of the number it is computed with."""
    for _ in range(steps):
        for _ in zip(range(6), cores.tried(range(6), 6)):
            with cores:
                clock.now_s += seconds(torch.get_num_threads())
        yield cores.count


def test_a_busy_neighbour_takes_its_core_and_gives_it_back() -> None:
    def run() -> None:
        use_threads(1)
        clock = Clock()
        cores = Cores(2, 2, clock)
        quiet, busy = (lambda count: 0.004 / count), (lambda count: 0.004 * count)
        assert set(taken(cores, clock, quiet, 2 * RATIOS)) == {2}
        assert [*taken(cores, clock, busy, 2 * RATIOS)][-1] == 1
        assert [*taken(cores, clock, quiet, RATIOS * PATIENCE + 1)][-1] == 2

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()
