"""Content and coarse F0 to latents: VITS' text encoder (https://arxiv.org/abs/2106.06103) with relative positions.

Distances of up to ten frames have vectors of their own (https://arxiv.org/abs/1803.02155). Only that band of the
scores is touched, so that nothing twice as wide as the scores is made.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.rvc.config import RvcConfig

WINDOW = 10  # frames to each side
SLOPE = 0.1


class ContentEncoder(nn.Module):
    """(1, T, content width) and coarse F0 (1, T) of 1 to 255 to mean and log deviation (1, inter, T) of the latents."""

    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.emb_phone = nn.Linear(config.content_width, config.hidden)
        if config.has_f0:
            self.emb_pitch = nn.Embedding(256, config.hidden)
        self.encoder = _Layers(config)
        self.proj = nn.Conv1d(config.hidden, config.inter * 2, 1)
        self._scale = math.sqrt(config.hidden)

    def forward(self, content: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.emb_phone(content)
        if pitch is not None:
            x = x + self.emb_pitch(pitch)
        x = functional.leaky_relu(x * self._scale, SLOPE).transpose(1, 2)
        mean, log_deviation = self.proj(self.encoder(x)).chunk(2, dim=1)
        return mean, log_deviation


class _Layers(nn.Module):
    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        count = range(config.layers)
        self.attn_layers = nn.ModuleList(RelativeAttention(config.hidden, config.heads) for _ in count)
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(config.hidden) for _ in count)
        self.ffn_layers = nn.ModuleList(_FeedForward(config) for _ in count)
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(config.hidden) for _ in count)

    def forward(self, x: Tensor) -> Tensor:
        layers = (self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2)
        for attend, norm_1, feed, norm_2 in zip(*layers, strict=True):
            x = norm_1(x + attend(x))
            x = norm_2(x + feed(x))
        return x


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (1, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = functional.layer_norm(x.transpose(1, 2), (x.shape[1],), self.gamma, self.beta, 1e-5)
        return rows.transpose(1, 2)


class RelativeAttention(nn.Module):
    """Self-attention over (1, C, T)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        for name in ("conv_q", "conv_k", "conv_v", "conv_o"):
            self.add_module(name, nn.Conv1d(channels, channels, 1))
        self.heads, self.width = heads, channels // heads
        self.emb_rel_k = nn.Parameter(torch.empty(1, 2 * WINDOW + 1, self.width))
        self.emb_rel_v = nn.Parameter(torch.empty(1, 2 * WINDOW + 1, self.width))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.get_submodule(f"conv_{name}")(x)[0] for name in "qkv")
        query, key, value = (part.view(self.heads, self.width, -1).transpose(1, 2) for part in (query, key, value))
        query = query / math.sqrt(self.width)
        scores = query @ key.transpose(1, 2)  # (heads, T, T)
        frames = x.shape[2]
        near = query @ self.emb_rel_k[0].T  # (heads, T, 21)
        for distance in _distances(frames):
            _diagonal(scores, distance).add_(_rows(near[:, :, distance + WINDOW], distance))
        weights = scores.softmax(-1)
        band = weights.new_zeros(self.heads, frames, 2 * WINDOW + 1)
        for distance in _distances(frames):
            _rows(band[:, :, distance + WINDOW], distance).copy_(_diagonal(weights, distance))
        said = weights @ value + band @ self.emb_rel_v[0]
        made: Tensor = self.get_submodule("conv_o")(said.transpose(1, 2).reshape(1, -1, frames))
        return made


def _distances(frames: int) -> range:
    most = min(WINDOW, frames - 1)
    return range(-most, most + 1)


def _diagonal(square: Tensor, distance: int) -> Tensor:
    return square.diagonal(distance, 1, 2)


def _rows(column: Tensor, distance: int) -> Tensor:
    """Those of (heads, T) that have a neighbour at `distance`."""
    return column[:, max(0, -distance) : column.shape[1] - max(0, distance)]


class _FeedForward(nn.Module):
    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.conv_1 = nn.Conv1d(config.hidden, config.filter, config.kernel)
        self.conv_2 = nn.Conv1d(config.filter, config.hidden, config.kernel)
        self._padding = ((config.kernel - 1) // 2, config.kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_1(functional.pad(x, self._padding)).relu()
        made: Tensor = self.conv_2(functional.pad(x, self._padding))
        return made
