"""The engine that is fine-tuned: its name, its weights in the catalogue, the files of a checkpoint; no PyTorch."""

from __future__ import annotations

from pathlib import Path

from speech.engines.xtts.config import ADAPTER, BLEND, DVAE, WEIGHTS
from speech.engines.xtts.record import ENGINE, MODEL
from speech.errors import SpeechError
from speech.models import CATALOGUE, read_catalogue

__all__ = ["ADAPTER", "BLEND", "DVAE", "ENGINE", "MODEL", "WEIGHTS", "check_weights"]


def check_weights(folder: Path) -> None:
    """Raises SpeechError `training_weights_missing` where a checkpoint lacks what training alone reads, with the
    address at which its publisher has it."""
    if not (folder / DVAE).is_file():
        url = read_catalogue(CATALOGUE)[MODEL].sources[0].url(DVAE)
        raise SpeechError("training_weights_missing", folder=str(folder), file=DVAE, url=url)
