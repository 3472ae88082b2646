"""A second speaker encoder with a gradient: ECAPA-TDNN (https://arxiv.org/abs/2005.07143) in torch.

It leads the fit of a voice, so it must never judge one. Features and layers are SpeechBrain's for its weights
(https://huggingface.co/speechbrain/spkrec-ecapa-voxceleb).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.resampling import CUTOFF_HZ, Resampler

if TYPE_CHECKING:  # only fitting has torch
    from numpy.typing import NDArray
    from torch import Tensor

SAMPLE_RATE = 16000  # of the network
WINDOW, HOP, MELS = 400, 160, 80  # 25 ms every 10 ms
CHANNELS, SCALE, POOLED, SIZE = 1024, 8, 3072, 192
BLOCKS = (1, 2, 3)  # after the first layer; each one's dilation is one more than its number
SQUEEZED = 128  # channels of the attentions
LEAST_POWER = 1e-10
RANGE = 1e-8  # of power below the loudest band: 80 dB
LEAST_VARIANCE = 1e-12
SMALLEST_VARIANCE = 1e-5  # PyTorch's batch normalisation


class Ecapa:
    """The model store's `speaker-ecapa` file; frozen, normalisation as in evaluation; deaf above `cutoff_hz`. Needs
    torch.

    Raises ValueError when the file has tensors too few, too many or of other shapes.
    """

    name = "ecapa"

    def __init__(self, model: Path, device: str = "cpu", cutoff_hz: float = CUTOFF_HZ) -> None:
        import torch

        layers = frozen(torch.load(model, weights_only=True, map_location="cpu"))
        self._layers = {name: tuple(part.to(device) for part in parts) for name, parts in layers.items()}
        self._resampled = Resampler(device, cutoff_hz)
        self._mel = torch.from_numpy(mel_filters()).to(device)
        self._window = torch.hamming_window(WINDOW, device=device)

    def __call__(self, samples: Tensor) -> Tensor:
        """Unit vectors (batch, 192) of `samples` (batch, n) at 24 kHz, n at least a tenth of a second.

        The gradient flows back to the samples.
        """
        import torch

        hidden = self._conv(self._bands(self._resampled(samples)), "blocks.0")
        held = []
        for block in BLOCKS:
            hidden = self._block(hidden, block)
            held.append(hidden)
        pooled = self._pooled(self._conv(torch.cat(held, dim=1), "mfa"))
        weight, bias = self._layers["fc"]
        return torch.nn.functional.normalize(torch.nn.functional.linear(pooled, weight[:, :, 0], bias), dim=1)

    def _bands(self, sound: Tensor) -> Tensor:
        """Decibels of mel power less each band's mean: (batch, 80, frames).

        What is more than 80 dB below the loudest band is raised to there, as the reference does. The floor itself
        has no gradient here: else every band at the floor would push at the one loudest.
        """
        import torch

        spectrum = torch.stft(
            sound, WINDOW, HOP, window=self._window, center=True, pad_mode="constant", return_complex=True
        )
        power = self._mel @ (spectrum.real.square() + spectrum.imag.square())  # abs() has no gradient at silence
        floor = power.detach().amax(dim=(1, 2), keepdim=True) * RANGE
        decibels = 10 * torch.maximum(power, floor).clamp(min=LEAST_POWER).log10()
        return decibels - decibels.mean(dim=2, keepdim=True)

    def _block(self, inputs: Tensor, block: int) -> Tensor:
        """A Res2Net of eight parts, each hearing the one before; then each channel weighed by its mean over time."""
        import torch

        first, *parts = self._conv(inputs, f"blocks.{block}.tdnn1").chunk(SCALE, dim=1)
        outputs, last = [first], torch.zeros_like(first)
        for i, part in enumerate(parts):
            last = self._conv(part + last, f"blocks.{block}.res2net_block.blocks.{i}", dilation=block + 1)
            outputs.append(last)
        hidden = self._conv(torch.cat(outputs, dim=1), f"blocks.{block}.tdnn2")
        squeezed = self._plain(hidden.mean(dim=2, keepdim=True), f"blocks.{block}.se_block.conv1").relu()
        return inputs + hidden * self._plain(squeezed, f"blocks.{block}.se_block.conv2").sigmoid()

    def _pooled(self, hidden: Tensor) -> Tensor:
        """Mean and deviation over time, weighed by an attention for each channel: (batch, 6144)."""
        import torch

        statistics = _statistics(hidden, torch.full_like(hidden[:, :1], 1 / hidden.shape[2]))
        weight, bias, scale, shift = self._layers["asp.tdnn"]
        # What the attention hears of the statistics is the same in every frame, so it is computed once.
        frames = torch.nn.functional.conv1d(hidden, weight[:, :POOLED], bias)
        whole = torch.nn.functional.conv1d(statistics[:, :, None], weight[:, POOLED:])
        heard = (frames + whole).relu() * scale + shift
        return _statistics(hidden, self._plain(heard.tanh(), "asp.conv").softmax(dim=2))

    def _conv(self, inputs: Tensor, name: str, dilation: int = 1) -> Tensor:
        """Convolution, rectifier, normalisation, in this order; the edges are mirrored."""
        import torch

        weight, bias, scale, shift = self._layers[name]
        reach = weight.shape[-1] // 2 * dilation
        padded = torch.nn.functional.pad(inputs, (reach, reach), mode="reflect") if reach else inputs
        return torch.nn.functional.conv1d(padded, weight, bias, dilation=dilation).relu() * scale + shift

    def _plain(self, inputs: Tensor, name: str) -> Tensor:
        import torch

        weight, bias = self._layers[name]
        return torch.nn.functional.conv1d(inputs, weight, bias)


def _statistics(values: Tensor, shares: Tensor) -> Tensor:
    """Mean and deviation over time of (batch, channels, frames) where `shares` sum to one: (batch, 2 channels)."""
    import torch

    mean = (shares * values).sum(dim=2)
    variance = (shares * (values - mean[:, :, None]).square()).sum(dim=2)
    return torch.cat([mean, variance.clamp(min=LEAST_VARIANCE).sqrt()], dim=1)


def layer_shapes() -> Iterator[tuple[str, bool, tuple[int, int, int]]]:
    """Every convolution as the checkpoint names it, whether a normalisation follows, and its weight's shape."""
    yield "blocks.0", True, (CHANNELS, MELS, 5)
    for block in BLOCKS:
        yield from ((f"blocks.{block}.{name}", True, (CHANNELS, CHANNELS, 1)) for name in ("tdnn1", "tdnn2"))
        part = CHANNELS // SCALE
        for i in range(SCALE - 1):
            yield f"blocks.{block}.res2net_block.blocks.{i}", True, (part, part, 3)
        yield f"blocks.{block}.se_block.conv1", False, (SQUEEZED, CHANNELS, 1)
        yield f"blocks.{block}.se_block.conv2", False, (CHANNELS, SQUEEZED, 1)
    yield "mfa", True, (POOLED, CHANNELS * len(BLOCKS), 1)
    yield "asp.tdnn", True, (SQUEEZED, POOLED * 3, 1)
    yield "asp.conv", False, (POOLED, SQUEEZED, 1)
    yield "fc", False, (SIZE, POOLED * 2, 1)


def frozen(state: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, ...]]:
    """Weight and bias of every convolution, then scale and shift (channels, 1) of the normalisation after it.

    The normalisation before `fc` is folded into it. Raises ValueError unless every tensor is used.
    """
    left: dict[str, Any] = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    layers: dict[str, tuple[Tensor, ...]] = {}
    try:
        for name, has_norm, shape in layer_shapes():
            conv = f"{name}.conv.conv" if has_norm else f"{name}.conv"
            weight, bias = left.pop(f"{conv}.weight"), left.pop(f"{conv}.bias")
            if weight.shape != shape:
                raise ValueError(f"not an ECAPA checkpoint: {conv}.weight is {tuple(weight.shape)}, not {shape}")
            norm = _normalisation(left, f"{name}.norm.norm") if has_norm else ()
            layers[name] = (weight, bias, *(part[:, None] for part in norm))
        scale, shift = _normalisation(left, "asp_bn.norm")
    except KeyError as error:
        raise ValueError(f"not an ECAPA checkpoint: {error.args[0]} is missing") from error
    if left:
        raise ValueError(f"not an ECAPA checkpoint: {sorted(left)[:5]} are not of it")
    weight, bias = layers["fc"]
    layers["fc"] = (weight * scale[:, None], bias + weight[:, :, 0] @ shift)
    return layers


def _normalisation(left: dict[str, Any], name: str) -> tuple[Tensor, Tensor]:
    weight, bias, mean, variance = (
        left.pop(f"{name}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / (variance + SMALLEST_VARIANCE).sqrt()
    return scale, bias - mean * scale


def mel_filters() -> NDArray[np.float32]:
    """Triangles of height one, evenly on the mel scale of 2595 log10(1 + f / 700): (80, 201).

    Both sides of a triangle are as wide as the gap below its centre: SpeechBrain's own, so that the weights fit.
    """
    mels = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), MELS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)
    slopes = (bins - edges[1:-1, None]) / np.diff(edges)[:-1, None]
    banks: NDArray[np.float32] = np.maximum(0, 1 - np.abs(slopes)).astype(np.float32)
    return banks
