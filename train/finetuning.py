"""How that engine is fine-tuned, for who runs trainings and names no engine. Brings PyTorch."""

from train.xtts.finetune import finetune
from train.xtts.judging import judge_run, load_run_judges
from train.xtts.run import Run

__all__ = ["Run", "finetune", "judge_run", "load_run_judges"]
