"""The mel spectrum that F5-TTS and Vocos share, digit for digit as torchaudio's `MelSpectrogram` with power 1."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from speech.engines.f5.config import BANDS, FFT, HOP, SAMPLE_RATE

LEAST = 1e-5


def log_mel(samples: Tensor) -> Tensor:
    """(batch, n) at 24 kHz to (batch, 1 + n // 256, 100): natural logarithm of the magnitude in each band."""
    window, filters = _window(samples.device), _filters(samples.device)
    spectrum = torch.stft(samples, FFT, HOP, FFT, window, center=True, pad_mode="reflect", return_complex=True)
    return torch.matmul(spectrum.abs().transpose(-1, -2), filters).clamp(min=LEAST).log()


@functools.lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    return torch.hann_window(FFT, device=device)


@functools.lru_cache(maxsize=4)
def _filters(device: torch.device) -> Tensor:
    """Triangles of height 1, evenly on the mel scale of 2595 log10(1 + f / 700): (513, 100)."""
    highest = SAMPLE_RATE / 2
    mels = torch.linspace(0, 2595 * math.log10(1 + highest / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    ramps = edges - torch.linspace(0, highest, FFT // 2 + 1)[:, None]
    widths = edges.diff()
    return torch.minimum(-ramps[:, :-2] / widths[:-1], ramps[:, 2:] / widths[1:]).clamp(min=0).to(device)
