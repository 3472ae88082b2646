"""A fine-tuning of XTTS-v2 from beginning to end: dataset, corpus, loop, checkpoints. It goes on where it was stopped.

In a run's folder: `options.json`, `resume.pt`, `curve.jsonl`, `tensorboard/`, `checkpoints/step-…/` with either
`adapter.safetensors` or a whole `model.safetensors`, and `refused.json`: clips that were left out, and why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from speech.engines.device import is_out_of_memory, reason_of, use_full_precision
from speech.engines.xtts.checkpoint import Checkpoint, open_checkpoint
from speech.engines.xtts.config import ADAPTER
from speech.errors import SpeechError
from train.checkpoints import CHECKPOINTS, OPTIONS, Snapshots, load_checkpoint, snapshots_in
from train.curve import Curve
from train.ljs import fingerprint
from train.loop import fit
from train.manifest import Manifest
from train.progress import Beside, Reporter
from train.tuned_engine import check_weights
from train.xtts.adapters import adapter_of, save_adapter, write_checkpoint_folder
from train.xtts.corpus import Refusal, prepare, split
from train.xtts.estimate import Workload, keep_speed, step_operations
from train.xtts.run import REFUSED, Run
from train.xtts.trainable import XttsFit

RESUME, LEARNING = "resume.pt", "training.stage.learning"
MAY_CHANGE = ("device", "precision")  # of `options.run`, when a run goes on: weights and moments are fp32 everywhere
Kept = Callable[[Reporter], None]


def finetune(run: Run, reporter: Reporter, kept: Kept = lambda reporter: None) -> dict[str, Any]:
    """Train; `kept` is called after each checkpoint, when all is saved, with a reporter of what it does. Returns the
    last figures and where the checkpoints are.

    Raises SpeechError `nothing_to_train_on`, `dataset_too_small`, `run_of_other_data`, `device_missing`,
    `resume_damaged`, `training_disk_full`, `training_weights_missing`, `training_no_memory` and as checkpoint and
    dataset readers do; Stopped, with everything to go on in `run.folder`.
    """
    try:
        return _finetuned(run, reporter, kept)
    except (MemoryError, OSError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        model, device = run.options.model, run.options.run.device
        values = {"device": device, "method": model.method, "batch_size": model.batch_size}
        raise SpeechError("training_no_memory", **values, reason=reason_of(error)) from error


def _finetuned(run: Run, reporter: Reporter, kept: Kept) -> dict[str, Any]:
    _use_device(run.options.run.device)
    checkpoint, manifest = open_checkpoint(run.checkpoint_dir), run.clips()
    check_weights(run.checkpoint_dir)
    run.folder.mkdir(parents=True, exist_ok=True)
    examples, refused = prepare(run.dataset, manifest.clips, run.checkpoint_dir, checkpoint, run.cache_dir, reporter)
    _keep_facts(run, manifest, checkpoint, refused)
    train, held = split(examples, run.held_out(manifest.clips))
    trainable = XttsFit(checkpoint, train, held, run.options.model, run.options.run.device)
    loop = run.options.loop(trainable.steps_per_epoch)
    snapshots = Snapshots(
        run.folder / CHECKPOINTS, run.options.policy(loop.validate_every), _writer(run, checkpoint, trainable, manifest)
    )
    saved = _saved(run.folder / RESUME)
    curve = Curve(run.folder, reporter, saved["step"] if saved else 0)

    def tell(step: int) -> None:
        kept(Beside(reporter, step, loop.steps))

    try:
        figures = fit(trainable, loop, run.folder / RESUME, curve, snapshots=snapshots, note=LEARNING, kept=tell)
    except ValueError as error:
        raise SpeechError("run_of_other_data", reason=str(error)) from None
    except OSError as error:
        if is_out_of_memory(error):
            raise
        raise SpeechError("training_disk_full", reason=str(error)) from error
    if "step_s" in figures:
        workload = Workload.of(manifest.clips, checkpoint.vocab_path, run.options.data.validation_share)
        operations = step_operations(checkpoint.config, workload, run.options)
        keep_speed(run.folder, run.options, operations / figures["step_s"])
    names = [path.name for path, _ in snapshots_in(run.folder / CHECKPOINTS)]
    counts = {"clips": len(train), "held_out": len(held), "refused": len(refused), "steps_planned": loop.steps}
    return {**figures, **counts, "checkpoints": names}


def _saved(path: Path) -> Any | None:
    """Raises SpeechError `resume_damaged`; the checkpoints of the run are not touched."""
    try:
        return load_checkpoint(path)
    except (RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        raise SpeechError("resume_damaged", file=path.name, run=path.parent.name, reason=str(error)[:120]) from error


def _use_device(device: str) -> None:
    import torch

    if device != "cpu" and not (device.startswith("cuda") and torch.cuda.is_available()):
        raise SpeechError("device_missing", engine="xtts", device=device, choices=["cpu"])
    use_full_precision(device)


def _keep_facts(run: Run, manifest: Manifest, checkpoint: Checkpoint, refused: list[Refusal]) -> None:
    """Raises SpeechError `run_of_other_data` for a folder in which something else was begun."""
    facts = {"options": asdict(run.options), "dataset": fingerprint(manifest), "base": checkpoint.digest}
    facts = json.loads(json.dumps(facts))
    path = run.folder / OPTIONS
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        different = [name for name in ("dataset", "base") if before[name] != facts[name]]
        different += [name for name in ("model", "run") if _fixed(before, name) != _fixed(facts, name)]
        if different:
            raise SpeechError("run_of_other_data", reason=", ".join(different))
    path.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    (run.folder / REFUSED).write_text(json.dumps([asdict(one) for one in refused], indent=2), encoding="utf-8")


def _fixed(facts: Mapping[str, Any], section: str) -> dict[str, Any]:
    """What of a section stays as it was while a run goes on."""
    return {name: value for name, value in facts["options"][section].items() if name not in MAY_CHANGE}


def _writer(
    run: Run, checkpoint: Checkpoint, trainable: XttsFit, manifest: Manifest
) -> Callable[[Path], Mapping[str, Any]]:
    """What fills a snapshot's folder: the adapters, or a checkpoint that the engine loads as it is."""
    facts = {
        "method": run.options.model.method,
        "base": checkpoint.digest,
        "dataset": fingerprint(manifest),
        "language": run.options.data.language,
        "steps_per_epoch": max(1, trainable.steps_per_epoch // run.options.run.accumulation),
    }

    def write(folder: Path) -> Mapping[str, Any]:
        if trainable.adapters:
            save_adapter(folder / ADAPTER, adapter_of(trainable.adapters, checkpoint.digest))
        else:
            write_checkpoint_folder(folder, run.checkpoint_dir, trained_weights(checkpoint, trainable), facts)
        return facts

    return write


def trained_weights(checkpoint: Checkpoint, trainable: XttsFit) -> dict[str, Any]:
    """The base checkpoint's tensors with those that were trained in their place."""
    weights = dict(checkpoint.weights)
    for module in (trainable.gpt, trainable.conditioning):
        weights |= {f"gpt.{name}": tensor for name, tensor in module.state_dict().items() if f"gpt.{name}" in weights}
    return weights
