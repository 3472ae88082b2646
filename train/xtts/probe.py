"""How fast this machine multiplies matrices: a guess at the speed of a training before there was one.

`python -m train.xtts.probe fp32` prints it; PyTorch is brought into that process alone.
"""

from __future__ import annotations

import functools
import math
import subprocess
import sys
import time
from typing import get_args

from train.loop_options import Precision

EFFICIENCY = 0.6  # of the rate at which this machine multiplies large matrices, what a step reaches
PROBE = 1024  # rows and columns of what is multiplied to learn that rate
SECONDS = 60.0  # that a probe may take, PyTorch's start and all


def probed_speed(device: str, precision: str) -> float:
    """Operations a second that a step may reach here, by a probe in a process of its own, once; 0: unknown, as on a
    GPU, whose share of its peak is not known before a run."""
    if device != "cpu":
        return 0.0
    try:
        return _probed(precision)
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0.0


@functools.lru_cache(maxsize=8)
def _probed(precision: str) -> float:
    command = [sys.executable, "-m", "train.xtts.probe", precision]
    return float(subprocess.run(command, capture_output=True, timeout=SECONDS, check=True).stdout)


def multiplied(precision: str) -> float:
    """Operations a second of a step, from a tenth of a second of multiplying."""
    import torch

    dtype = torch.float32 if precision == "fp32" else torch.bfloat16 if precision == "bf16" else torch.float16
    matrix = torch.ones(PROBE, PROBE, dtype=dtype)
    best_s = math.inf
    for _ in range(3):
        began = time.perf_counter()
        matrix @ matrix
        best_s = min(best_s, time.perf_counter() - began)
    return EFFICIENCY * 2 * PROBE**3 / best_s


def main() -> None:
    precision = sys.argv[1] if len(sys.argv) == 2 else ""
    if precision not in get_args(Precision):
        sys.exit(f"one of {', '.join(get_args(Precision))}")
    sys.stdout.write(f"{multiplied(precision)}\n")


if __name__ == "__main__":
    main()
