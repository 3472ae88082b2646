"""The training loop: warm-up and cosine, averaged weights, held-out clips that decide when to stop.

One loop fits a voice of Kokoro in minutes on a CPU and fine-tunes XTTS-v2 on a GPU; what differs is in `LoopOptions`.
It can be stopped at any step and goes on from its checkpoint with the same numbers.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train.checkpoints import Snapshots, load_checkpoint, save_checkpoint
from train.loop_options import LoopOptions, Optimizer
from train.progress import Reporter, Stopped
from train.random_state import untouched
from train.trainable import Trainable

# Fused: gradients, moments and weights are gone over once, in a third of the time, which of a whole network is a tenth
# of a step. What is fitted with Adam has few weights.
OPTIMIZERS: Mapping[Optimizer, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": partial(torch.optim.AdamW, fused=True),
}
SEED_STRIDE = 1_000_003  # between the seeds of two steps of one run


@dataclass
class _State:
    step: int
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    generator: torch.Generator
    parameters: list[torch.nn.Parameter]
    average: list[Tensor]  # the parameters themselves where nothing is averaged
    best: list[Tensor]
    best_loss: float
    since_best: int
    skipped: int = 0  # steps whose gradients were not numbers


def fit(
    trainable: Trainable,
    options: LoopOptions,
    checkpoint: Path,
    reporter: Reporter,
    after: Callable[[int], None] = lambda step: None,
    snapshots: Snapshots | None = None,
    note: str = "clone.stage.fitting",
    kept: Callable[[int], None] = lambda step: None,
) -> Mapping[str, float]:
    """Train until the held-out loss stops falling or the steps are done; the best averaged weights stay in place.

    `after` is called with the averaged weights in place, after every validation, and `snapshots` are written then.
    `kept` is called once a snapshot is there and everything is in `checkpoint`; what it does with random numbers
    changes nothing of the run, and it may raise Stopped.
    Returns the best validation's values, the steps done and `step_s`, the median of their seconds in this call.
    Raises Stopped when the reporter says so, with everything in `checkpoint`.
    """
    state = _start(trainable, options, checkpoint)
    took_s: list[float] = []
    while state.step < options.steps and not _is_over(state, options):
        if reporter.should_stop():
            _save(checkpoint, trainable, state)
            raise Stopped
        trainable.milestone(state.step)
        began = time.monotonic()
        values = _step(trainable, options, state)
        took_s.append(time.monotonic() - began)
        state.step += 1
        reporter.metric(state.step, values)
        reporter.progress(state.step, options.steps, note)
        if state.step % options.validate_every == 0 or state.step == options.steps:
            is_kept = _validate(trainable, state, reporter, after, snapshots)
            _save(checkpoint, trainable, state)
            if is_kept:
                with untouched():
                    kept(state.step)
    _put(state.parameters, state.best)
    speed = {"step_s": statistics.median(took_s)} if took_s else {}
    return {**trainable.validate(), "steps": float(state.step), **speed}


def _is_over(state: _State, options: LoopOptions) -> bool:
    return bool(options.patience) and state.since_best >= options.patience


def _start(trainable: Trainable, options: LoopOptions, checkpoint: Path) -> _State:
    groups = trainable.parameters()
    parameters = [parameter for group in groups for parameter in group.parameters]
    optimizer = OPTIMIZERS[options.optimizer](
        [
            {
                "params": group.parameters,
                "lr": group.rate,
                "rate": group.rate,
                "weight_decay": options.weight_decay if group.decays else 0.0,
            }
            for group in groups
        ],
        betas=options.betas,
    )
    generator = torch.Generator().manual_seed(options.seed)
    scaler = torch.amp.GradScaler(_kind(options.device), enabled=options.precision == "fp16")
    best = [parameter.detach().clone() for parameter in parameters]
    average = [copy.clone() for copy in best] if options.average else [parameter.detach() for parameter in parameters]
    state = _State(0, optimizer, scaler, generator, parameters, average, best, math.inf, 0)
    saved = load_checkpoint(checkpoint)
    return _restored(trainable, state, saved, bool(options.average)) if saved else state


def _restored(trainable: Trainable, state: _State, saved: Mapping[str, Any], is_averaged: bool) -> _State:
    _put(state.parameters, saved["parameters"])
    state.optimizer.load_state_dict(saved["optimizer"])
    state.scaler.load_state_dict(saved.get("scaler", {}) or state.scaler.state_dict())
    state.generator.set_state(saved["generator"])
    trainable.restore(saved["trainable"])
    if is_averaged:
        _put(state.average, saved["average"])
    _put(state.best, saved["best"])
    state.step, state.best_loss, state.since_best = saved["step"], saved["best_loss"], saved["since_best"]
    state.skipped = saved.get("skipped", 0)
    return state


def _step(trainable: Trainable, options: LoopOptions, state: _State) -> dict[str, float]:
    """One step of the optimizer: the terms of its batches, averaged, their sum as `loss`, and the learning `rate`; of
    one that was left out `skipped`, how many that are. A value that is no number is not told."""
    _seed_dropout(options, state.step)
    scale = schedule(state.step, options)
    for group in state.optimizer.param_groups:
        group["lr"] = group["rate"] * scale
    state.optimizer.zero_grad()
    means: dict[str, float] = {}
    for index in range(options.accumulation):
        with _cast(options):
            terms = trainable.losses(state.step * options.accumulation + index, state.generator)
        stacked = torch.stack(list(terms.values()))
        total = stacked.sum() if options.accumulation == 1 else stacked.sum() / options.accumulation
        state.scaler.scale(total).backward()
        for name, value in zip(terms, stacked.detach().tolist(), strict=True):  # one transfer for all terms
            means[name] = means.get(name, 0.0) + value / options.accumulation
    values = {**means, "loss": sum(means.values()), "rate": state.optimizer.param_groups[0]["lr"]}
    if not _descend(options, state):
        state.skipped += 1
        values["skipped"] = state.skipped
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _descend(options: LoopOptions, state: _State) -> bool:
    """A step down the gradients, unless they are not numbers: then weights and average stay. Whether it was made."""
    state.scaler.unscale_(state.optimizer)
    norm = torch.nn.utils.clip_grad_norm_(state.parameters, options.largest_gradient)
    is_number = bool(torch.isfinite(norm))
    if is_number or options.precision == "fp16":  # the scaler itself leaves the step out and lowers its scale
        state.scaler.step(state.optimizer)
        state.scaler.update()
    if is_number and options.average:
        weight = 1 - min(options.average, (1 + state.step) / (10 + state.step))
        with torch.no_grad():
            torch._foreach_lerp_(state.average, [parameter.detach() for parameter in state.parameters], weight)
    return is_number


def _seed_dropout(options: LoopOptions, step: int) -> None:
    """Dropout draws from the global generator: by step, so that a resumed run draws as the whole one."""
    torch.manual_seed(options.seed * SEED_STRIDE + step)


def _cast(options: LoopOptions) -> AbstractContextManager[Any]:
    if options.precision == "fp32":
        return nullcontext()
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float16
    return torch.autocast(_kind(options.device), dtype)


def _kind(device: str) -> str:
    return device.split(":")[0]


def schedule(step: int, options: LoopOptions) -> float:
    """Share of the rate at a step: a straight warm-up, then half a cosine."""
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    done = (step - options.warm_up) / max(1, options.steps - options.warm_up)
    return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def _validate(
    trainable: Trainable,
    state: _State,
    reporter: Reporter,
    after: Callable[[int], None],
    snapshots: Snapshots | None,
) -> bool:
    """Whether a snapshot was kept."""
    held = [parameter.detach().clone() for parameter in state.parameters]
    _put(state.parameters, state.average)
    values = trainable.validate()
    reporter.metric(state.step, {f"held_out_{name}": value for name, value in values.items()})
    is_best = values["loss"] < state.best_loss
    if is_best:
        state.best_loss, state.since_best = values["loss"], 0
        state.best = [mean.detach().clone() for mean in state.average]
    else:
        state.since_best += 1
    is_kept = snapshots.take(state.step, values, is_best) if snapshots else False
    after(state.step)
    _put(state.parameters, held)
    return is_kept


def _put(targets: list[Any], values: list[Tensor]) -> None:
    with torch.no_grad():
        for target, value in zip(targets, values, strict=True):
            target.copy_(value)


def _save(checkpoint: Path, trainable: Trainable, state: _State) -> None:
    save_checkpoint(
        checkpoint,
        {
            "parameters": [parameter.detach().clone() for parameter in state.parameters],
            "optimizer": state.optimizer.state_dict(),
            "scaler": state.scaler.state_dict(),
            "generator": state.generator.get_state(),
            "trainable": dict(trainable.state()),
            "average": state.average,
            "best": state.best,
            "step": state.step,
            "best_loss": state.best_loss,
            "since_best": state.since_best,
            "skipped": state.skipped,
        },
    )
