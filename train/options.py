"""What a person sets of a training, in `train/config/*.yaml`; every key reaches the run or is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech.errors import SpeechError
from train.checkpoints import SnapshotPolicy
from train.dataset.options import changed
from train.loop_options import LoopOptions
from train.xtts.options import XttsOptions

FOLDER = Path(__file__).parent / "config"
DEFAULT_CONFIG, SMOKE_TEST = FOLDER / "train_config.yaml", FOLDER / "smoke_test.yaml"


@dataclass(frozen=True)
class DataOptions:
    """What is learned from."""

    language: str = "pt-BR"  # of all clips, BCP 47
    validation_share: float = 0.1  # of the clips, where the dataset has no split of its own
    most_clips: int = 0  # only the first so many; 0: all


@dataclass(frozen=True)
class RunOptions:
    """How long, and how the optimizer goes."""

    epochs: int = 50
    max_steps: int = 0  # of the optimizer, at most; 0: as the epochs have
    accumulation: int = 4  # batches before one step
    warm_up: int = 10  # steps
    final_rate: float = 0.1  # share of the rate that the cosine ends at
    largest_gradient: float = 1.0  # norm; larger ones are shortened
    optimizer: str = "adamw"
    beta1: float = 0.9
    beta2: float = 0.96
    weight_decay: float = 0.01
    average: float = 0.0  # of the running mean of the weights; 0: none
    precision: str = "fp32"  # fp32, bf16, fp16
    device: str = "cpu"
    patience: int = 0  # validations without a better one, then it ends; 0: never before the last epoch
    seed: int = 0


@dataclass(frozen=True)
class CheckpointOptions:
    """What is kept."""

    every_epochs: int = 5
    keep: int = 3
    keep_best: bool = True


@dataclass(frozen=True)
class EvidenceOptions:
    """What each checkpoint is judged by."""

    enabled: bool = True
    when: str = "each"  # each: as soon as it is kept, while the training waits; end: after the last step
    prompts: tuple[str, ...] = ()  # spoken by every checkpoint; none: texts of held-out clips
    most_prompts: int = 4
    most_s: float = 20.0  # of a sentence; a checkpoint that does not end is cut off there


@dataclass(frozen=True)
class TrainOptions:
    data: DataOptions = field(default_factory=DataOptions)
    model: XttsOptions = field(default_factory=XttsOptions)
    run: RunOptions = field(default_factory=RunOptions)
    checkpoints: CheckpointOptions = field(default_factory=CheckpointOptions)
    evidence: EvidenceOptions = field(default_factory=EvidenceOptions)

    def loop(self, batches_per_epoch: int) -> LoopOptions:
        """Of a dataset that has so many batches. Validated and saved once every `checkpoints.every_epochs`.

        Raises SpeechError `bad_training_option`.
        """
        run = self.run
        per_epoch = max(1, batches_per_epoch // run.accumulation)
        steps = run.epochs * per_epoch
        steps = min(steps, run.max_steps) if run.max_steps else steps
        try:
            return LoopOptions(
                steps=steps,
                validate_every=min(steps, self.checkpoints.every_epochs * per_epoch),
                patience=run.patience,
                warm_up=run.warm_up,
                final_rate=run.final_rate,
                average=run.average,
                largest_gradient=run.largest_gradient,
                accumulation=run.accumulation,
                optimizer=run.optimizer,  # type: ignore[arg-type]
                betas=(run.beta1, run.beta2),
                weight_decay=run.weight_decay,
                precision=run.precision,  # type: ignore[arg-type]
                device=run.device,
                seed=run.seed,
            )
        except ValueError as error:
            raise SpeechError("bad_training_option", option="run", reason=str(error)) from None

    def policy(self, validate_every: int) -> SnapshotPolicy:
        return SnapshotPolicy(validate_every, self.checkpoints.keep, self.checkpoints.keep_best)


WHEN = ("each", "end")
DEVICE = re.compile(r"cpu|cuda(:\d+)?")
# The bounds of what the page offers too; what is not named has none but its type.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "run.epochs": (1, 100),
    "run.max_steps": (0, 1_000_000),
    "run.accumulation": (1, 64),
    "run.beta1": (0.0, 0.9999),
    "run.beta2": (0.0, 0.9999),
    "run.average": (0.0, 0.99999),
    "run.largest_gradient": (0.001, 1000.0),
    "model.batch_size": (1, 64),
    "model.rate": (1e-8, 0.1),
    "checkpoints.every_epochs": (1, 10),
    "checkpoints.keep": (1, 100),
    "data.validation_share": (0.01, 0.5),
    "evidence.most_prompts": (1, 50),
    "evidence.most_s": (0.1, 30.0),
}


def load_options(path: Path = DEFAULT_CONFIG, changes: Mapping[str, Any] | None = None) -> TrainOptions:
    """Options of a YAML file, and `changes` (section to fields) over them.

    Raises SpeechError `bad_training_option` for an unknown name, a value of another type or outside its bounds.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpeechError("bad_training_option", option=path.name, reason=str(error)[:200]) from None
    return options_from(document, changes or {})


def options_from(*documents: Mapping[str, Any]) -> TrainOptions:
    """Defaults with each document over the one before. Raises SpeechError `bad_training_option`."""
    options = TrainOptions()
    try:
        for document in documents:
            options = changed(options, document)
    except SpeechError as error:
        raise SpeechError("bad_training_option", **error.values) from None
    except ValueError as error:
        raise SpeechError("bad_training_option", option="model", reason=str(error)) from None
    for name, (low, high) in BOUNDS.items():
        section, _, own = name.partition(".")
        value = getattr(getattr(options, section), own)
        if not low <= value <= high:
            raise SpeechError("bad_training_option", option=name, reason=f"{value} is not in {low:g} to {high:g}")
    if options.evidence.when not in WHEN:
        reason = f"{options.evidence.when} is none of {', '.join(WHEN)}"
        raise SpeechError("bad_training_option", option="evidence.when", reason=reason)
    if not DEVICE.fullmatch(options.run.device):
        raise SpeechError("bad_training_option", option="run.device", reason=f"{options.run.device} is not cpu or cuda")
    options.loop(1)
    return options
