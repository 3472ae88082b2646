"""The training loop: Adam, a warm-up and a cosine, averaged weights, held-out clips that decide when to stop.

It can be stopped at any step and goes on from its checkpoint with the same numbers.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train.checkpoints import load_checkpoint, save_checkpoint
from train.progress import Reporter, Stopped
from train.trainable import Trainable


@dataclass(frozen=True)
class LoopOptions:
    """How long and how."""

    steps: int  # at most
    validate_every: int = 40  # steps
    patience: int = 4  # validations without a better one, then it ends
    warm_up: int = 10  # steps
    final_rate: float = 0.1  # share of the rate that the cosine ends at
    average: float = 0.97  # of the running mean of the weights that is validated and kept
    largest_gradient: float = 5.0  # norm over all parameters; larger ones are shortened
    seed: int = 0


@dataclass
class _State:
    step: int
    optimizer: torch.optim.Adam
    generator: torch.Generator
    average: list[Tensor]
    best: list[Tensor]
    best_loss: float
    since_best: int


def fit(
    trainable: Trainable,
    options: LoopOptions,
    checkpoint: Path,
    reporter: Reporter,
    after: Callable[[int], None] = lambda step: None,
) -> Mapping[str, float]:
    """Train until the held-out loss stops falling or the steps are done; the best averaged weights stay in place.

    `after` is called with the averaged weights in place, after every validation. Returns the best validation's
    values, the steps done and `step_s`, the median of their seconds in this call. Raises Stopped when the reporter
    says so, with everything in `checkpoint`.
    """
    groups = trainable.parameters()
    parameters = [parameter for group in groups for parameter in group.parameters]
    state = _start(trainable, options, checkpoint, parameters)
    took_s: list[float] = []
    while state.step < options.steps and state.since_best < options.patience:
        if reporter.should_stop():
            _save(checkpoint, trainable, state, parameters)
            raise Stopped
        trainable.milestone(state.step)
        began = time.monotonic()
        values = _step(trainable, options, state, parameters)
        took_s.append(time.monotonic() - began)
        state.step += 1
        reporter.metric(state.step, values)
        reporter.progress(state.step, options.steps, "clone.stage.fitting")
        if state.step % options.validate_every == 0 or state.step == options.steps:
            _validate(trainable, state, parameters, reporter, after)
            _save(checkpoint, trainable, state, parameters)
    _put(parameters, state.best)
    speed = {"step_s": statistics.median(took_s)} if took_s else {}
    return {**trainable.validate(), "steps": float(state.step), **speed}


def _start(trainable: Trainable, options: LoopOptions, checkpoint: Path, parameters: list[Any]) -> _State:
    optimizer = torch.optim.Adam(
        [{"params": group.parameters, "lr": group.rate, "rate": group.rate} for group in trainable.parameters()],
        betas=(0.8, 0.99),
    )
    generator = torch.Generator().manual_seed(options.seed)
    copies = [parameter.detach().clone() for parameter in parameters]
    state = _State(0, optimizer, generator, copies, [copy.clone() for copy in copies], math.inf, 0)
    saved = load_checkpoint(checkpoint)
    if saved is None:
        return state
    _put(parameters, saved["parameters"])
    optimizer.load_state_dict(saved["optimizer"])
    generator.set_state(saved["generator"])
    trainable.restore(saved["trainable"])
    state.average, state.best = saved["average"], saved["best"]
    state.step, state.best_loss, state.since_best = saved["step"], saved["best_loss"], saved["since_best"]
    return state


def _step(trainable: Trainable, options: LoopOptions, state: _State, parameters: list[Any]) -> dict[str, float]:
    scale = schedule(state.step, options)
    for group in state.optimizer.param_groups:
        group["lr"] = group["rate"] * scale
    terms = trainable.losses(state.step, state.generator)
    total = torch.stack(list(terms.values())).sum()
    state.optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(parameters, options.largest_gradient)
    state.optimizer.step()
    with torch.no_grad():
        for mean, parameter in zip(state.average, parameters):
            mean.lerp_(parameter, 1 - min(options.average, (1 + state.step) / (10 + state.step)))
    return {name: float(term.detach()) for name, term in terms.items()}


def schedule(step: int, options: LoopOptions) -> float:
    """Share of the rate at a step: a straight warm-up, then half a cosine."""
    if step < options.warm_up:
        return (step + 1) / options.warm_up
    done = (step - options.warm_up) / max(1, options.steps - options.warm_up)
    return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def _validate(
    trainable: Trainable, state: _State, parameters: list[Any], reporter: Reporter, after: Callable[[int], None]
) -> None:
    held = [parameter.detach().clone() for parameter in parameters]
    _put(parameters, state.average)
    values = trainable.validate()
    reporter.metric(state.step, {f"held_out_{name}": value for name, value in values.items()})
    if values["loss"] < state.best_loss:
        state.best_loss, state.since_best = values["loss"], 0
        state.best = [mean.clone() for mean in state.average]
    else:
        state.since_best += 1
    after(state.step)
    _put(parameters, held)


def _put(parameters: list[Any], values: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


def _save(checkpoint: Path, trainable: Trainable, state: _State, parameters: list[Any]) -> None:
    save_checkpoint(
        checkpoint,
        {
            "parameters": [parameter.detach().clone() for parameter in parameters],
            "optimizer": state.optimizer.state_dict(),
            "generator": state.generator.get_state(),
            "trainable": dict(trainable.state()),
            "average": state.average,
            "best": state.best,
            "step": state.step,
            "best_loss": state.best_loss,
            "since_best": state.since_best,
        },
    )
