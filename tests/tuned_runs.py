"""A fine-tuning's run as the service keeps it, its checkpoints made without learning: random adapters."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from app.api.services import Services
from bench.xtts_reference import recording
from speech.audio import Audio, save
from speech.engines.xtts.adapters import ADAPTER
from speech.engines.xtts.checkpoint import open_checkpoint
from train.xtts.adapters import adapter_of, save_adapter
from train.xtts.options import XttsOptions
from train.xtts.trainable import XttsFit

RUN = "ana-0a1b2c3d"


def write_dataset(services: Services, name: str = "ana", clips: int = 5) -> Path:
    """A built dataset of clips of a second each."""
    services.datasets.create(name, "pt-BR")
    folder = services.settings.datasets_path / name / "MyTTSDataset"
    (folder / "wavs").mkdir(parents=True)
    rows = []
    for number in range(clips):
        save(Audio(recording(1.0 + 0.1 * number, number), 22050), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|Um texto qualquer {number}.|Um texto qualquer.\n")
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")
    return folder


def write_run(services: Services, base: Path, steps: tuple[int, ...] = (2, 4), run: str = RUN) -> Path:
    """A run on the dataset `ana`; the last step is the best."""
    services.training.begin(run, services.caller)
    folder = services.training.run_folder(run)
    (folder / "dataset").write_text("ana", encoding="utf-8")
    (folder / "options.json").write_text(json.dumps({"options": {"data": {"language": "pt-BR"}}}), encoding="utf-8")
    checkpoint = open_checkpoint(base)
    for step in steps:
        target = folder / "checkpoints" / f"step-{step:06}"
        target.mkdir(parents=True)
        fit = XttsFit(checkpoint, [], [], XttsOptions(rank=4, targets="all"))
        with torch.no_grad():
            for adapter in fit.adapters.values():
                adapter.up.normal_(0, 0.05, generator=torch.Generator().manual_seed(step))
        save_adapter(target / ADAPTER, adapter_of(fit.adapters, checkpoint.digest))
        losses = {"loss": 5.0 - step / 10, "text": 1.0, "audio": 4.0}
        meta = {"step": step, "losses": losses, "method": "lora", "language": "pt-BR", "base": checkpoint.digest}
        (target / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder
