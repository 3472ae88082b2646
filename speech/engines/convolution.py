"""Convolutions that run as a stream, of which vocoders are made.

Each keeps the few inputs that its next outputs still need, so that a block costs the same alone as within the whole.
Activations are (time, channels): the layout that oneDNN's kernels for one channel-last image read without copies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SLOPE = 0.1  # of the rectifiers of HiFi-GAN (https://arxiv.org/abs/2010.05646)
LEAST_ROWS = 16


class Conv:
    """A convolution without padding, its weights laid out once for where it runs: (n, C) to (n - reach, C')."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dilation: int, at: Tensor) -> None:
        """`weight` (C', C, kernel); device and dtype are those of `at`."""
        self.weight = weight.detach()[:, :, None].to(at).contiguous(memory_format=torch.channels_last)
        self.bias = None if bias is None else bias.detach().to(at)
        self.dilation = dilation
        self.channels, self.count = len(weight), weight.numel()
        self.reach = (weight.shape[2] - 1) * dilation
        self.is_packed = at.device.type == "cpu" and torch.backends.mkldnn.is_available()
        if self.is_packed:
            pack = torch.ops.aten.mkldnn_reorder_conv2d_weight
            like = [1, weight.shape[1], 1, 4096]
            self.weight = pack(self.weight.to_mkldnn(), [0, 0], [1, 1], [1, dilation], 1, like)

    def __call__(self, x: Tensor, bias: Tensor | None = None, slope: float = 1.0, add: Tensor | None = None) -> Tensor:
        """`bias` instead of its own; then a rectifier with `slope` below zero, or `add` of the result's shape."""
        if len(x) <= self.reach:
            return x.new_zeros(0, self.channels)
        bias = self.bias if bias is None else bias
        if not self.is_packed:
            made = _rows(functional.conv2d(_image(x), self.weight, bias, dilation=(1, self.dilation)))
            made = made if add is None else made + add
            return made if slope == 1 else functional.leaky_relu(made, slope)
        ops, shape = torch.ops.mkldnn, ([0, 0], [1, 1], [1, self.dilation], 1)
        if add is not None:
            binary = ops._convolution_pointwise.binary
            return _rows(binary(_image(x), _image(add), self.weight, bias, *shape, "add", 1.0, None, [], None))
        rectified = ("none", [], "") if slope == 1 else ("leaky_relu", [slope], "")
        return _rows(ops._convolution_pointwise(_image(x), self.weight, bias, *shape, *rectified))


def _image(rows: Tensor) -> Tensor:
    """(n, C) as a channel-last image (1, C, 1, n) of the same memory."""
    return rows[None, None].permute(0, 3, 1, 2)


def _rows(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1)[0, 0]


class Past:
    """What a layer still needs of before: its last `keep` rows; at first, as after the last row, `edge` zeros."""

    def __init__(self, keep: int, edge: int) -> None:
        self._keep, self._edge = keep, edge
        self._kept: Tensor | None = None

    def joined(self, x: Tensor, is_last: bool) -> tuple[Tensor, int]:
        """Those rows, `x` and the end's zeros; and how many stand before `x`."""
        edge = x.new_zeros(self._edge, x.shape[1])
        kept = edge if self._kept is None else self._kept
        rows = torch.cat([kept, x, edge] if is_last else [kept, x])
        self._kept = rows[max(0, len(rows) - self._keep) :].clone()
        return rows, len(kept)


class Padded:
    """A convolution of as many outputs as inputs."""

    def __init__(self, conv: Conv, bias: Tensor | None, slope: float) -> None:
        self._conv, self._bias, self._slope = conv, bias, slope
        self._past = Past(conv.reach, conv.reach // 2)

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows, _ = self._past.joined(x, is_last)
        count = len(rows) - self._conv.reach
        # For fewer rows oneDNN takes another kernel, whose sums end in other digits.
        padded = functional.pad(rows, (0, 0, 0, max(0, LEAST_ROWS - count)))
        return self._conv(padded, self._bias, self._slope)[: max(0, count)]


class Fusion:
    """The sum of three stacks of residual pairs that hear 12, 36 and 60 rows around each moment."""

    def __init__(self, stacks: list[list[tuple[Conv, Conv]]]) -> None:
        self._stacks = [[Residual(*pair) for pair in stack] for stack in stacks]
        self._waiting: list[Tensor | None] = [None for _ in stacks]  # made, but not yet by all

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        made = []
        for stack, waiting in zip(self._stacks, self._waiting, strict=True):
            hidden = x
            for residual in stack:
                hidden = residual.push(hidden, is_last)
            made.append(hidden if waiting is None else torch.cat([waiting, hidden]))
        count = min(len(rows) for rows in made)
        self._waiting = [rows[count:].clone() for rows in made]
        return (made[0][:count] + made[1][:count]).add_(made[2][:count])


class Residual:
    """Two convolutions after rectifiers, beside a shortcut."""

    def __init__(self, first: Conv, second: Conv) -> None:
        self._first, self._second = first, second
        self._inputs, self._between = (Past(conv.reach, conv.reach // 2) for conv in (first, second))

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows, _ = self._inputs.joined(x, is_last)
        between = self._first(functional.leaky_relu(rows, SLOPE), slope=SLOPE)
        joined, before = self._between.joined(between, is_last)
        # Row 0 of `between` is the moment of row `first.reach / 2` of `rows`, and `before` rows stand before it.
        start = self._first.reach // 2 + self._second.reach // 2 - before
        return self._second(joined, add=rows[start : start + len(joined) - self._second.reach])
