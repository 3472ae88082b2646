"""Vocos (https://arxiv.org/abs/2306.00814): log mel to samples, by magnitude and phase of each Fourier frame."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from speech.engines.f5.config import BANDS, FFT, HOP
from speech.errors import SpeechError

MOST_MAGNITUDE = 1e2


class ConvNeXtBlock(nn.Module):
    """(batch, width, frames) to the same."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, inner)
        self.pwconv2 = nn.Linear(inner, width)
        self.gamma = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm(self.dwconv(x).transpose(1, 2))
        made: Tensor = self.pwconv2(F.gelu(self.pwconv1(inner)))
        return x + (self.gamma * made).transpose(1, 2)


class Backbone(nn.Module):
    def __init__(self, width: int, inner: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Conv1d(BANDS, width, 7, padding=3)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.convnext = nn.ModuleList(ConvNeXtBlock(width, inner) for _ in range(layers))
        self.final_layer_norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.embed(x).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        made: Tensor = self.final_layer_norm(x.transpose(1, 2))
        return made


class Head(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, FFT + 2)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, width) to (batch, 256 * (frames - 1)) samples."""
        magnitude, phase = self.out(x).transpose(1, 2).chunk(2, dim=1)
        spectrum = torch.polar(magnitude.exp().clip(max=MOST_MAGNITUDE), phase)
        return torch.istft(spectrum, FFT, HOP, FFT, torch.hann_window(FFT, device=x.device), center=True)


class Vocos(nn.Module):
    def __init__(self, width: int, inner: int, layers: int) -> None:
        super().__init__()
        self.backbone = Backbone(width, inner, layers)
        self.head = Head(width)

    def forward(self, mel: Tensor) -> Tensor:
        """(batch, frames, 100) to (batch, 256 * (frames - 1)) samples at 24 kHz."""
        samples: Tensor = self.head(self.backbone(mel.transpose(1, 2)))
        return samples


def blank_vocos(weights: Mapping[str, Tensor], folder: str) -> Vocos:
    """The network of the size that `weights` have. Raises SpeechError `f5_wrong_kind`, `checkpoint_unsupported`."""
    try:
        width, bands, _ = weights["backbone.embed.weight"].shape
        inner = len(weights["backbone.convnext.0.pwconv1.weight"])
        bins = len(weights["head.out.weight"])
    except (KeyError, ValueError, TypeError):
        found = ", ".join(sorted(weights)[:3]) or "no tensors"
        raise SpeechError("f5_wrong_kind", folder=folder, found=found) from None
    for name, value, valid in (("n_mels", bands, BANDS), ("n_fft", bins - 2, FFT)):
        if value != valid:
            raise SpeechError("checkpoint_unsupported", setting=name, value=str(value), valid=str(valid))
    numbers = {name.split(".")[2] for name in weights if name.startswith("backbone.convnext.")}
    return Vocos(width, inner, len(numbers))
