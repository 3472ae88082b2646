"""What a process holds of the machine's memory."""

from __future__ import annotations

from pathlib import Path


def proportional_bytes(pid: int | str = "self") -> int | None:
    """Proportional set size: what is shared counts in shares (proc(5), smaps_rollup); None where it is not told."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), None)
