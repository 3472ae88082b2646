"""Our training losses of XTTS against coqui-tts's GPTTrainer: the same weights, batch and optimizer, ten steps.

`./run bench train_parity --python REFERENCE_PYTHON [--golden]`; `--golden` writes what `./run test` compares with.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.record import write
from bench.xtts_weights import write_checkpoint
from speech.engines.xtts.checkpoint import open_checkpoint
from train.xtts.losses import Batch, gpt_losses
from train.xtts.options import STRIDE, XttsOptions
from train.xtts.trainable import XttsFit

ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/speech/golden/xtts/training.npz"
RATE = 1e-3


def ours(folder: Path, reference: Mapping[str, Any]) -> np.ndarray:
    """Losses (steps, 2) of text and audio, weighted, on the reference's batch."""
    torch.manual_seed(0)
    lengths = [-(-int(samples) // STRIDE) for samples in reference["wav_lengths"]]
    rows = range(len(lengths))
    batch = Batch(
        ids=[reference["ids"][row, : reference["text_lengths"][row]].tolist() for row in rows],
        codes=[torch.from_numpy(reference["codes"][row, : lengths[row]]).long() for row in rows],
        mels=torch.from_numpy(reference["mels"]),
        unheard=[(0, 0)] * (len(lengths) - 1) + [tuple(reference["ignored"].tolist())],
    )
    fit = XttsFit(open_checkpoint(folder), [], [], XttsOptions(method="full", rate=RATE))
    groups = [{"params": group.parameters, "weight_decay": 1e-2 if group.decays else 0.0} for group in fit.parameters()]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.96), eps=1e-8)
    losses = []
    for _ in range(len(reference["losses"])):
        made = gpt_losses(fit.gpt, fit.conditioning, batch, is_trained=True)
        terms = (fit.options.text_weight * made.text, fit.options.audio_weight * made.audio)
        optimizer.zero_grad()
        (terms[0] + terms[1]).backward()
        optimizer.step()
        losses.append([float(term.detach()) for term in terms])
    return np.array(losses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="the interpreter of the reference environment")
    parser.add_argument("--golden", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)  # as the reference's trainer does when it is imported: the last digits grow
    with tempfile.TemporaryDirectory() as name:
        folder = write_checkpoint(Path(name) / "tiny", "tiny")
        script = Path(__file__).with_name("train_xtts_reference.py")
        kept = Path(name) / "training.npz"
        shutil.copytree(folder, Path(name) / "theirs")  # the reference writes into its folder
        subprocess.run([options.python, str(script), str(Path(name) / "theirs"), str(kept)], check=True)
        reference = dict(np.load(kept))
        difference = np.abs(ours(folder, reference) - reference["losses"])
        if options.golden:
            shutil.copyfile(kept, GOLDEN)
    print(f"steps {len(difference)}, largest difference {difference.max():.2e}")
    write("train_parity", {"steps": len(difference), "largest_difference": float(difference.max())})


if __name__ == "__main__":
    main()
