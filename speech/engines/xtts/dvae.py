"""Recordings to the 1024 codes that the decoder learns to say, and back (VQ-VAE, https://arxiv.org/abs/1711.00937).

Used for training only: to speak, the codes never turn into sound by this way. B: batch; F: mel frames, a multiple of 4.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.weights import blank, fill
from speech.engines.xtts.spectrum import BANDS, log_mel

CODES = 1024
FFT = 1024
FRAMES = 4  # mel frames a code


class Dvae(nn.Module):
    """`hidden` is 512 in the public checkpoint; its `discrete_loss` buffers serve its own training and are left out."""

    def __init__(self, hidden: int = 512) -> None:
        super().__init__()
        wide = 2 * hidden
        self.encoder = nn.Sequential(
            nn.Sequential(nn.Conv1d(BANDS, hidden, 3, 2, padding=1), nn.ReLU()),
            nn.Sequential(nn.Conv1d(hidden, wide, 3, 2, padding=1), nn.ReLU()),
            *(Residual(wide) for _ in range(3)),
            nn.Conv1d(wide, hidden, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv1d(hidden, wide, 1),
            *(Residual(wide) for _ in range(3)),
            nn.Sequential(Doubled(wide, wide), nn.ReLU()),
            nn.Sequential(Doubled(wide, hidden), nn.ReLU()),
            nn.Conv1d(hidden, BANDS, 1),
        )
        self.codebook = Codebook(hidden)

    def mels(self, samples: Tensor, mel_stats: Tensor) -> Tensor:
        """(B, 80, F) of (B, n) at 22.05 kHz."""
        return log_mel(samples, FFT, mel_stats)

    def codes(self, mels: Tensor) -> Tensor:
        """(B, 80, F) to (B, F / 4), each 0 to 1023."""
        return self.codebook.nearest(self.encoder(mels).transpose(1, 2))

    def decoded(self, codes: Tensor) -> Tensor:
        """(B, n) to mel frames (B, 80, 4n)."""
        mels: Tensor = self.decoder(functional.embedding(codes, self.codebook.embed.T).transpose(1, 2))
        return mels


def load_dvae(weights: Mapping[str, Tensor]) -> Dvae:
    """Of what `checkpoint.read_dvae` gives; raises SpeechError as `weights.fill` does."""
    with blank():
        dvae = Dvae(len(weights["codebook.embed"]))
    fill(dvae, weights, "")
    return dvae


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x) + x
        return out


class Doubled(nn.Module):
    """Each frame twice, then a convolution."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(torch.repeat_interleave(x, 2, dim=2))
        return out


class Codebook(nn.Module):
    """1024 vectors, one a column; the other two are the running sums that they were learned from."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.embed: Tensor
        self.register_buffer("embed", torch.zeros(size, CODES))
        self.register_buffer("cluster_size", torch.zeros(CODES))
        self.register_buffer("embed_avg", torch.zeros(size, CODES))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the closest vector: (B, n, size) to (B, n)."""
        flat = vectors.flatten(0, 1)
        distances = flat.square().sum(1, keepdim=True) - 2 * flat @ self.embed + self.embed.square().sum(0)
        return distances.argmin(dim=1).view(vectors.shape[:-1])
