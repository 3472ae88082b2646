"""Samples at another rate, each output by its own phase of one filter, with a gradient; needs torch."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # the service has no torch
    from numpy.typing import NDArray
    from torch import Tensor

INPUT_RATE = 24000  # of the samples given to `Resampler`
OUTPUT_RATE = 16000  # of the encoders
CUTOFF_HZ, TRANSITION_HZ = 7650.0, 450.0  # half of the amplitude is left at the one, all or nothing the other away
ZERO_CROSSINGS, ROLL_OFF = 6, 0.99  # of torchaudio's filter, on each side; of the lower rate's half


class Resampler:
    """24 to 16 kHz: two output samples for every three; nothing is left from `TRANSITION_HZ` above `cutoff_hz` on."""

    def __init__(self, device: str = "cpu", cutoff_hz: float = CUTOFF_HZ) -> None:
        import torch

        self._filter = torch.from_numpy(resampling_filter(min(cutoff_hz, CUTOFF_HZ))).to(device)

    def __call__(self, samples: Tensor) -> Tensor:
        """(batch, n) to (batch, two thirds of n, rounded up); the gradient flows back to the samples."""
        count = -(-samples.shape[1] * OUTPUT_RATE // INPUT_RATE)
        taps = self._filter.shape[-1]
        return _by_phases(samples, self._filter, 3, (taps // 2, taps))[:, :count]


def resample_as_torchaudio(samples: Tensor, input_rate: int, output_rate: int) -> Tensor:
    """(batch, n) at another rate, digit for digit as `torchaudio.functional.resample`: for networks trained on that."""
    if input_rate == output_rate:
        return samples
    divisor = math.gcd(input_rate, output_rate)
    step, phases = input_rate // divisor, output_rate // divisor
    filters, reach = _hann_filters(step, phases)
    count = math.ceil(phases * samples.shape[1] / step)
    return _by_phases(samples, filters.to(samples.device), step, (reach, reach + step))[:, :count]


def _by_phases(samples: Tensor, filters: Tensor, step: int, padding: tuple[int, int]) -> Tensor:
    """Of every `step` samples one output by each row of `filters`: (batch, n), (phases, taps) to (batch, m)."""
    import torch

    padded = torch.nn.functional.pad(samples[:, None], padding)
    outputs = torch.nn.functional.conv1d(padded, filters[:, None], stride=step)
    return outputs.transpose(1, 2).flatten(1)


@functools.lru_cache(maxsize=4)
def _hann_filters(step: int, phases: int) -> tuple[Tensor, int]:
    """Hann-windowed sinc, (phases, taps), computed in float32 as torchaudio does; and its reach in input samples."""
    import torch

    cutoff = min(step, phases) * ROLL_OFF
    reach = math.ceil(ZERO_CROSSINGS * step / cutoff)
    offsets = torch.arange(-reach, reach + step, dtype=torch.float32) / step
    at = (torch.arange(0, -phases, -1, dtype=torch.float32)[:, None] / phases + offsets) * cutoff
    at = at.clamp(-ZERO_CROSSINGS, ZERO_CROSSINGS)
    window = torch.cos(at * math.pi / ZERO_CROSSINGS / 2) ** 2
    angles = at * math.pi
    sinc = torch.where(angles == 0, torch.tensor(1.0), angles.sin() / angles)
    return sinc * (window * (cutoff / step)), reach


def resampling_filter(cutoff_hz: float = CUTOFF_HZ, reach: int = 64) -> NDArray[np.float32]:
    """Kaiser-windowed sinc, one row for each of two output samples: (2, taps), taps odd.

    Passes up to `TRANSITION_HZ` below `cutoff_hz` and stops as far above it, 80 dB down.
    """
    offsets = np.arange(-reach, reach + 1)  # in samples at 24 kHz
    phases = np.stack([offsets, offsets - 1.5])  # the second of the two lies one and a half input samples later
    cutoff = cutoff_hz / (INPUT_RATE / 2)
    inside = 1 - (phases / (reach + 2)) ** 2
    window = np.i0(8 * np.sqrt(inside)) / np.i0(8)
    held = np.sinc(cutoff * phases) * window
    rows: NDArray[np.float32] = (held / held.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows
