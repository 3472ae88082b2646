"""How alike two speakers sound, by a second judge: ERes2Net (https://arxiv.org/abs/2305.12838) in torch.

A residual network over the filterbank whose blocks part their channels in two; the stages' outputs are fused from
the finest to the coarsest by learnt attention, and mean and deviation over time give the embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.audio import Audio, resample
from speech.metrics.speaker import SAMPLE_RATE, Embedding, filterbank

if TYPE_CHECKING:
    from torch import Tensor

BLOCKS = (3, 4, 6, 3)  # of the four stages; stages after the first halve time and frequency
FUSED = (3, 4)  # stages whose blocks fuse their two halves by attention instead of a sum
FUSIONS = ("fuse_mode12", "fuse_mode123", "fuse_mode1234")
SMALLEST_VARIANCE = 1e-5  # PyTorch's batch normalisation


class ERes2Net:
    """The model store's `speaker-eres2net` file; needs torch and kaldi-native-fbank.

    Raises ValueError when the file has tensors too few or too many.
    """

    name = "eres2net"

    def __init__(self, model: Path) -> None:
        import torch

        self._layers = folded(torch.load(model, weights_only=True, map_location="cpu"))

    def embed(self, audio: Audio) -> Embedding:
        """Unit vector of shape (192,) for at least half a second of speech."""
        import torch

        bands = filterbank(resample(audio, SAMPLE_RATE), 1)
        with torch.inference_mode():
            vector = self._forward(torch.from_numpy(bands.T.copy())[None, None])[0]
            unit: Embedding = torch.nn.functional.normalize(vector, dim=0).numpy()
        return unit

    def _forward(self, bands: Tensor) -> Tensor:
        """(batch, 1, 80, frames) to (batch, 192)."""
        import torch

        hidden = torch.relu(self._conv(bands, "conv1"))
        fused = hidden
        for stage, blocks in enumerate(BLOCKS, 1):
            for block in range(blocks):
                hidden = self._block(hidden, f"layer{stage}.{block}", stage)
            finer = self._conv(fused, f"layer{stage - 1}_downsample", stride=2) if stage > 1 else hidden
            fused = self._fuse(hidden, finer, FUSIONS[stage - 2]) if stage > 1 else hidden
        statistics = torch.cat([fused.mean(dim=-1), (fused.var(dim=-1) + 1e-8).sqrt()], dim=1)
        weight, bias = self._layers["seg_1"]
        # The reference lays out all means before all deviations, each as (channel, band).
        return torch.nn.functional.linear(statistics.flatten(1), weight, bias)

    def _block(self, inputs: Tensor, name: str, stage: int) -> Tensor:
        import torch

        stride = 2 if stage > 1 and name.endswith(".0") else 1
        first, second = _clipped(self._conv(inputs, f"{name}.conv1", stride)).chunk(2, dim=1)
        first = _clipped(self._conv(first, f"{name}.convs.0"))
        mixed = self._fuse(first, second, f"{name}.fuse_models.0") if stage in FUSED else first + second
        second = _clipped(self._conv(mixed, f"{name}.convs.1"))
        outputs = self._conv(torch.cat([first, second], dim=1), f"{name}.conv3")
        shortcut = f"{name}.shortcut.0"
        return _clipped(outputs + (self._conv(inputs, shortcut, stride) if shortcut in self._layers else inputs))

    def _fuse(self, a: Tensor, b: Tensor, name: str) -> Tensor:
        """Attentional feature fusion: how much of each, told by both."""
        import torch

        squeezed = self._conv(torch.cat([a, b], dim=1), f"{name}.local_att.0")
        share = torch.tanh(self._conv(torch.nn.functional.silu(squeezed), f"{name}.local_att.3"))
        return a * (1 + share) + b * (1 - share)

    def _conv(self, inputs: Tensor, name: str, stride: int = 1) -> Tensor:
        import torch

        weight, bias = self._layers[name]
        return torch.nn.functional.conv2d(inputs, weight, bias, stride, padding=weight.shape[-1] // 2)


def _clipped(values: Tensor) -> Tensor:
    return values.clamp(0, 20)


def layer_names() -> Iterator[tuple[str, str]]:
    """Every layer and the batch normalisation after it ("" for none), as the checkpoint names them."""
    yield "conv1", "bn1"
    for stage, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            name = f"layer{stage}.{block}"
            yield f"{name}.conv1", f"{name}.bn1"
            yield from ((f"{name}.convs.{half}", f"{name}.bns.{half}") for half in (0, 1))
            yield f"{name}.conv3", f"{name}.bn3"
            if block == 0:
                yield f"{name}.shortcut.0", f"{name}.shortcut.1"
            if stage in FUSED:
                yield from _fusion(f"{name}.fuse_models.0")
    for name in FUSIONS:
        yield from _fusion(name)
    yield from ((f"layer{stage}_downsample", "") for stage in (1, 2, 3))
    yield "seg_1", ""


def _fusion(name: str) -> Iterator[tuple[str, str]]:
    yield f"{name}.local_att.0", f"{name}.local_att.1"
    yield f"{name}.local_att.3", f"{name}.local_att.4"


def folded(state: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Weight and bias of every layer, its normalisation folded in. Raises ValueError unless every tensor is used."""
    left: dict[str, Any] = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    layers = {}
    try:
        for name, norm in layer_names():
            weight, bias = left.pop(f"{name}.weight"), left.pop(f"{name}.bias", None)
            if norm:
                kept = [left.pop(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
                scale = kept[0] / (kept[3] + SMALLEST_VARIANCE).sqrt()
                weight = weight * scale[:, None, None, None]
                bias = kept[1] + ((0 if bias is None else bias) - kept[2]) * scale
            layers[name] = (weight, bias)
    except KeyError as error:
        raise ValueError(f"not an ERes2Net checkpoint: {error.args[0]} is missing") from error
    if left:
        raise ValueError(f"not an ERes2Net checkpoint: {sorted(left)[:5]} are not of it")
    return layers
