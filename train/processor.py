"""What the processor of this machine is good at, as the system tells it; PyTorch is not asked."""

from __future__ import annotations

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # x86's two, and Arm's


def multiplies_bf16(cpuinfo: Path = CPUINFO) -> bool | None:
    """Whether it multiplies bf16 itself; one that does not turns every number into fp32 and back. None where the system
    does not tell."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    told = [line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))]
    return any(name in told[0] for name in BF16) if told else None
