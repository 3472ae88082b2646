"""How that engine is fine-tuned, for who runs trainings and names no engine. Brings PyTorch."""

from speech.engines.xtts.config import read_config
from train.xtts.estimate import Estimate, Workload, estimate, measured_speed, probed_speed
from train.xtts.finetune import Run, finetune
from train.xtts.judging import judge_run, load_run_judges

__all__ = [
    "Estimate",
    "Run",
    "Workload",
    "estimate",
    "finetune",
    "judge_run",
    "load_run_judges",
    "measured_speed",
    "probed_speed",
    "read_config",
]
