"""Triangular mel filters of unit area as librosa makes them, whose numbers the F0 networks were trained on."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SAMPLE_RATE = 16000
FRAME = 160  # samples of a value of F0: a hundredth of a second
# Slaney's scale is linear up to 1 kHz, then logarithmic (Auditory Toolbox, 1998).
STEP_HZ, BREAK_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


@functools.lru_cache(maxsize=4)
def mel_filters(bands: int, fft: int, lowest_hz: float, highest_hz: float, scale: Literal["slaney", "htk"]) -> Tensor:
    """(bands, fft // 2 + 1)."""
    lowest, highest = _to_mel(np.array([lowest_hz, highest_hz]), scale)
    edges = _to_hz(np.linspace(lowest, highest, bands + 2), scale)
    ramps = edges[:, None] - np.fft.rfftfreq(fft, 1 / SAMPLE_RATE)[None]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    filters = triangles.astype(np.float32) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(np.float32))


def _to_mel(hertz: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + hertz / 700))
    above = BREAK_HZ / STEP_HZ + np.log(np.maximum(hertz, 1e-9) / BREAK_HZ) / LOG_STEP
    return np.where(hertz >= BREAK_HZ, above, hertz / STEP_HZ)


def _to_hz(mels: NDArray[np.float64], scale: str) -> NDArray[np.float64]:
    if scale == "htk":
        return np.asarray(700 * (10 ** (mels / 2595) - 1))
    above = BREAK_HZ * np.exp(LOG_STEP * (mels - BREAK_HZ / STEP_HZ))
    return np.where(mels >= BREAK_HZ / STEP_HZ, above, STEP_HZ * mels)
