"""The spectra in which a recording is rebuilt, with a gradient. Everything is at 24 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from speech.engines.kokoro import alignment

# FFT, window, hop and bands, as in StyleTTS 2's multi-resolution loss.
RESOLUTIONS = ((512, 480, 120, 40), (1024, 960, 240, 64), (2048, 1920, 480, 80))
LOWEST_HZ = 30.0
FLOOR = 1e-4


def log_mels(samples: Tensor, top_hz: float) -> list[Tensor]:
    """Log mel spectra of (batch, n) in every one of `RESOLUTIONS`, up to `top_hz`: each (batch, bands, frames)."""
    made = []
    for fft, window, hop, bands in RESOLUTIONS:
        filterbank = filters(fft, bands, top_hz, samples.device)
        made.append(torch.log(FLOOR + filterbank @ spectrum(samples, fft, window, hop)))
    return made


def spectrum(samples: Tensor, fft: int, window: int, hop: int) -> Tensor:
    """Magnitudes (batch, fft / 2 + 1, frames) of (batch, n), frames centred; the gradient is finite at silence."""
    transformed = torch.stft(samples, fft, hop, window, hann(window, samples.device), return_complex=True)
    return torch.sqrt(transformed.real**2 + transformed.imag**2 + 1e-12)


def bands_below(bands: int, top_hz: float, highest_hz: float) -> int:
    """How many of `bands` up to `highest_hz` end at `top_hz` or below."""
    ends = alignment.mel_edges(bands, LOWEST_HZ, highest_hz)[2:]
    return int((ends < top_hz + 1e-3).sum())  # the last one ends at `highest_hz` but for rounding


@cache
def hann(window: int, device: torch.device) -> Tensor:
    return torch.hann_window(window, device=device)


@cache
def filters(fft: int, bands: int, top_hz: float, device: torch.device) -> Tensor:
    """Triangles on the HTK mel scale: (bands, fft / 2 + 1); sent to a device once."""
    return torch.from_numpy(alignment.filters(fft, bands, LOWEST_HZ, top_hz).astype(np.float32)).to(device)
