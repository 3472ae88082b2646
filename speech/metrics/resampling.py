"""From the rate of the engine to that of the speaker encoders, with a gradient; needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # only fitting has torch
    from numpy.typing import NDArray
    from torch import Tensor

INPUT_RATE = 24000  # of the samples given
OUTPUT_RATE = 16000  # of the encoders


class Resampler:
    """24 to 16 kHz: two output samples for every three, each by its own phase of the filter."""

    def __init__(self, device: str = "cpu") -> None:
        import torch

        self._filter = torch.from_numpy(resampling_filter()).to(device)

    def __call__(self, samples: Tensor) -> Tensor:
        """(batch, n) to (batch, two thirds of n, rounded up); the gradient flows back to the samples."""
        import torch

        count = -(-samples.shape[1] * OUTPUT_RATE // INPUT_RATE)
        taps = self._filter.shape[-1]
        padded = torch.nn.functional.pad(samples[:, None], (taps // 2, taps))
        pairs = torch.nn.functional.conv1d(padded, self._filter[:, None], stride=3)
        return pairs.transpose(1, 2).flatten(1)[:, :count]


def resampling_filter(reach: int = 64) -> NDArray[np.float32]:
    """Kaiser-windowed sinc, one row for each of two output samples: (2, taps), taps odd.

    Passes up to 7.2 kHz and stops from 8.1 kHz on, 80 dB down.
    """
    offsets = np.arange(-reach, reach + 1)  # in samples at 24 kHz
    phases = np.stack([offsets, offsets - 1.5])  # the second of the two lies one and a half input samples later
    cutoff = 7650 / (INPUT_RATE / 2)
    inside = 1 - (phases / (reach + 2)) ** 2
    window = np.i0(8 * np.sqrt(inside)) / np.i0(8)
    held = np.sinc(cutoff * phases) * window
    rows: NDArray[np.float32] = (held / held.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows
