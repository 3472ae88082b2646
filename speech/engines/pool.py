"""Loaded engines and converters: loaded on first use, shared, and unloaded when idle or when memory is wanted."""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from speech.engines import device, memory
from speech.engines.base import Loadable, Precise
from speech.errors import SpeechError


@dataclass
class _Slot:
    engine: Loadable
    users: int = 0
    is_loaded: bool = False
    reserved_bytes: int = 0  # while it is loading
    device: str = ""  # while it is loaded
    released_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)  # held while loading, so that one thread loads


@dataclass(frozen=True)
class PoolStats:
    """Counts since the pool was made, and what it holds now."""

    hits: int
    loads: int
    evictions: int
    loaded: tuple[str, ...]
    memory_bytes: int
    devices: Mapping[str, str]  # of those that are loaded
    precisions: Mapping[str, str] = field(default_factory=dict)  # of those that chose theirs


class EnginePool:
    """Least recently used engines leave first; one in use never leaves. A converter is held like an engine.

    `memory_bytes` bounds the weights of all loaded engines together; `idle_s` is how long an unused one stays, except
    those of `kept`, which stay until the memory is wanted. `asked_device` is one of `device.CHOICES`.
    """

    def __init__(
        self,
        build: Callable[[str], Loadable],
        memory_bytes: int,
        idle_s: float,
        asked_device: str = "auto",
        kept: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build = build
        self._memory_bytes = memory_bytes
        self._idle_s = idle_s
        self.asked_device = asked_device
        self._kept = frozenset(kept)
        self._clock = clock
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self._hits = self._loads = self._evictions = 0
        self._timer: threading.Timer | None = None
        # Called when a GPU's context is dead: the process that holds the engines has to end.
        self.on_device_failure: Callable[[], None] = lambda: None

    @contextmanager
    def acquire(self, name: str) -> Iterator[Loadable]:
        """The loaded engine, kept loaded while the block runs.

        Raises SpeechError `model_missing` and what `Engine.load` raises, `memory_exhausted` when engines in use
        leave no room, `machine_memory_short` or `device_memory_short` when the machine or the GPU has none, before
        anything is loaded where the engine can tell what it needs. What PyTorch says in the block, whatever engine it
        is, becomes `device_failed` or `engine_no_memory`.
        """
        slot = self._enter(name)
        try:
            with slot.lock:
                self._ensure_loaded(name, slot)
            yield slot.engine
        except Exception as error:
            told = _told(slot, error)
            if told is not None and told.code == "device_failed":
                self.on_device_failure()
            if told is None or told is error:
                raise
            raise told from error
        finally:
            with self._lock:
                slot.users -= 1
                slot.released_at = self._clock()
            self._schedule_idle_check()

    def evict_idle(self) -> None:
        """Unload every engine unused for `idle_s`."""
        with self._lock:
            now = self._clock()
            for name, slot in self._slots.items():
                if self._is_unused(slot) and name not in self._kept and now - slot.released_at >= self._idle_s:
                    self._evict(slot)

    def release(self) -> tuple[str, ...]:
        """Unload everything that is not in use, since something else wants the memory; the names."""
        with self._lock:
            unused = {name: slot for name, slot in self._slots.items() if self._is_unused(slot)}
            for slot in unused.values():
                self._evict(slot)
        return tuple(unused)

    def close(self) -> None:
        """Unload everything that is not in use, and look no more."""
        self.release()
        with self._lock:
            if self._timer:
                self._timer.cancel()
                self._timer = None

    def stats(self) -> PoolStats:
        with self._lock:
            loaded = tuple(name for name, slot in self._slots.items() if slot.is_loaded)
            devices = {name: self._slots[name].device for name in loaded}
            engines = {name: self._slots[name].engine for name in loaded}
            precisions = {name: engine.precision for name, engine in engines.items() if isinstance(engine, Precise)}
            return PoolStats(self._hits, self._loads, self._evictions, loaded, self._held(), devices, precisions)

    def _enter(self, name: str) -> _Slot:
        with self._lock:
            slot = self._slots.get(name) or _Slot(self._build(name))
            self._slots[name] = slot
            self._slots.move_to_end(name)
            slot.users += 1
            return slot

    def _ensure_loaded(self, name: str, slot: _Slot) -> None:
        if slot.is_loaded:
            with self._lock:
                self._hits += 1
            return
        slot.engine.check()
        used = device.choose(self.asked_device, slot.engine.info)
        self._reserve(name, slot, used)
        try:
            device.use_full_precision(used)
            slot.engine.load(used)
            slot.device = used
            with self._lock:
                slot.is_loaded = True
                self._loads += 1
                self._make_room(name)
        except BaseException as error:
            is_short = device.is_out_of_memory(error)
            short = device.memory_short(name, slot.reserved_bytes, used, device.memory_left(used)) if is_short else None
            if not slot.is_loaded:  # half of it may be there, and the error's frames hold it
                slot.engine.unload()
                traceback.clear_frames(error.__traceback__)
                memory.give_back()
            if short:
                raise short from error
            raise
        finally:
            slot.reserved_bytes = 0

    def _reserve(self, name: str, slot: _Slot, used: str) -> None:
        """Make room for what the engine will need, as far as it can tell; on a GPU by the GPU's own figures."""
        needed = slot.engine.needed_bytes()
        with self._lock:
            slot.reserved_bytes = needed
            try:
                self._make_room(name)
            except SpeechError:
                slot.reserved_bytes = 0
                raise
        free = device.memory_left(used)
        if free is not None and needed > free:
            slot.reserved_bytes = 0
            raise device.memory_short(name, needed, used, free)

    def _make_room(self, name: str) -> None:
        """Evict the least recently used until the budget holds; the newcomer goes when nothing else can."""
        for slot in list(self._slots.values()):
            if self._is_unused(slot) and self._held() > self._memory_bytes:
                self._evict(slot)
        if self._held() > self._memory_bytes:
            newcomer = self._slots[name]
            needed = newcomer.engine.memory_bytes() or newcomer.reserved_bytes
            if newcomer.is_loaded:
                self._evict(newcomer)
            raise SpeechError(
                "memory_exhausted", engine=name, needed_mb=needed >> 20, budget_mb=self._memory_bytes >> 20
            )

    def _held(self) -> int:
        slots = self._slots.values()
        return sum(slot.engine.memory_bytes() if slot.is_loaded else slot.reserved_bytes for slot in slots)

    @staticmethod
    def _is_unused(slot: _Slot) -> bool:
        return slot.users == 0 and slot.is_loaded

    def _evict(self, slot: _Slot) -> None:
        slot.engine.unload()
        slot.is_loaded = False
        slot.device = ""
        self._evictions += 1
        memory.give_back()

    def _schedule_idle_check(self) -> None:
        """One timer at most; it lives while something is loaded."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self._idle_s, self._check_idle)
                self._timer.daemon = True
                self._timer.start()

    def _check_idle(self) -> None:
        self.evict_idle()
        with self._lock:
            self._timer = None
            loaded = any(slot.is_loaded for slot in self._slots.values())
        if loaded:
            self._schedule_idle_check()


def _told(slot: _Slot, error: Exception) -> SpeechError | None:
    """What a request is told of an error: PyTorch's own say that the device failed, or gave no memory. None for one
    that says neither, which is a defect."""
    if isinstance(error, SpeechError):
        return error
    values = {"engine": slot.engine.info.name, "reason": device.reason_of(error)}
    if device.has_failed(error):
        return SpeechError("device_failed", **values)
    return SpeechError("engine_no_memory", **values) if device.is_out_of_memory(error) else None
