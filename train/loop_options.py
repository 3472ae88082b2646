"""What the training loop is asked: how long and how. Brings no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Precision = Literal["fp32", "bf16", "fp16"]
Optimizer = Literal["adam", "adamw"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)


@dataclass(frozen=True)
class LoopOptions:
    """How long and how."""

    steps: int  # of the optimizer, at most
    steps_per_epoch: int = 0  # 0: the trainable has no epochs
    validate_every: int = 40  # steps
    patience: int = 4  # validations without a better one, then it ends; 0: never before the last step
    warm_up: int = 10  # steps
    final_rate: float = 0.1  # share of the rate that the cosine ends at
    average: float = 0.97  # of the running mean of the weights that is validated and kept; 0: the weights themselves
    largest_gradient: float = 5.0  # norm over all parameters; larger ones are shortened
    accumulation: int = 1  # batches whose gradients are added before one step
    optimizer: Optimizer = "adam"
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.0
    precision: Precision = "fp32"  # of the forward pass; weights, losses and optimizer stay in fp32
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer is one of {list(OPTIMIZERS)}, not {self.optimizer!r}")
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ValueError(f"precision is fp32, bf16 or fp16, not {self.precision!r}")
        if self.accumulation < 1:
            raise ValueError(f"accumulation is at least 1, not {self.accumulation}")
