"""What the fit of a voice compares: mel spectra, energy and pitch of a recording, in Kokoro's frames.

Everything is at 24 kHz. F0 and energy have a value every 300 samples (12.5 ms), a frame of Kokoro two of them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech.audio import Audio

SAMPLE_RATE = 24000
VALUE = 300  # samples of one F0 or energy value
VOICED = 0.5  # the tracker's certainty
# The tracker's times and Kokoro's, laid over each other on Kokoro's own speech (bench/results/pitch.json).
PITCH_DELAY_S = 0.0094
PITCH_RANGE_HZ = (55.0, 600.0)
ENERGY_FFT, ENERGY_WINDOW, ENERGY_BANDS = 2048, 1200, 80
# FFT, window, hop and bands of the spectra a recording is rebuilt in, as in StyleTTS 2's multi-resolution loss.
RESOLUTIONS = ((512, 480, 120, 40), (1024, 960, 240, 64), (2048, 1920, 480, 80))
FLOOR = 1e-4


def energy(samples: Tensor) -> Tensor:
    """Log of the norm of the mel frame, a value every 300 samples: (n // 300,) of samples (n,).

    As StyleTTS 2 measures it (https://arxiv.org/abs/2306.07691), up to a constant.
    """
    power = spectrum(samples[None], ENERGY_FFT, ENERGY_WINDOW, VALUE)[0] ** 2
    bands = filters(ENERGY_FFT, ENERGY_BANDS, 0.0, SAMPLE_RATE / 2).to(samples.device)
    return torch.log(torch.linalg.norm(1e-5 + bands @ power, dim=0))[: len(samples) // VALUE]


def pitch(audio: Audio) -> NDArray[np.float32]:
    """F0 in Hz every 300 samples of `audio` at 24 kHz, 0 where nothing is voiced: (n // 300,).

    By SwiftF0 (https://arxiv.org/abs/2508.18440).
    """
    from swift_f0 import SwiftF0

    found = SwiftF0(threads=1).detect(audio.samples, audio.sample_rate, *PITCH_RANGE_HZ)
    times = (np.arange(len(audio.samples) // VALUE) + 0.5) * VALUE / SAMPLE_RATE - PITCH_DELAY_S
    hertz = np.interp(times, found.timestamps, found.pitch_hz)
    certainty = np.interp(times, found.timestamps, found.confidence)
    voiced: NDArray[np.float32] = np.where(certainty > VOICED, hertz, 0).astype(np.float32)
    return voiced


def log_mels(samples: Tensor, top_hz: float) -> list[Tensor]:
    """Log mel spectra of (batch, n) in every one of `RESOLUTIONS`, up to `top_hz`: each (batch, bands, frames)."""
    made = []
    for fft, window, hop, bands in RESOLUTIONS:
        filterbank = filters(fft, bands, 30.0, top_hz).to(samples.device)
        made.append(torch.log(FLOOR + filterbank @ spectrum(samples, fft, window, hop)))
    return made


def cepstra(samples: Tensor, top_hz: float, count: int = 20) -> Tensor:
    """Mel cepstra without loudness, each coefficient with mean 0 and deviation 1 in time: (frames, count - 1)."""
    bands = filters(1024, 60, 0.0, top_hz) @ spectrum(samples[None], 1024, 1024, VALUE)[0] ** 2
    decibels = 10 * torch.log10(bands.clamp(min=1e-10))
    decibels = decibels.clamp(min=float(decibels.max()) - 80)
    angles = torch.pi / len(decibels) * (torch.arange(len(decibels)) + 0.5)
    basis = torch.cos(torch.arange(1, count)[:, None] * angles)
    coefficients = basis @ decibels
    return ((coefficients - coefficients.mean(1, keepdim=True)) / (coefficients.std(1, keepdim=True) + 1e-6)).T


def spectrum(samples: Tensor, fft: int, window: int, hop: int) -> Tensor:
    """Magnitudes (batch, fft / 2 + 1, frames) of (batch, n), frames centred; the gradient is finite at silence."""
    shape = torch.hann_window(window, device=samples.device)
    transformed = torch.stft(samples, fft, hop, window, shape, return_complex=True)
    return torch.sqrt(transformed.real**2 + transformed.imag**2 + 1e-12)


@cache
def filters(fft: int, bands: int, low_hz: float, top_hz: float) -> Tensor:
    """Triangles on the HTK mel scale with peaks of one: (bands, fft / 2 + 1)."""

    def mel(hertz: float) -> float:
        return float(2595 * np.log10(1 + hertz / 700))

    edges = 700 * (10 ** (np.linspace(mel(low_hz), mel(top_hz), bands + 2) / 2595) - 1)
    ramps = edges[:, None] - np.linspace(0, SAMPLE_RATE / 2, fft // 2 + 1)
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    return torch.from_numpy(triangles.astype(np.float32))
