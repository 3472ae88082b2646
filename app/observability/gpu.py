"""What the NVIDIA cards of this machine hold, by the driver's own library (NVML)."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One card now; `busy` 0 to 1: the share of the last moments in which it computed."""

    name: str
    memory_used_bytes: int
    memory_total_bytes: int
    busy: float
    temperature_c: int | None = None


def gpus() -> list[Gpu]:
    """Every card; none where there is no driver, or it does not answer."""
    if not has_driver():
        return []
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def has_driver() -> bool:
    """Whether NVML's library is there. pynvml looks for the same one, and takes 18 MB to say that it is not."""
    if sys.platform != "linux":
        return True  # it has another name there, which pynvml knows
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    name = pynvml.nvmlDeviceGetName(handle)
    try:
        warmth = int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))
    except pynvml.NVMLError:  # not every card tells it
        warmth = None
    return Gpu(name if isinstance(name, str) else name.decode(), int(memory.used), int(memory.total), busy, warmth)
