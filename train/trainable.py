"""What the loop trains: a voice of some engine, seen only through its losses and its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that learn at one rate."""

    name: str
    parameters: tuple[torch.nn.Parameter, ...]
    rate: float  # the optimizer's, before the schedule
    decays: bool = True  # whether weight decay pulls them


class Trainable(Protocol):
    """One voice in the making; `train.loop.fit` runs it, `KokoroFit` and `XttsFit` are two."""

    def parameters(self) -> list[ParameterGroup]:
        """What is trained, always in the same order."""

    def losses(self, step: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Weighted terms of one step on a batch that `generator` draws; their sum is what is made smaller."""

    def validate(self) -> Mapping[str, float]:
        """Terms on clips that are never trained on; `loss` decides which weights are kept."""

    def milestone(self, step: int) -> None:
        """Called before every step: what changes on the way (a second alignment) happens here."""

    def state(self) -> Mapping[str, Any]:
        """What `milestone` changed, for a checkpoint: tensors and plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state`."""
