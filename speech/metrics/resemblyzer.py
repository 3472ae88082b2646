"""A speaker encoder with a gradient: Resemblyzer's LSTM (GE2E, https://arxiv.org/abs/1710.10467) in torch.

It leads the fit of a voice, so it must never judge one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.resampling import CUTOFF_HZ, Resampler

if TYPE_CHECKING:  # only fitting has torch
    from numpy.typing import NDArray
    from torch import Tensor

SAMPLE_RATE = 16000  # of the network
WINDOW, HOP, MELS = 400, 160, 40  # 25 ms every 10 ms
LAYERS, SIZE = 3, 256
PARTIAL, STEP = 160, 77  # frames of one window of 1.6 s, and from one to the next (1.3 a second)
LEAST_COVERAGE = 0.75  # of the last window by sound; less, and it is left out
LEVEL = 10 ** (-30 / 20)  # root mean square that the network was trained at
NOT_OF_THE_NETWORK = {"similarity_weight", "similarity_bias"}  # of its training loss


class Resemblyzer:
    """The model store's `speaker-resemblyzer` file; frozen, in evaluation mode, needs torch; deaf above `cutoff_hz`."""

    name = "resemblyzer"

    def __init__(self, model: Path, device: str = "cpu", cutoff_hz: float = CUTOFF_HZ) -> None:
        import torch

        from speech.engines.weights import let_backward

        state = torch.load(model, weights_only=True, map_location="cpu")["model_state"]
        parts = {f"lstm{i}": torch.nn.LSTM(SIZE if i else MELS, SIZE, batch_first=True) for i in range(LAYERS)}
        self._network = torch.nn.ModuleDict({**parts, "linear": torch.nn.Linear(SIZE, SIZE)})
        self._network.load_state_dict(
            {_renamed(name): value for name, value in state.items() if name not in NOT_OF_THE_NETWORK}
        )
        self._network.eval().requires_grad_(False).to(device)
        let_backward(self._network)
        self._resampled = Resampler(device, cutoff_hz)
        self._mel = torch.from_numpy(mel_filters()).to(device)
        self._window = torch.hann_window(WINDOW, device=device)

    def __call__(self, samples: Tensor) -> Tensor:
        """Unit vectors (batch, 256) of `samples` (batch, n) at 24 kHz; the gradient flows back to the samples.

        The mean over windows of 1.6 s, as the reference takes it; what is shorter is padded with silence.
        """
        import torch

        sound = self._levelled(samples)
        starts = partial_starts(sound.shape[1])
        missing = (starts[-1] + PARTIAL) * HOP - sound.shape[1]
        frames = self._frames(torch.nn.functional.pad(sound, (0, max(0, missing))))
        windows = torch.stack([frames[:, start : start + PARTIAL] for start in starts], dim=1).flatten(0, 1)
        last = self._sequences(windows)[-1][:, -1]
        unit = torch.nn.functional.normalize(torch.relu(self._network["linear"](last)), dim=1)
        return torch.nn.functional.normalize(unit.unflatten(0, (-1, len(starts))).mean(dim=1), dim=1)

    def hidden(self, samples: Tensor) -> Tensor:
        """What each layer holds at each frame of 10 ms: (3, batch, frames, 256), for a feature-matching loss."""
        import torch

        return torch.stack(self._sequences(self._frames(self._levelled(samples))))

    def _levelled(self, samples: Tensor) -> Tensor:
        """At 16 kHz and at the level the network knows: the embedding does not depend on loudness."""
        sound = self._resampled(samples)
        power = sound.square().mean(dim=1, keepdim=True)
        return sound * (LEVEL * (power + 1e-12).rsqrt())

    def _frames(self, sound: Tensor) -> Tensor:
        """Mel power (batch, frames, 40), not logarithmic."""
        import torch

        spectrum = torch.stft(
            sound, WINDOW, HOP, window=self._window, center=True, pad_mode="constant", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()  # abs() has no gradient at silence
        return (self._mel @ power).transpose(1, 2)

    def _sequences(self, frames: Tensor) -> list[Tensor]:
        held: list[Any] = []
        for i in range(LAYERS):
            frames, _ = self._network[f"lstm{i}"](frames)
            held.append(frames)
        return held


def _renamed(name: str) -> str:
    """`lstm.weight_ih_l2` to `lstm2.weight_ih_l0`: one module a layer, to reach what each of them holds."""
    if not name.startswith("lstm."):
        return name
    weight, _, layer = name.removeprefix("lstm.").rpartition("_l")
    return f"lstm{layer}.{weight}_l0"


def partial_starts(count: int) -> list[int]:
    """First frames of the windows over `count` samples at 16 kHz, by the reference's rule."""
    frames = -(-(count + 1) // HOP)
    starts = list(range(0, max(1, frames - PARTIAL + STEP + 1), STEP))
    coverage = (count - starts[-1] * HOP) / (PARTIAL * HOP)
    return starts[:-1] if coverage < LEAST_COVERAGE and len(starts) > 1 else starts


def mel_filters() -> NDArray[np.float32]:
    """Slaney's mel scale (linear to 1 kHz, logarithmic above), each band of unit area: (40, 201)."""
    step = np.log(6.4) / 27  # per mel above 1 kHz
    top = 15 + np.log(SAMPLE_RATE / 2 / 1000) / step
    mels = np.linspace(0, top, MELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(step * (mels - 15)))
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    ramps = edges[:, None] - bins
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    banks: NDArray[np.float32] = (triangles * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
    return banks
