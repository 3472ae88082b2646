"""Low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685) for convolutions, and trained biases.

A frozen layer's weight W gets up · down beside it, of rank r. At the start `up` is zero, so an adapted network is
the network it was; at the end the product is added to the weight and nothing is left of the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional


class LowRank(nn.Module):
    """A Conv1d or ConvTranspose1d with an adapter of `rank`.

    `up` is (d0, r) and `down` (r, rest) for a weight of shape (d0, …): out channels come first in a convolution,
    in channels in a transposed one.
    """

    def __init__(self, base: nn.Conv1d | nn.ConvTranspose1d, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rest = base.weight[0].numel()
        self.base = base
        self.up = nn.Parameter(torch.zeros(len(base.weight), rank))
        self.down = nn.Parameter(torch.randn(rank, rest, generator=generator) / rest**0.5)

    def forward(self, x: Tensor) -> Tensor:
        base, kernel = self.base, self.down.view(len(self.down), *self.base.weight.shape[1:])
        made: Tensor = base(x)
        if isinstance(base, nn.ConvTranspose1d):
            narrow = functional.conv1d(x, self.up.T[:, :, None])
            stride, padding, longer = (int(size[0]) for size in (base.stride, base.padding, base.output_padding))
            return made + functional.conv_transpose1d(narrow, kernel, None, stride, padding, longer)
        narrow = functional.conv1d(x, kernel, None, base.stride, base.padding, base.dilation)
        return made + functional.conv1d(narrow, self.up[:, :, None])

    def delta(self) -> Tensor:
        """What is added to the weight, in its shape."""
        return (self.up @ self.down).view_as(self.base.weight)


def adapt(
    root: nn.Module, rank: int, chosen: Callable[[str, nn.Module], bool], generator: torch.Generator
) -> dict[str, LowRank]:
    """Put an adapter on every chosen convolution below `root`, in place; by the layer's name.

    `rank` is bounded by a layer's smaller side. The layers' own weights must be frozen already.
    """
    found = {name: layer for name, layer in _convolutions(root) if chosen(name, layer)}
    adapters = {}
    for name, layer in found.items():
        sides = len(layer.weight), layer.weight[0].numel()
        adapters[name] = LowRank(layer, min(rank, *sides), generator)
        parent, _, own = name.rpartition(".")
        setattr(root.get_submodule(parent), own, adapters[name])
    return adapters


def merge(root: nn.Module, adapters: dict[str, LowRank]) -> None:
    """Add every adapter to its weight and put the plain layers back, in place."""
    with torch.no_grad():
        for name, adapter in adapters.items():
            adapter.base.weight += adapter.delta()
            parent, _, own = name.rpartition(".")
            setattr(root.get_submodule(parent), own, adapter.base)


def _convolutions(root: nn.Module) -> Iterator[tuple[str, nn.Conv1d | nn.ConvTranspose1d]]:
    for name, layer in root.named_modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and layer.groups == 1:
            yield name, layer
