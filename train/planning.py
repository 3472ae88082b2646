"""What a fine-tuning of that engine will take, for who names no engine. Brings no PyTorch."""

from speech.engines.xtts.config import read_config
from train.processor import multiplies_bf16
from train.xtts.estimate import Basis, Estimate, Workload, estimate, measured_speed
from train.xtts.probe import probed_speed
from train.xtts.run import Run

__all__ = [
    "Basis",
    "Estimate",
    "Run",
    "Workload",
    "estimate",
    "measured_speed",
    "multiplies_bf16",
    "probed_speed",
    "read_config",
]
