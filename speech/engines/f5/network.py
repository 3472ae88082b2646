"""F5-TTS's transformer (DiT): noised mel frames, the reference's frames and the text to the velocity of each frame.

Modules are named as the tensors in the published files. A row is computed as if it were alone: where another one is
longer, nothing of that reaches it (https://arxiv.org/abs/2410.06885, section 3; ConvNeXt V2:
https://arxiv.org/abs/2301.00808).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech.engines.f5.config import BANDS, HEAD_WIDTH, MOST_FRAMES, F5Config

ROTARY_BASE = 10000.0
TIME_WIDTH, TIME_SCALE = 256, 1000
CONV_GROUPS, CONV_KERNEL = 16, 31


@dataclass(frozen=True)
class Places:
    """Where the frames of a batch stand: `turns` (frames, 1, 32), complex, and what pads rows, None where nothing.

    `is_frame` is (batch, frames, 1); `attended` (batch, 1, 1, frames), true where a key may be looked at.
    """

    turns: Tensor
    is_frame: Tensor | None
    attended: Tensor | None


class GlobalResponseNorm(nn.Module):
    """Of ConvNeXt V2, over time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=1, keepdim=True)
        made: Tensor = self.gamma * (x * (size / (size.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + x
        return made


class TextBlock(nn.Module):
    """ConvNeXt V2: (batch, frames, width) to the same."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, inner)
        self.grn = GlobalResponseNorm(inner)
        self.pwconv2 = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        made: Tensor = x + self.pwconv2(self.grn(F.gelu(self.pwconv1(inner))))
        return made


class TextEmbedding(nn.Module):
    """A text spread over the frames that are spoken with it: what is left of them is filled up with token 0."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        width = config.text_width
        self.masks_filler = config.masks_filler
        self.text_embed = nn.Embedding(config.text_tokens, width)
        self.text_blocks = nn.ModuleList(TextBlock(width, 2 * width) for _ in range(config.text_layers))

    def forward(self, ids: Sequence[int], frames: int, is_dropped: bool = False) -> Tensor:
        """(frames, width) of one text's token numbers; `is_dropped` gives that of none."""
        device = self.text_embed.weight.device
        tokens = torch.zeros(1, frames, dtype=torch.long, device=device)
        kept = torch.tensor(ids[:frames], dtype=torch.long, device=device) + 1
        tokens[0, : len(kept)] = kept
        filler = (tokens == 0)[..., None]
        x: Tensor = self.text_embed(torch.zeros_like(tokens) if is_dropped else tokens)
        if not self.text_blocks:
            return x[0]
        x = x + _text_positions(frames, x.shape[-1], device)
        if self.masks_filler:
            x = x.masked_fill(filler, 0.0)
        for block in self.text_blocks:
            x = block(x)
            if self.masks_filler:
                x = x.masked_fill(filler, 0.0)
        return x[0]


class PositionConvolutions(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        conv = [nn.Conv1d(width, width, CONV_KERNEL, groups=CONV_GROUPS, padding=CONV_KERNEL // 2) for _ in range(2)]
        self.conv1d = nn.Sequential(conv[0], nn.Mish(), conv[1], nn.Mish())

    def forward(self, x: Tensor, is_frame: Tensor | None) -> Tensor:
        """(batch, frames, width) to the same, what is no frame at zero before each convolution and after it."""
        mask = None if is_frame is None else ~is_frame.transpose(1, 2)
        x = _zeroed(x.transpose(1, 2), mask)
        for layer in self.conv1d:
            x = layer(x)
            if isinstance(layer, nn.Conv1d):
                x = _zeroed(x, mask)
        return x.transpose(1, 2)


class InputEmbedding(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.proj = nn.Linear(2 * BANDS + config.text_width, config.width)
        self.conv_pos_embed = PositionConvolutions(config.width)

    def conditions(self, reference: Tensor, text: Tensor) -> Tensor:
        """What `proj` makes of all but the noised frames: (rows, frames, width), the same in every step."""
        return F.linear(torch.cat((reference, text), dim=-1), self.proj.weight[:, BANDS:], self.proj.bias)

    def forward(self, noised: Tensor, conditions: Tensor, is_frame: Tensor | None) -> Tensor:
        """`noised` (batch, frames, 100); `conditions` have one row or more for each of it, those of a kind together."""
        own = F.linear(noised, self.proj.weight[:, :BANDS])
        x = (conditions.unflatten(0, (-1, len(noised))) + own).flatten(0, 1)
        made: Tensor = x + self.conv_pos_embed(x, is_frame)  # the first says how the sum lies in memory
        return made


class TimeEmbedding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(TIME_WIDTH, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, times: Tensor) -> Tensor:
        """(steps,) in 0 to 1 to (steps, width)."""
        half = TIME_WIDTH // 2
        rates = torch.exp(torch.arange(half, device=times.device).float() * -(math.log(10000) / (half - 1)))
        angles = TIME_SCALE * times[:, None] * rates
        embedded: Tensor = self.time_mlp(torch.cat((angles.sin(), angles.cos()), dim=-1))
        return embedded


class Modulation(nn.Module):
    """What the time makes of a layer: shifts, scales and gates, of all steps in one product."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width * parts)
        self.parts = parts

    def forward(self, times: Tensor) -> Tensor:
        """(steps, width) to (steps, parts, width)."""
        made: Tensor = self.linear(F.silu(times))
        return made.view(len(times), self.parts, -1)


class Attention(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        inner = config.heads * HEAD_WIDTH
        self.heads, self.rotary_heads = config.heads, config.rotary_heads or config.heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(config.width, inner) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(inner, config.width)])

    def forward(self, x: Tensor, places: Places) -> Tensor:
        x = x.to(self.to_q.weight.dtype)
        query, key, value = (
            made.unflatten(-1, (self.heads, HEAD_WIDTH)) for made in (self.to_q(x), self.to_k(x), self.to_v(x))
        )
        query, key = (_turned(one, places, self.rotary_heads) for one in (query, key))
        query, key, value = (one.transpose(1, 2) for one in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=places.attended)
        out: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return out.float()


class GeluLinear(nn.Linear):
    """GELU of a product; on a CPU in the product's own pass over its result."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return F.gelu(super().forward(x), approximate="tanh")
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "gelu", [], "tanh")
        return made


class FeedForward(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        first = nn.Sequential(GeluLinear(config.width, config.ff_width))
        self.ff = nn.Sequential(first, nn.Identity(), nn.Linear(config.ff_width, config.width))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.ff(x.to(next(self.ff.parameters()).dtype))
        return made.float()


class Block(nn.Module):
    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.attn_norm = Modulation(config.width, 6)
        self.attn = Attention(config)
        self.ff = FeedForward(config)

    def forward(self, x: Tensor, modulation: Tensor, places: Places) -> Tensor:
        """`modulation` (6, width) of this step: shift, scale and gate of the attention, then of the rest."""
        shift, scale, gate, ff_shift, ff_scale, ff_gate = modulation
        x = torch.addcmul(x, gate, self.attn(_modulated(x, shift, scale), places))
        return torch.addcmul(x, ff_gate, self.ff(_modulated(x, ff_shift, ff_scale)))


class F5Network(nn.Module):
    """The transformer; `Modulations` of all steps are made once, by `modulations`."""

    def __init__(self, config: F5Config) -> None:
        super().__init__()
        self.time_embed = TimeEmbedding(config.width)
        self.text_embed = TextEmbedding(config)
        self.input_embed = InputEmbedding(config)
        self.transformer_blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm_out = Modulation(config.width, 2)
        self.proj_out = nn.Linear(config.width, BANDS)

    def modulations(self, times: Tensor) -> list[Tensor]:
        """(steps,) to what each block takes of them, (steps, 6, width), and the last norm, (steps, 2, width)."""
        embedded = self.time_embed(times)
        blocks = [block.attn_norm(embedded) for block in self.transformer_blocks if isinstance(block, Block)]
        return [*blocks, self.norm_out(embedded)]

    def forward(self, noised: Tensor, conditions: Tensor, modulation: Sequence[Tensor], places: Places) -> Tensor:
        """Velocities (rows, frames, 100), one for each of `conditions`; `modulation` is one step's of `modulations`."""
        x = self.input_embed(noised, conditions, places.is_frame)
        for block, own in zip(self.transformer_blocks, modulation, strict=False):
            x = block(x, own, places)
        scale, shift = modulation[-1]
        velocity: Tensor = self.proj_out(_modulated(x, shift, scale))
        return velocity


def places_of(lengths: Sequence[int], device: torch.device) -> Places:
    """Of rows that have so many frames; the longest says how many all have."""
    frames = max(lengths)
    rates = 1.0 / ROTARY_BASE ** (torch.arange(0, HEAD_WIDTH, 2, device=device).float() / HEAD_WIDTH)
    angles = torch.arange(frames, device=device).float()[:, None, None] * rates
    turns = torch.polar(torch.ones_like(angles), angles)
    if min(lengths) == frames:
        return Places(turns, None, None)
    counts = torch.tensor(lengths, device=device)[:, None]
    is_frame = torch.arange(frames, device=device)[None] < counts
    return Places(turns, is_frame[..., None], is_frame[:, None, None])


def _text_positions(frames: int, width: int, device: torch.device) -> Tensor:
    """(frames, width): cosines, then sines."""
    if frames > MOST_FRAMES:
        raise ValueError(f"{frames} frames, {MOST_FRAMES} at most")
    rates = 1.0 / ROTARY_BASE ** (torch.arange(0, width, 2, device=device)[: width // 2].float() / width)
    angles = torch.arange(frames, device=device).float()[:, None] * rates
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


def _turned(x: Tensor, places: Places, heads: int) -> Tensor:
    """The first `heads` of (batch, frames, heads, 64) turned by their position, pair by pair."""
    pairs = torch.view_as_complex(x[:, :, :heads].float().unflatten(-1, (-1, 2)))
    turned = torch.view_as_real(pairs * places.turns).flatten(-2).to(x.dtype)
    return turned if heads == x.shape[2] else torch.cat((turned, x[:, :, heads:]), dim=2)


def _modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], 1 + scale, shift, eps=1e-6)


def _zeroed(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x.masked_fill(mask, 0.0)
