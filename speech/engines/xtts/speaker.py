"""Who speaks, for the vocoder: a recording to one unit vector (H/ASP, https://arxiv.org/abs/2009.14153).

A ResNet-34 with squeeze and excitation (https://arxiv.org/abs/1709.01507) over a mel spectrogram, then mean and
deviation over time weighed by an attention. It learned with the vocoder, so it judges no voice.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.weights import blank, fill
from speech.engines.xtts.spectrum import mel_power

SAMPLE_RATE = 16000
FFT, WINDOW, HOP, BANDS = 512, 400, 160, 64
STAGES = ((32, 3), (64, 4), (128, 6), (256, 3))  # channels and blocks; the frames halve before each but the first
POOLED = 256 * (BANDS // 8)
LEAST_SAMPLES = FFT  # what a spectrum needs; the caller asks for more


class SpeakerEncoder(nn.Module):
    """The checkpoint's `hifigan_decoder.speaker_encoder`; in evaluation mode."""

    def __init__(self, size: int = 512) -> None:
        super().__init__()
        self.torch_spec = nn.Sequential(Preemphasis(), MelPower())
        self.conv1 = nn.Conv2d(1, STAGES[0][0], 3, padding=1)
        self.bn1 = nn.BatchNorm2d(STAGES[0][0])
        entered = (STAGES[0][0], *(channels for channels, _ in STAGES))
        for i, (channels, count) in enumerate(STAGES):
            blocks = (Block(channels if j else entered[i], channels, 1 if j or not i else 2) for j in range(count))
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.attention = nn.Sequential(
            nn.Conv1d(POOLED, 128, 1), nn.ReLU(), nn.BatchNorm1d(128), nn.Conv1d(128, POOLED, 1), nn.Softmax(dim=2)
        )
        self.fc = nn.Linear(2 * POOLED, size)
        self.eval()

    def embed(self, samples: Tensor) -> Tensor:
        """A unit vector (1, 512, 1) of (n,) at 16 kHz."""
        return functional.normalize(self(samples[None]), dim=1)[:, :, None]

    def forward(self, samples: Tensor) -> Tensor:
        """(batch, 512) of (batch, n) at 16 kHz."""
        bands = (self.torch_spec(samples) + 1e-6).log()
        hidden = self.bn1(self.conv1(functional.instance_norm(bands)[:, None]).relu())
        for i in range(len(STAGES)):
            hidden = self.get_submodule(f"layer{i + 1}")(hidden)
        hidden = hidden.flatten(1, 2)
        shares = self.attention(hidden)
        mean = (hidden * shares).sum(dim=2)
        deviation = ((hidden.square() * shares).sum(dim=2) - mean.square()).clamp(min=1e-5).sqrt()
        out: Tensor = self.fc(torch.cat([mean, deviation], dim=1))
        return out


def load_speaker_encoder(weights: Mapping[str, Tensor]) -> SpeakerEncoder:
    """Of a checkpoint's weights; raises SpeechError as `weights.fill` does."""
    with blank():
        encoder = SpeakerEncoder()
    fill(encoder, weights, "hifigan_decoder.speaker_encoder.")
    return encoder


class Preemphasis(nn.Module):
    """Each sample less 0.97 of the one before."""

    def __init__(self) -> None:
        super().__init__()
        self.filter: Tensor
        self.register_buffer("filter", torch.tensor([[[-0.97, 1.0]]]))

    def forward(self, samples: Tensor) -> Tensor:
        return functional.conv1d(functional.pad(samples[:, None], (1, 0), "reflect"), self.filter)[:, 0]


class MelPower(nn.Module):
    """Window and filters as the checkpoint has them: (batch, n) to (batch, 64, 1 + n // 160)."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrogram = nn.Module()
        self.spectrogram.register_buffer("window", torch.zeros(WINDOW))
        self.mel_scale = nn.Module()
        self.mel_scale.register_buffer("fb", torch.zeros(FFT // 2 + 1, BANDS))

    def forward(self, samples: Tensor) -> Tensor:
        window, filters = self.spectrogram.get_buffer("window"), self.mel_scale.get_buffer("fb")
        return mel_power(samples, FFT, HOP, window, filters)


class Block(nn.Module):
    """Two convolutions, each channel weighed by its mean, beside a shortcut: (batch, C, mels, frames)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = Excitation(channels)
        is_shortcut_made = stride != 1 or channels_in != channels
        self.downsample = (
            nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if is_shortcut_made
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        made = self.se(self.bn2(self.conv2(self.bn1(self.conv1(x).relu()))))
        out: Tensor = (made + self.downsample(x)).relu()
        return out


class Excitation(nn.Module):
    """Weighs each channel by what the means of all channels say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // 8), nn.ReLU(), nn.Linear(channels // 8, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        weighed: Tensor = x * self.fc(x.mean(dim=(2, 3)))[:, :, None, None]
        return weighed
