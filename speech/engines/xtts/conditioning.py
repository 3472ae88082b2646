"""How a voice sounds, for the decoder: a recording to 32 latent vectors that stand before the text.

An attention encoder over mel frames (Tortoise's, https://arxiv.org/abs/2305.07243), then a perceiver resampler
(Flamingo's, https://arxiv.org/abs/2204.14198) that turns any number of frames into 32 latents.
B: batch; F: frames of 256 samples; W: the decoder's width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.weights import blank, fill
from speech.engines.xtts.spectrum import BANDS, SAMPLE_RATE, log_mel

if TYPE_CHECKING:
    from speech.engines.xtts.config import XttsConfig

LEAST_S = 0.33  # a shorter piece of the recording is left out
LATENTS = 32
HEADS, HEAD = 8, 64  # of the perceiver
FFT = 2048


class Conditioning(nn.Module):
    """The checkpoint's `gpt.conditioning_encoder` and `gpt.conditioning_perceiver`; `mel_stats` (80,) as there."""

    def __init__(self, config: XttsConfig, mel_stats: Tensor) -> None:
        super().__init__()
        blocks = nn.Sequential(*(AttentionBlock(config.width, config.heads) for _ in range(6)))
        parts = {"init": nn.Conv1d(BANDS, config.width, 1), "attn": blocks}
        self.conditioning_encoder = nn.Sequential(OrderedDict(parts))  # (B, 80, F) to (B, W, F)
        self.conditioning_perceiver = Perceiver(config.width)
        self.mel_stats: Tensor
        self.register_buffer("mel_stats", mel_stats, persistent=False)
        self.whole_samples = config.cond_len_s * SAMPLE_RATE
        self.chunk_samples = config.cond_chunk_s * SAMPLE_RATE

    def latents(self, samples: Tensor) -> Tensor:
        """(1, 32, W) of (n,) at 22.05 kHz: the mean over pieces of `cond_chunk_s`, of the first `cond_len_s`.

        Raises ValueError where no piece is `LEAST_S` long.
        """
        pieces = samples[: self.whole_samples].split(self.chunk_samples)
        pieces = tuple(piece for piece in pieces if len(piece) >= LEAST_S * SAMPLE_RATE)
        if not pieces:
            raise ValueError(f"{len(samples)} samples are fewer than {LEAST_S} s")
        whole = [piece for piece in pieces if len(piece) == self.chunk_samples]
        batches = [torch.stack(whole)] if whole else []
        batches += [piece[None] for piece in pieces if len(piece) < self.chunk_samples]
        return torch.cat([self(self.mels(batch)) for batch in batches]).mean(dim=0, keepdim=True)

    def mels(self, samples: Tensor) -> Tensor:
        """(B, 80, F) of (B, n) at 22.05 kHz."""
        return log_mel(samples, FFT, self.mel_stats)

    def forward(self, mels: Tensor) -> Tensor:
        """(B, 80, F) to (B, 32, W)."""
        latents: Tensor = self.conditioning_perceiver(self.conditioning_encoder(mels).transpose(1, 2))
        return latents


def load_conditioning(config: XttsConfig, weights: Mapping[str, Tensor]) -> Conditioning:
    """Of a checkpoint's weights; raises SpeechError as `weights.fill` does."""
    with blank():
        conditioning = Conditioning(config, weights["mel_stats"].float())
    fill(conditioning, weights, "gpt.")
    return conditioning


class AttentionBlock(nn.Module):
    """Every frame hears every other; what is added to is the normalised input, not the input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        groups = 8 if width <= 16 else 16 if width <= 64 else 32
        while width % groups:
            groups //= 2
        self.norm = nn.GroupNorm(groups, width)
        self.qkv = nn.Conv1d(width, 3 * width, 1)
        self.proj_out = nn.Conv1d(width, width, 1)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm(x)
        # Queries, keys and values lie side by side within each head: (B, heads, C, F).
        queries, keys, values = self.qkv(normed).unflatten(1, (self.heads, 3, -1)).unbind(2)
        scale = queries.shape[2] ** -0.25
        shares = ((queries * scale).transpose(2, 3) @ (keys * scale)).softmax(dim=3)
        heard = values @ shares.transpose(2, 3)
        out: Tensor = normed + self.proj_out(heard.flatten(1, 2))
        return out


class Perceiver(nn.Module):
    """32 learned queries hear themselves and the frames, twice: (B, F, W) to (B, 32, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.zeros(LATENTS, width))
        inner = int(width * 4 * 2 / 3)
        self.layers = nn.ModuleList(
            nn.ModuleList(
                [
                    CrossAttention(width),
                    nn.Sequential(nn.Linear(width, 2 * inner), GatedGelu(), nn.Linear(inner, width)),
                ]
            )
            for _ in range(2)
        )
        self.norm = RootMeanSquareNorm(width)

    def forward(self, frames: Tensor) -> Tensor:
        latents = self.latents.expand(len(frames), -1, -1)
        for layer in self.layers:
            attention, feed_forward = layer.children()
            latents = attention(latents, frames) + latents
            latents = feed_forward(latents) + latents
        out: Tensor = self.norm(latents)
        return out


class CrossAttention(nn.Module):
    """(B, 32, W), (B, F, W) to (B, 32, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_q = nn.Linear(width, HEADS * HEAD, bias=False)
        self.to_kv = nn.Linear(width, 2 * HEADS * HEAD, bias=False)
        self.to_out = nn.Linear(HEADS * HEAD, width, bias=False)

    def forward(self, latents: Tensor, frames: Tensor) -> Tensor:
        heard = self.to_kv(torch.cat([latents, frames], dim=1))
        queries, keys, values = (
            part.unflatten(2, (HEADS, HEAD)).transpose(1, 2) for part in (self.to_q(latents), *heard.chunk(2, dim=2))
        )
        shares = (queries @ keys.transpose(2, 3) * HEAD**-0.5).softmax(dim=3)
        out: Tensor = self.to_out((shares @ values).transpose(1, 2).flatten(2))
        return out


class GatedGelu(nn.Module):
    """Half of the channels, weighed by the other half (https://arxiv.org/abs/2002.05202)."""

    def forward(self, x: Tensor) -> Tensor:
        values, gates = x.chunk(2, dim=-1)
        return values * functional.gelu(gates)


class RootMeanSquareNorm(nn.Module):
    """https://arxiv.org/abs/1910.07467"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = functional.normalize(x, dim=-1) * x.shape[-1] ** 0.5 * self.gamma
        return normed
