"""How that engine is fine-tuned, for who runs trainings and names no engine. Brings PyTorch."""

from train.judges import load_run_judges
from train.xtts.judged import finetune_and_judge
from train.xtts.judging import judge_checkpoints, unjudged
from train.xtts.run import Run

__all__ = ["Run", "finetune_and_judge", "judge_checkpoints", "load_run_judges", "unjudged"]
