"""Mel spectra as torchaudio's `MelSpectrogram` computes them (https://docs.pytorch.org/audio/stable/transforms.html).

The networks were trained on those numbers; the package itself is not needed for them.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from speech.engines.xtts.config import HOP, SAMPLE_RATE

BANDS, HIGHEST_HZ = 80, 8000
LEAST_POWER = 1e-5


def mel_power(samples: Tensor, fft: int, hop: int, window: Tensor, filters: Tensor) -> Tensor:
    """Power in each mel band: (batch, n) to (batch, bands, 1 + n // hop); `filters` is (fft // 2 + 1, bands)."""
    spectrum = torch.stft(samples, fft, hop, len(window), window, center=True, pad_mode="reflect", return_complex=True)
    return torch.matmul(spectrum.abs().square().transpose(-1, -2), filters).transpose(-1, -2)


def log_mel(samples: Tensor, fft: int, mel_stats: Tensor) -> Tensor:
    """What the conditioning encoder (`fft` 2048) and the DVAE (1024) hear.

    (batch, n) at 22.05 kHz to (batch, 80, 1 + n // 256); `mel_stats` (80,) is the checkpoint's scale of each band.
    """
    window, filters = _window(samples.device), _filters(fft, samples.device)
    power = mel_power(samples, fft, HOP, window, filters)
    return power.clamp(min=LEAST_POWER).log() / mel_stats[:, None]


@functools.lru_cache(maxsize=8)
def _window(device: torch.device) -> Tensor:
    return torch.hann_window(1024, device=device)


@functools.lru_cache(maxsize=8)
def _filters(fft: int, device: torch.device) -> Tensor:
    """Triangles evenly on the mel scale of 2595 log10(1 + f / 700), each of unit area: (fft // 2 + 1, 80)."""
    mels = torch.linspace(0, 2595 * math.log10(1 + HIGHEST_HZ / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    ramps = edges - torch.linspace(0, SAMPLE_RATE // 2, fft // 2 + 1)[:, None]
    widths = edges.diff()
    triangles = torch.minimum(-ramps[:, :-2] / widths[:-1], ramps[:, 2:] / widths[1:]).clamp(min=0)
    return (triangles * (2 / (edges[2:] - edges[:-2]))).to(device)
