"""Fine-tunings of XTTS-v2's tiny random checkpoint on six clips, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.xtts_reference import recording
from speech.audio import Audio, save
from train.options import options_from
from train.progress import NullReporter
from train.xtts.run import Run

TEXTS = (
    "O trem da manhã chegou atrasado.",
    "Minha avó fazia bolo de milho.",
    "As crianças correram na rua.",
    "A chuva parou ao meio-dia.",
    "Feche a porta quando sair.",
    "O café está na mesa.",
)


def write_clips(folder: Path) -> Path:
    """Six clips of one to two seconds in LJSpeech's layout, the last one held out."""
    (folder / "wavs").mkdir()
    rows = []
    for number, text in enumerate(TEXTS):
        save(Audio(recording(1.0 + 0.2 * number, number), 22050), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|{text}|{text}\n")
    (folder / "metadata_train.csv").write_text("".join(rows[:-1]), encoding="utf-8")
    (folder / "metadata_val.csv").write_text(rows[-1], encoding="utf-8")
    return folder


def options(**sections: Mapping[str, Any]) -> Any:
    plain = {
        "model": {"rank": 4, "alpha": 8.0, "batch_size": 2, "rate": 3e-3, "dropout": 0.1},
        "run": {"epochs": 4, "accumulation": 1, "warm_up": 1},
        "checkpoints": {"every_epochs": 1, "keep": 2},
    }
    return options_from(plain, sections)


def run_of(tiny: Path, dataset: Path, folder: Path, **sections: Mapping[str, Any]) -> Run:
    return Run(dataset, tiny, folder, folder.parent / "cache", options(**sections))


class Stops(NullReporter):
    """Asks to stop after `steps` metrics of steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self.left -= "audio" in values

    def should_stop(self) -> bool:
        return self.left <= 0
