"""What a fine-tuning will take on this machine, and how one that runs goes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.observability.gpu import gpus
from app.tasks.training_service import TrainingService
from speech.engines.memory import available_bytes

if TYPE_CHECKING:
    from train.planning import Estimate

RECENT = 32  # steps whose pace tells how long the rest takes
CONTEXT_BYTES = 600 << 20  # of the GPU, that CUDA keeps for itself in a process


def estimate_training(service: TrainingService, dataset: str, sections: Mapping[str, Any]) -> Estimate:
    """Raises Problem `dataset_not_built`, SpeechError `dataset_too_small`, `bad_training_option` and as the readers of
    dataset and checkpoint do."""
    from pathlib import Path

    from train.planning import Run, Workload, estimate, measured_speed, probed_speed, read_config

    options = service.options(sections)
    checkpoint = service.checkpoint_dir()
    run = Run(service.dataset(dataset), checkpoint, Path(), Path(), options)
    workload = Workload.of(run.clips().clips, checkpoint / "vocab.json", options.data.validation_share)
    device, precision = options.run.device, options.run.precision
    measured = measured_speed(service.root, device, precision)
    speed = measured or probed_speed(device, precision)
    config, available = read_config(checkpoint / "config.json"), _available(device)
    return estimate(config, workload, options, speed, "measured" if measured else "computed", available)


def _available(device: str) -> int | None:
    if device == "cpu":
        return available_bytes()
    cards = gpus()
    return cards[0].memory_total_bytes - cards[0].memory_used_bytes - CONTEXT_BYTES if cards else None


def seconds_left(told_at: Sequence[float], steps_left: int) -> float | None:
    """By the pace of the last steps, whose times are given in order; None before there is one."""
    paces = [later - earlier for earlier, later in zip(told_at, told_at[1:]) if later > earlier]
    return statistics.median(paces) * steps_left if paces else None
