"""Memory of this process and of the machine: how much there is, and giving back what was freed."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def give_back() -> None:
    """Return freed memory to the system: cycles collected, torch's own GPU blocks and glibc's arenas let go."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def resident_bytes() -> int | None:
    """What this process holds in memory (VmRSS of proc(5)); None where the system does not tell."""
    return _field(Path("/proc/self/status"), "VmRSS:")


def available_bytes() -> int | None:
    """What the machine, or the container that holds this process, can still give; None where it does not tell."""
    free = _field(Path("/proc/meminfo"), "MemAvailable:")
    room = _cgroup_room()
    return min((value for value in (free, room) if value is not None), default=None)


def _cgroup_room() -> int | None:
    """Of control group v2, counting what is only cached as free."""
    try:
        limit = int((CGROUP / "memory.max").read_text())  # "max" is none
        used = int((CGROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("inactive_file", 0)) + int(stat.get("active_file", 0))
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), None)


@cache
def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    """glibc's malloc_trim(3); other C libraries have none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
