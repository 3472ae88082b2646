"""Low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685) for linear layers and convolutions.

A frozen layer's weight W gets up · down beside it, of rank r. At the start `up` is zero, so an adapted network is
the network it was; at the end the product is added to the weight and nothing is left of the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.xtts.gpt import Conv1D

Layer = nn.Conv1d | nn.ConvTranspose1d | nn.Linear | Conv1D


class LowRank(nn.Module):
    """A layer with an adapter of `rank`, scaled by alpha / rank.

    `up` is (d0, r) and `down` (r, rest) for a weight of shape (d0, …): outputs come first in a convolution and a
    linear layer, inputs in a transposed convolution. GPT-2's Conv1D keeps (in, out); its factors are those of a
    linear layer, (out, r) and (r, in).
    """

    def __init__(
        self, base: Layer, rank: int, generator: torch.Generator, alpha: float | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        shape = base.weight.T.shape if isinstance(base, Conv1D) else base.weight.shape
        rest = shape[1:].numel()
        self.base = base
        self.scale = 1.0 if alpha is None else alpha / rank
        self.dropout = dropout
        device = base.weight.device
        self.up = nn.Parameter(torch.zeros(shape[0], rank, device=device))
        # Drawn on the CPU, so that a seed gives the same adapter on every device.
        self.down = nn.Parameter((torch.randn(rank, rest, generator=generator) / rest**0.5).to(device))

    def forward(self, x: Tensor) -> Tensor:
        plain: Tensor = self.base(x)
        dropped = functional.dropout(x, self.dropout, self.training) if self.dropout else x
        added = self._added(dropped)
        return plain + (added if self.scale == 1.0 else self.scale * added)

    def _added(self, x: Tensor) -> Tensor:
        base = self.base
        if isinstance(base, nn.Linear | Conv1D):
            return functional.linear(functional.linear(x, self.down), self.up)
        kernel = self.down.view(len(self.down), *base.weight.shape[1:])
        if isinstance(base, nn.ConvTranspose1d):
            narrow = functional.conv1d(x, self.up.T[:, :, None])
            stride, padding, longer = (int(size[0]) for size in (base.stride, base.padding, base.output_padding))
            return functional.conv_transpose1d(narrow, kernel, None, stride, padding, longer)
        narrow = functional.conv1d(x, kernel, None, base.stride, base.padding, base.dilation)
        return functional.conv1d(narrow, self.up[:, :, None])

    def delta(self) -> Tensor:
        """What is added to the weight, in its shape."""
        product = self.scale * (self.up @ self.down) if self.scale != 1.0 else self.up @ self.down
        return product.T if isinstance(self.base, Conv1D) else product.view_as(self.base.weight)


def adapt(
    root: nn.Module,
    rank: int,
    chosen: Callable[[str, nn.Module], bool],
    generator: torch.Generator,
    alpha: float | None = None,
    dropout: float = 0.0,
) -> dict[str, LowRank]:
    """Put an adapter on every chosen layer below `root`, in place; by the layer's name.

    `rank` is bounded by a layer's smaller side. The layers' own weights must be frozen already. `alpha` None: the
    product is added as it is.
    """
    layers = {name: layer for name, layer in _layers(root) if chosen(name, layer)}
    adapters = {}
    for name, layer in layers.items():
        sides = len(layer.weight), layer.weight[0].numel()
        adapters[name] = LowRank(layer, min(rank, *sides), generator, alpha, dropout)
        _replace(root, name, adapters[name])
    return adapters


def merge(root: nn.Module, adapters: Mapping[str, LowRank]) -> None:
    """Add every adapter to its weight and put the plain layers back, in place."""
    with torch.no_grad():
        for name, adapter in adapters.items():
            adapter.base.weight = nn.Parameter(adapter.base.weight + adapter.delta(), requires_grad=False)
            _replace(root, name, adapter.base)


def unmerge(root: nn.Module, adapters: Mapping[str, LowRank]) -> None:
    """The inverse of `merge`, but for rounding: the weights as they were, adapters beside them."""
    with torch.no_grad():
        for name, adapter in adapters.items():
            adapter.base.weight = nn.Parameter(adapter.base.weight - adapter.delta(), requires_grad=False)
            _replace(root, name, adapter)


def _replace(root: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(root.get_submodule(parent), own, layer)


def _layers(root: nn.Module) -> Iterator[tuple[str, Layer]]:
    for name, layer in root.named_modules():
        is_plain = isinstance(layer, nn.Linear | Conv1D)
        if is_plain or (isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and layer.groups == 1):
            yield name, layer
