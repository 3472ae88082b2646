"""The pool with real engines of a chosen size: shared, evicted in order, never under a user's feet."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from speech.audio import Audio
from speech.engines.base import EngineInfo, SpeechRequest
from speech.engines.pool import EnginePool
from speech.errors import SpeechError
from speech.voices import Voice


class Weighty:
    """An engine that holds `size` bytes and counts its loads."""

    def __init__(self, name: str, size: int) -> None:
        self.info = EngineInfo(name, name, ("en-US",), 24000, "MIT", (), (), 100)
        self.size, self.held, self.loads = size, b"", 0

    def load(self, device: str) -> None:
        time.sleep(0.01)
        self.loads += 1
        self.held = bytes(self.size)

    def unload(self) -> None:
        self.held = b""

    def memory_bytes(self) -> int:
        return len(self.held)

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, request: SpeechRequest) -> Generator[Audio, None, None]:
        yield from ()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def pool_of(budget: int, idle_s: float = 1e6) -> tuple[EnginePool, dict[str, Weighty], Clock]:
    engines = {name: Weighty(name, 100) for name in "abc"}
    clock = Clock()
    return EnginePool(engines.__getitem__, budget, idle_s, clock=clock), engines, clock


def use(pool: EnginePool, *names: str) -> None:
    for name in names:
        with pool.acquire(name):
            continue


def test_loads_once_and_counts_hits() -> None:
    pool, engines, _ = pool_of(1000)
    use(pool, "a", "a", "a")
    stats = pool.stats()
    assert (engines["a"].loads, stats.loads, stats.hits, stats.loaded, stats.memory_bytes) == (1, 1, 2, ("a",), 100)
    pool.close()
    assert pool.stats().memory_bytes == 0


def test_least_recently_used_leaves_first() -> None:
    pool, _, _ = pool_of(200)
    use(pool, "a", "b", "a", "c")
    assert set(pool.stats().loaded) == {"a", "c"}
    assert pool.stats().evictions == 1
    pool.close()


def test_an_engine_in_use_never_leaves() -> None:
    pool, engines, _ = pool_of(100)
    with pool.acquire("a"):
        with pytest.raises(SpeechError, match="memory_exhausted"):
            use(pool, "b")
        assert engines["a"].held and not engines["b"].held
    use(pool, "b")
    assert pool.stats().loaded == ("b",)
    pool.close()


def test_idle_engines_are_unloaded_and_come_back() -> None:
    pool, engines, clock = pool_of(1000, idle_s=60)
    use(pool, "a")
    clock.now = 59
    pool.evict_idle()
    assert engines["a"].held
    clock.now = 60
    pool.evict_idle()
    assert not engines["a"].held
    use(pool, "a")
    assert engines["a"].loads == 2
    pool.close()


def test_the_idle_timer_runs_by_itself() -> None:
    engine = Weighty("a", 100)
    pool = EnginePool({"a": engine}.__getitem__, 1000, idle_s=0.05)
    use(pool, "a")
    deadline = time.monotonic() + 5
    while engine.held and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not engine.held
    pool.close()


def test_many_threads_load_once() -> None:
    pool, engines, _ = pool_of(1000)
    threads = [threading.Thread(target=use, args=(pool, "a")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (engines["a"].loads, pool.stats().hits) == (1, 7)
    pool.close()
