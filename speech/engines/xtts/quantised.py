"""The GPT's matrices as oneDNN wants them on a CPU: packed once, read by every step.

A step with few rows reads all weights and does little with them, so that bytes are time: `fp32` as in the file (only
laid out for the kernels), `bf16` half of them, `int8` a quarter. int8 weights have a scale for each output
(https://arxiv.org/abs/2004.09602); what they are multiplied with gets one for each row at each step, so that, as in the
other two, a row's result does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from speech.engines.xtts.gpt import Block, Gpt, Matmul
from speech.errors import SpeechError

# Precision to the CPU instructions (https://docs.pytorch.org/docs/stable/cpu.html) of which one is needed.
PRECISIONS = {"fp32": (), "bf16": ("avx512_bf16", "amx_bf16"), "int8": ("avx512_vnni", "avx_vnni")}
ROWS = 8  # for which the kernels' layout is chosen; others work with it as well


class Float32:
    """x @ weight + bias, with `activation` of the result."""

    dtype = torch.float32

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none") -> None:
        """`weight` (in, out), `bias` (out,)."""
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(self.dtype).t(), ROWS)
        self._bias = bias.to(self.dtype, copy=True)
        self._activation = activation
        self.size_bytes = weight.numel() * self.dtype.itemsize

    def __call__(self, x: Tensor) -> Tensor:
        form = "tanh" if self._activation == "gelu" else ""
        x = x.to(self.dtype)
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, self._activation, [], form)
        return made.float()


class BFloat16(Float32):
    """The same with weights and what they are multiplied with in bfloat16, sums in float32."""

    dtype = torch.bfloat16


class Int8:
    """The same with int8 weights and 8 bits a row: its largest magnitude is 127 steps from zero, which is at 128."""

    def __init__(self, weight: Tensor, bias: Tensor, activation: str = "none") -> None:
        scale = weight.abs().amax(0).div_(127).clamp_(min=1e-12)
        rounded = weight.div(scale).round_().to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(rounded.t().contiguous(), None)
        self._scale = scale.div_(127)  # of a weight's step and of a row's step but for the row's magnitude
        self._zero = torch.zeros(len(scale), dtype=torch.int32)
        self._middle = torch.tensor(128.5)  # conversion cuts, so that half a step rounds
        self._bias = bias.clone()
        self._activation = activation
        self.size_bytes = weight.numel()

    def __call__(self, x: Tensor) -> Tensor:
        largest = x.abs().amax(1, keepdim=True).clamp_(min=1e-12)
        steps = torch.addcmul(self._middle, x, 127 / largest).to(torch.uint8)
        made: Tensor = torch.ops.onednn.qlinear_pointwise(
            steps, 1.0, 128, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
        made = torch.addcmul(self._bias, made, largest)
        return torch.nn.functional.gelu(made, approximate="tanh") if self._activation == "gelu" else made


Packed = Float32 | Int8
KINDS: dict[str, type[Float32] | type[Int8]] = {"fp32": Float32, "bf16": BFloat16, "int8": Int8}


def check_precision(precision: str) -> None:
    """Raises SpeechError `xtts_precision` for a name that is none, or that this CPU has no instructions for."""
    has = torch.cpu.get_capabilities()
    usable = [name for name, needed in PRECISIONS.items() if not needed or any(has.get(one) for one in needed)]
    if precision not in usable:
        raise SpeechError("xtts_precision", precision=precision, choices=usable)


def pack(gpt: Gpt, precision: str, threads: int = 1) -> tuple[list[Sequence[Matmul]], Matmul, int]:
    """Four matrices a block and the head's, which int8 leaves in float32, and their bytes.

    Raises SpeechError `xtts_precision`.
    """
    check_precision(precision)
    kind = KINDS[precision]

    def packed(block: Block) -> tuple[Packed, ...]:
        own = (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj)
        return tuple(kind(one.weight, one.bias, "gelu" if one is block.mlp.c_fc else "none") for one in own)

    with ThreadPoolExecutor(threads) as pool:
        blocks = list(pool.map(packed, gpt.gpt.h))
    head = Float32(gpt.mel_head.weight.t(), gpt.mel_head.bias)
    return [*blocks], head, sum(one.size_bytes for block in [*blocks, (head,)] for one in block)


def plain(gpt: Gpt) -> tuple[list[Sequence[Matmul]], Matmul]:
    """The network's own matrices, where there is nothing to pack for."""
    return [block.matmuls() for block in gpt.gpt.h if isinstance(block, Block)], gpt.mel_head
