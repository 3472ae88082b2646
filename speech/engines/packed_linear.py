"""Linear layers as oneDNN wants them on a CPU: packed once, read by every step of a decoder.

A step with few rows reads all weights and does little with them, so that bytes are time: `fp32` as in the file (only
laid out for the kernels), `bf16` half of them, `int8` a quarter. int8 weights have a scale for each output
(https://arxiv.org/abs/2004.09602); what they are multiplied with gets one for each row at each step, so that, as in the
other two, a row's result does not depend on the rows beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from speech.engines.cores import Cores
from speech.errors import SpeechError

# Precision to the CPU instructions (https://docs.pytorch.org/docs/stable/cpu.html) of which one is needed.
PRECISIONS = {"fp32": (), "bf16": ("avx512_bf16", "amx_bf16"), "int8": ("avx2",)}
AUTO = "auto"  # the fastest of those that are near float32, as measured when the weights are loaded
ONE = Cores()
ROWS = 8  # for which the kernels' layout is chosen; others work with it as well


class Float32:
    """x @ weight + bias, with `activation` of the result."""

    dtype = torch.float32

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none", cores: Cores = ONE) -> None:
        """`weight` (in, out), `bias` (out,); `cores` share the product."""
        self._cores = cores
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(self.dtype).t(), ROWS)
        self._bias = bias.to(self.dtype, copy=True)
        self._activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        form = "tanh" if self._activation == "gelu" else ""
        rows = x.to(self.dtype)
        rows = torch.cat((rows, rows)) if len(x) == 1 else rows  # one alone would be summed in another order
        with self._cores:
            made: Tensor = torch.ops.mkldnn._linear_pointwise(
                rows, self._weight, self._bias, self._activation, [], form
            )
        return made[: len(x)].float()


class BFloat16(Float32):
    """The same with weights and what they are multiplied with in bfloat16, sums in float32."""

    dtype = torch.bfloat16


class Int8:
    """The same with int8 weights, and each row in 255 steps from its smallest number to its largest.

    x = low + step q, so that x @ W = step (q @ W) + low (sums of W's columns).
    """

    dtype = torch.int8

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none", cores: Cores = ONE) -> None:
        self._cores = cores
        has = torch.cpu.get_capabilities()
        most = 127 if has.get("avx512_vnni") or has.get("avx_vnni") else 63  # 16 bits hold two products of these
        self._scale = torch.maximum(weight.amax(0), -weight.amin(0)).div_(most).clamp_(min=1e-12)
        self._sums = torch.zeros_like(bias)
        rounded = torch.empty(weight.shape, dtype=torch.int8)
        for start in range(0, len(weight), 64):  # a piece at a time, as large pieces of freed memory stay with us
            piece = weight[start : start + 64].div(self._scale).round_()
            rounded[start : start + 64] = piece
            self._sums += piece.sum(0)
        self._sums *= self._scale
        self._weight = torch.ops.onednn.qlinear_prepack(rounded.t().contiguous(), None)
        self._zero = torch.zeros(len(bias), dtype=torch.int32)
        self._bias = bias.clone()
        self._activation = activation

    def __call__(self, x: Tensor) -> Tensor:
        low = x.amin(1, keepdim=True)
        step = x.amax(1, keepdim=True).sub_(low).clamp_(min=1e-12).div_(255)
        steps = torch.addcmul(0.5 - low / step, x, 1 / step).to(torch.uint8)  # conversion cuts: half a step rounds
        with self._cores:  # the rest by one: how vectors are cut would change their last digits
            made: Tensor = torch.ops.onednn.qlinear_pointwise(
                steps, 1.0, 0, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
            )
        made = torch.addcmul(self._bias, made, step).addr_(low[:, 0], self._sums)
        return torch.nn.functional.gelu(made, approximate="tanh") if self._activation == "gelu" else made


KINDS: dict[str, type[Float32] | type[Int8]] = {"fp32": Float32, "bf16": BFloat16, "int8": Int8}


def usable_precisions(device: str = "cpu") -> list[str]:
    """What this device can compute with."""
    if device != "cpu":  # int8 is packed for a CPU's kernels
        return ["fp32", "bf16"] if torch.cuda.is_bf16_supported() else ["fp32"]
    has = torch.cpu.get_capabilities()
    return [name for name, needed in PRECISIONS.items() if not needed or any(has.get(one) for one in needed)]


def check_precision(precision: str, device: str = "cpu") -> None:
    """Raises SpeechError `xtts_precision` for a name that is none, or that this device cannot compute with."""
    choices = [AUTO, *usable_precisions(device)]
    if precision not in choices:
        raise SpeechError("xtts_precision", precision=precision, choices=choices)
