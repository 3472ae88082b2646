"""Our fine-tuning of XTTS, full and by adapters, beside coqui-tts's GPTTrainer: the same weights, clips and batches.

`./run bench train_speed --python REFERENCE_PYTHON`; each in a process of its own, one after the other. The reference
gets its sounds read already; it encodes them at every step, as its trainer does, and ours once before.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.record import write
from bench.train_xtts_reference import sound
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, save

METHODS = ("full", "lora")
CLIPS, BATCH, WARM_UP = 8, 2, 2
TEXT = "Quando a chuva parou, as crianças correram para brincar na rua."
RATE = 22050


def write_clips(folder: Path) -> Path:
    """Eight clips of two to six seconds in LJSpeech's layout."""
    (folder / "wavs").mkdir(parents=True)
    rows = []
    for number in range(CLIPS):
        samples = round((2 + number / 2) * RATE)
        save(Audio(0.5 * sound(number, samples), RATE), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|{TEXT}|{TEXT}\n")
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")
    return folder


def prepared(checkpoint_dir: Path, dataset: Path, cache: Path) -> tuple[list[Any], Any]:
    from speech.engines.xtts.checkpoint import open_checkpoint
    from train.ljs import read_dataset
    from train.progress import NullReporter
    from train.xtts.corpus import prepare

    checkpoint = open_checkpoint(checkpoint_dir)
    clips = read_dataset(dataset, "pt-BR").clips
    examples, _ = prepare(dataset, clips, checkpoint_dir, checkpoint, cache, NullReporter())
    return examples, checkpoint


def learn(method: str, checkpoint_dir: Path, dataset: Path, cache: Path, steps: int, threads: int) -> dict[str, float]:
    """Seconds of a step and the most memory of this process; codes and mels are in the cache, as in every epoch."""
    import torch

    from train.loop import OPTIMIZERS
    from train.xtts.options import XttsOptions
    from train.xtts.trainable import XttsFit

    torch.set_num_threads(threads)
    examples, checkpoint = prepared(checkpoint_dir, dataset, cache)
    fit = XttsFit(checkpoint, examples, [], XttsOptions(method=method, batch_size=BATCH, bucket=1))
    groups = fit.parameters()
    parameters = [parameter for group in groups for parameter in group.parameters]
    optimizer = OPTIMIZERS["adamw"](
        [{"params": one.parameters, "weight_decay": 1e-2 if one.decays else 0.0} for one in groups], lr=1e-5
    )
    generator, began = torch.Generator().manual_seed(0), time.perf_counter()
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            began = time.perf_counter()
        total = sum(fit.losses(step, generator).values(), torch.zeros(()))
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    step_s = (time.perf_counter() - began) / steps
    return {"step_s": step_s, "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def apart(*arguments: str, target: Path) -> dict[str, float]:
    subprocess.run([*arguments], check=True)
    found: dict[str, float] = json.loads(target.read_text(encoding="utf-8"))
    return found


def compare(python: str, size: Any, steps: int, threads: int) -> dict[str, Any]:
    """Figures of ours and of the reference. The clips' codes are made before, in a process of their own."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        folder = write_checkpoint(work / "ours", size)
        shutil.copytree(folder, work / "theirs")  # the reference writes into its folder
        dataset, target = write_clips(work / "clips"), work / "figures.json"
        began = time.perf_counter()
        examples, _ = prepared(folder, dataset, work / "cache")
        preparing_s = time.perf_counter() - began
        sounds = {f"wav{at}": 0.5 * sound(at, round((2 + at / 2) * RATE)) for at in range(CLIPS)}
        np.savez(work / "clips.npz", **sounds, **{f"ids{at}": np.array(one.ids) for at, one in enumerate(examples)})
        common = [str(steps), str(threads)]
        found = {
            method: apart(
                *(sys.executable, "-m", "bench.train_speed", "--worker", method, str(folder), str(dataset)),
                *(str(work / "cache"), str(target), *common),
                target=target,
            )
            for method in METHODS
        }
        script = Path(__file__).with_name("train_speed_reference.py")
        given = (str(work / "theirs"), str(work / "clips.npz"), str(target), str(WARM_UP), *common)
        reference = apart(python, str(script), *given, target=target)
    return {"size": size, "steps": steps, "preparing_s": preparing_s, **found, "reference": reference}


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        method, folder, dataset, cache, target, steps, threads = sys.argv[2:]
        figures = learn(method, Path(folder), Path(dataset), Path(cache), int(steps), int(threads))
        Path(target).write_text(json.dumps(figures), encoding="utf-8")
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="the interpreter of the reference environment")
    parser.add_argument("--size", choices=["tiny", "full"], default="tiny")
    parser.add_argument("--steps", type=int, default=20)
    # The reference's trainer sets one when it is imported.
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    figures = compare(asked.python, asked.size, asked.steps, asked.threads)
    for method in METHODS:
        speed = figures["reference"]["step_s"] / figures[method]["step_s"]
        memory = figures[method]["peak_bytes"] / figures["reference"]["peak_bytes"]
        print(f"{method}: {speed:.2f} times as fast, {memory:.2f} of the memory")
    write(f"train_speed_{asked.size}", figures)


if __name__ == "__main__":
    main()
