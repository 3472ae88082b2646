"""What a fine-tuning will take on this machine, and how one that runs goes."""

from __future__ import annotations

import os
import statistics
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from app.observability.gpu import gpus
from app.settings import Settings
from app.tasks.training_service import TrainingService
from speech.engines.memory import available_bytes
from speech.errors import SpeechError
from speech.synthesis import Synthesizer

if TYPE_CHECKING:
    from train.options import TrainOptions
    from train.planning import Basis, Estimate

RECENT = 32  # steps whose pace tells how long the rest takes
CONTEXT_BYTES = 600 << 20  # of the GPU, that CUDA keeps for itself in a process


def estimate_training(service: TrainingService, dataset: str, sections: Mapping[str, Any]) -> Estimate:
    """Raises Problem `dataset_not_built`, SpeechError `dataset_too_small`, `bad_training_option` and as the readers of
    dataset and checkpoint do."""
    from train.planning import measured_speed, probed_speed

    options = service.options(sections)
    device, precision = options.run.device, options.run.precision
    measured = measured_speed(service.root, device, precision)
    speed = measured or probed_speed(device, precision)
    return _estimate(service, dataset, options, speed, "measured" if measured else "computed")


def _estimate(service: TrainingService, dataset: str, options: TrainOptions, speed: float, basis: Basis) -> Estimate:
    from pathlib import Path

    from train.planning import Run, Workload, estimate, multiplies_bf16, read_config

    checkpoint = service.checkpoint_dir()
    run = Run(service.dataset(dataset), checkpoint, Path(), Path(), options)
    workload = Workload.of(run.clips().clips, checkpoint / "vocab.json", options.data.validation_share)
    config, available = read_config(checkpoint / "config.json"), _available(options.run.device)
    return estimate(config, workload, options, speed, basis, available, multiplies_bf16())


def make_room(
    service: TrainingService, synthesizer: Synthesizer, dataset: str, sections: Mapping[str, Any]
) -> tuple[str, ...]:
    """Unload the engines that nobody uses where a training would not fit beside them; their names.

    What cannot be estimated is told by the training itself.
    """
    try:
        fits = _estimate(service, dataset, service.options(sections), 0.0, "unknown").fits
    except SpeechError:
        return ()
    return synthesizer.release() if fits is False else ()


def training_devices(settings: Settings) -> tuple[str, ...] | None:
    """Devices that a training may have on this machine, whose workers train; None where others may do it, whose devices
    are not known here."""
    if settings.jobs != "embedded" or not settings.train_workers:
        return None
    return ("cpu", "cuda") if gpus() and can_use_gpus() else ("cpu",)


def check_device(settings: Settings, engine: str, device: str) -> None:
    """Raises SpeechError `device_missing`."""
    known = training_devices(settings)
    if known is not None and device.partition(":")[0] not in known:
        raise SpeechError("device_missing", engine=engine, device=device, choices=list(known))


def can_use_gpus() -> bool:
    """Whether the PyTorch that is installed may see one, as far as it tells without being brought in."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    try:
        return not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False


def _available(device: str) -> int | None:
    if device == "cpu":
        return available_bytes()
    cards = gpus()
    return cards[0].memory_total_bytes - cards[0].memory_used_bytes - CONTEXT_BYTES if cards else None


def seconds_left(told_at: Sequence[float], steps_left: int) -> float | None:
    """By the pace of the last steps, whose times are given in order; None before there is one."""
    paces = [later - earlier for earlier, later in zip(told_at, told_at[1:]) if later > earlier]
    return statistics.median(paces) * steps_left if paces else None
