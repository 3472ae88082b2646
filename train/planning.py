"""What a fine-tuning of that engine will take, for who names no engine. Brings no PyTorch."""

from speech.engines.xtts.config import read_config
from train.xtts.estimate import Estimate, Workload, estimate, measured_speed
from train.xtts.probe import probed_speed
from train.xtts.run import Run

__all__ = ["Estimate", "Run", "Workload", "estimate", "measured_speed", "probed_speed", "read_config"]
