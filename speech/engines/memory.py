"""Memory of this process and of the machine: how much there is, and giving back what was freed."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
KEPT_BLOCK = 32 << 20  # the largest that glibc takes


def give_back() -> None:
    """Return freed memory to the system: cycles collected, torch's own GPU blocks and glibc's arenas let go."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def keep_freed() -> None:
    """Let freed blocks be used again before they go back to the system, as glibc does by itself once one was large.

    What a network frees in each layer is otherwise asked for again page by page, zeros first.
    """
    set_option = _of_glibc("mallopt")
    if set_option is not None:
        set_option(M_MMAP_THRESHOLD, KEPT_BLOCK)
        set_option(M_TRIM_THRESHOLD, 2 * KEPT_BLOCK)


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
def _of_glibc(name: str) -> ctypes._NamedFuncPointer | None:
    """A function that other C libraries do not have."""
    try:
        found: ctypes._NamedFuncPointer = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found
