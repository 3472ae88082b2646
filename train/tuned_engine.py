"""The engine that is fine-tuned: its name, its weights in the catalogue, the files of a checkpoint; no PyTorch."""

from speech.engines.xtts.config import ADAPTER, WEIGHTS
from speech.engines.xtts.record import ENGINE, MODEL

__all__ = ["ADAPTER", "ENGINE", "MODEL", "WEIGHTS"]
