"""The pool with real engines of a chosen size: shared, evicted in order, never under a user's feet."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from speech.audio import Audio
from speech.engines.base import EngineInfo, SpeechRequest
from speech.engines.memory import resident_bytes
from speech.engines.pool import EnginePool
from speech.errors import SpeechError
from speech.voices import Voice


class Weighty:
    """An engine that holds `size` bytes and counts its loads."""

    def __init__(self, name: str, size: int) -> None:
        self.info = EngineInfo(name, name, ("en-US",), 24000, "MIT", (), (), 100)
        self.size, self.held, self.loads = size, b"", 0
        self.told, self.devices = 0, list[str]()

    def check(self) -> None:
        """It needs nothing."""

    def needed_bytes(self) -> int:
        return self.told

    def load(self, device: str) -> None:
        time.sleep(0.01)
        self.devices.append(device)
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


def test_a_model_that_is_too_large_is_refused_without_being_loaded() -> None:
    pool, engines, _ = pool_of(150)
    use(pool, "a")
    engines["b"].told = 151
    with pytest.raises(SpeechError) as refused:
        use(pool, "b")
    assert refused.value.code == "memory_exhausted" and engines["b"].loads == 0
    engines["b"].told = 100
    use(pool, "b")  # the other one leaves first, not when both are there
    assert (pool.stats().loaded, engines["a"].held, engines["b"].loads) == (("b",), b"", 1)
    pool.close()


def test_a_machine_without_memory_refuses_before_loading() -> None:
    pool, engines, _ = pool_of(1 << 60)
    engines["a"].told = 1 << 50
    with pytest.raises(SpeechError) as refused:
        use(pool, "a")
    assert refused.value.code == "machine_memory_short" and engines["a"].loads == 0
    engines["a"].told = 100
    use(pool, "a")
    assert pool.stats().memory_bytes == 100
    pool.close()


def test_two_that_load_at_once_are_counted_together() -> None:
    pool, engines, _ = pool_of(150)
    for engine in engines.values():
        engine.told = 100
    began, go = threading.Event(), threading.Event()

    def slow(device: str) -> None:
        began.set()
        assert go.wait(5)
        engines["a"].held = bytes(100)

    engines["a"].load = slow  # type: ignore[method-assign]
    first = threading.Thread(target=use, args=(pool, "a"))
    first.start()
    assert began.wait(5)
    with pytest.raises(SpeechError, match="memory_exhausted"):
        use(pool, "b")
    assert engines["b"].loads == 0
    go.set()
    first.join()
    assert pool.stats().loaded == ("a",)
    pool.close()


def test_a_load_that_fails_holds_nothing_and_may_be_tried_again() -> None:
    pool, engines, _ = pool_of(150)
    good = engines["a"].load

    def broken(device: str) -> None:
        engines["a"].held = bytes(50)
        raise SpeechError("model_missing", name="a", command="-")

    engines["a"].load = broken  # type: ignore[method-assign]
    with pytest.raises(SpeechError, match="model_missing"):
        use(pool, "a")
    assert engines["a"].held == b"" and pool.stats().memory_bytes == 0
    engines["a"].load = good  # type: ignore[method-assign]
    use(pool, "a")
    assert pool.stats().loaded == ("a",)
    pool.close()


CUDA_ERROR = "CUDA error: device-side assert triggered\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
ON_CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."


@pytest.mark.parametrize(
    ("error", "code", "deaths"),
    [
        (RuntimeError(CUDA_ERROR), "device_failed", 1),
        (SpeechError("device_failed", engine="a", reason="told by its own thread"), "device_failed", 1),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "engine_no_memory", 0),
        (RuntimeError(ON_CPU), "engine_no_memory", 0),
        (MemoryError(), "engine_no_memory", 0),
        (SpeechError("speech_empty", engine="a", seed=1), "speech_empty", 0),
    ],
)
@pytest.mark.parametrize("name", ["a", "convert:a"])
def test_what_a_device_says_in_use_is_told_of_any_engine(name: str, error: Exception, code: str, deaths: int) -> None:
    engine, died = Weighty("a", 10), list[int]()
    pool = EnginePool({name: engine}.__getitem__, 100, 1e6)
    pool.on_device_failure = lambda: died.append(1)
    with pytest.raises(SpeechError) as told:
        with pool.acquire(name):
            raise error
    assert (told.value.code, len(died)) == (code, deaths) and "\n" not in str(told.value.values.get("reason"))
    if code != "device_failed":
        use(pool, name)
        assert engine.loads == 1  # it stays as it was
    pool.close()


def test_a_defect_is_not_told_as_a_device() -> None:
    pool, _, _ = pool_of(100)
    with pytest.raises(RuntimeError, match="expected a tensor"):
        with pool.acquire("a"):
            raise RuntimeError("expected a tensor of 3 dimensions")
    pool.close()


@pytest.mark.parametrize(
    ("used", "message", "code"),
    [
        ("cpu", ON_CPU, "machine_memory_short"),
        ("cuda", "CUDA out of memory. Tried to allocate 2.00 GiB", "device_memory_short"),
        ("cuda", CUDA_ERROR, "device_failed"),
    ],
)
def test_what_a_device_says_while_loading(monkeypatch: pytest.MonkeyPatch, used: str, message: str, code: str) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (64 << 20, 1 << 30))
    engine, died = Weighty("a", 10), list[int]()
    engine.info, engine.told = replace(engine.info, devices=(used,)), 48 << 20

    def load(device: str) -> None:
        engine.held = bytes(10)
        raise RuntimeError(message)

    monkeypatch.setattr(engine, "load", load)
    pool = EnginePool({"a": engine}.__getitem__, 1 << 30, 1e6)
    pool.on_device_failure = lambda: died.append(1)
    with pytest.raises(SpeechError) as told:
        use(pool, "a")
    assert told.value.code == code and engine.held == b"" and len(died) == (code == "device_failed")
    assert told.value.values.get("needed_mb", 48) == 48
    assert used == "cpu" or told.value.values.get("free_mb", 64) == 64
    pool.close()


def test_a_gpu_without_memory_refuses_before_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the GPU itself says, whatever the machine has."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (64 << 20, 1 << 30))
    engine = Weighty("a", 10)
    engine.info, engine.told = replace(engine.info, devices=("cuda",)), 65 << 20
    pool = EnginePool({"a": engine}.__getitem__, 1 << 30, 1e6)
    with pytest.raises(SpeechError) as told:
        use(pool, "a")
    assert told.value.code == "device_memory_short" and engine.loads == 0
    assert told.value.values == {"engine": "a", "needed_mb": 65, "free_mb": 64}
    engine.told = 64 << 20
    use(pool, "a")
    assert engine.devices == ["cuda"]
    pool.close()


@pytest.fixture
def tf32() -> Iterator[tuple[Any, Any]]:
    """PyTorch's switches of convolutions and matrix products, both on until the test ends."""
    torch = pytest.importorskip("torch")
    switches = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [one.allow_tf32 for one in switches]
    for one in switches:
        one.allow_tf32 = True
    yield switches
    for one, value in zip(switches, before, strict=True):
        one.allow_tf32 = value


@pytest.mark.parametrize(("used", "is_short"), [("cuda", False), ("cpu", True)])
def test_float32_is_no_tf32_in_any_engine_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tf32: tuple[Any, Any], used: str, is_short: bool
) -> None:
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (1 << 30, 1 << 30))
    engine, seen = Weighty("a", 10), list[bool]()
    engine.info = replace(engine.info, devices=(used,))
    monkeypatch.setattr(engine, "load", lambda _: seen.extend(one.allow_tf32 for one in tf32))
    pool = EnginePool({"a": engine}.__getitem__, 1 << 30, 1e6)
    use(pool, "a")
    assert seen == [is_short, is_short]
    pool.close()


def test_an_engine_that_is_kept_stays_when_idle_and_leaves_for_another() -> None:
    engines = {name: Weighty(name, 100) for name in "ab"}
    clock = Clock()
    pool = EnginePool(engines.__getitem__, 150, 60, kept=("a",), clock=clock)
    use(pool, "a")
    clock.now = 1000
    pool.evict_idle()
    assert pool.stats().loaded == ("a",)
    use(pool, "b")
    assert pool.stats().loaded == ("b",)
    pool.close()


@pytest.mark.parametrize(
    ("asked", "devices", "sees", "used"),
    [
        ("auto", ("cpu",), True, "cpu"),
        ("cuda", ("cpu",), True, "cpu"),
        ("auto", ("cpu", "cuda"), True, "cuda"),
        ("auto", ("cpu", "cuda"), False, "cpu"),
        ("cpu", ("cpu", "cuda"), True, "cpu"),
        ("cuda", ("cpu", "cuda"), False, ""),
    ],
)
def test_one_place_decides_over_the_device(
    monkeypatch: pytest.MonkeyPatch, asked: str, devices: tuple[str, ...], sees: bool, used: str
) -> None:
    monkeypatch.setattr("speech.engines.device._sees_cuda", lambda: sees)
    monkeypatch.setattr("speech.engines.device.free_bytes", lambda used: None if used == "cpu" else 1 << 40)
    engine = Weighty("a", 10)
    engine.info = replace(engine.info, devices=devices)
    pool = EnginePool({"a": engine}.__getitem__, 100, 60, asked_device=asked)
    if not used:
        with pytest.raises(SpeechError, match="device_missing"):
            use(pool, "a")
    else:
        use(pool, "a")
        assert engine.devices == [used] and pool.stats().devices == {"a": used} and pool.asked_device == asked
    pool.close()


def test_unloading_gives_the_memory_back_to_the_system() -> None:
    """A megabyte in small pieces, which malloc keeps for itself unless it is told to let go."""

    class Crumbs(Weighty):
        crumbs: list[bytearray] = []

        def load(self, device: str) -> None:
            self.crumbs = [bytearray(2000) for _ in range(60_000)]
            self.pin = bytearray(2000)  # on top of the heap: what lies below cannot leave by shrinking it

        def unload(self) -> None:
            self.crumbs = []

        def memory_bytes(self) -> int:
            return 2000 * len(self.crumbs)

    pool = EnginePool({"a": Crumbs("a", 0)}.__getitem__, 1 << 30, 1e6)
    before = resident_bytes()
    use(pool, "a")
    loaded = resident_bytes()
    pool.close()
    after = resident_bytes()
    assert before and loaded and after
    assert loaded - before > 100e6 and after - before < 0.2 * (loaded - before)


def test_released_are_those_that_nobody_uses() -> None:
    pool, engines, _ = pool_of(1000)
    use(pool, "a", "b")
    with pool.acquire("c"):
        assert pool.release() == ("a", "b") and pool.stats().loaded == ("c",)
    use(pool, "a")
    assert engines["a"].loads == 2 and pool.release() == ("c", "a")
