"""Latents to what the generator hears: affine coupling layers run backwards (https://arxiv.org/abs/1605.08803).

Each hears twelve frames around a moment; only means are predicted, so that running backwards is a subtraction.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from speech.engines.rvc.config import RvcConfig

FLOWS, LAYERS, KERNEL = 4, 3, 5


class Flow(nn.Module):
    """(1, inter, T) and a speaker's vector (1, gin, 1) to (1, inter, T)."""

    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.flows = nn.ModuleDict({str(2 * i): _Coupling(config) for i in range(FLOWS)})  # a flip follows each

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        for coupling in reversed(list(self.flows.values())):
            x = coupling(x.flip(1), speaker)
        return x


class _Coupling(nn.Module):
    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.pre = nn.Conv1d(config.inter // 2, config.hidden, 1)
        self.enc = _Gated(config.hidden, config.gin)
        self.post = nn.Conv1d(config.hidden, config.inter // 2, 1)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        kept, moved = x.chunk(2, dim=1)
        return torch.cat([kept, moved - self.post(self.enc(self.pre(kept), speaker))], dim=1)


class _Gated(nn.Module):
    """WaveNet's gated convolutions (https://arxiv.org/abs/1609.03499), conditioned by the speaker."""

    def __init__(self, hidden: int, gin: int) -> None:
        super().__init__()
        self.cond_layer = nn.Conv1d(gin, 2 * hidden * LAYERS, 1)
        self.in_layers = nn.ModuleList(nn.Conv1d(hidden, 2 * hidden, KERNEL, padding=2) for _ in range(LAYERS))
        widths = [2 * hidden] * (LAYERS - 1) + [hidden]  # the last one makes no input for a next
        self.res_skip_layers = nn.ModuleList(nn.Conv1d(hidden, width, 1) for width in widths)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        hidden, skipped = x.shape[1], torch.zeros_like(x)
        conditions = self.cond_layer(speaker).chunk(LAYERS, dim=1)
        for gate_layer, out_layer, condition in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            tanh, sigmoid = (gate_layer(x) + condition).chunk(2, dim=1)
            made = out_layer(tanh.tanh() * sigmoid.sigmoid())
            if made.shape[1] > hidden:
                x = x + made[:, :hidden]
                made = made[:, hidden:]
            skipped = skipped + made
        return skipped
