"""Kokoro's decoder: features, F0 and energy to samples (iSTFTNet, https://arxiv.org/abs/2203.02395).

The sound is made in the frequency domain: a harmonic source at F0 (neural source-filter,
https://arxiv.org/abs/1904.12088) is filtered by residual blocks whose normalisation carries the timbre (AdaIN,
https://arxiv.org/abs/1703.06868), and the last layer gives magnitude and phase of a 20-point STFT.
B: batch; F: frames of 25 ms, 600 samples each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.kokoro.source import inverse_stft

FRAME = 600  # samples
STYLE = 128


class AdaIN1d(nn.Module):
    """Instance normalisation over time, scale and shift from the style: (B, C, n), (B, 128) to (B, C, n)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(STYLE, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.fc(style)[:, :, None].chunk(2, dim=1)
        normed: Tensor = (1 + gamma) * functional.instance_norm(x) + beta
        return normed


class AdainResBlk1d(nn.Module):
    """Two convolutions between style-adaptive norms beside a shortcut; `doubles` the length."""

    def __init__(self, channels_in: int, channels_out: int, doubles: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels_in, channels_out, 3, padding=1)
        self.conv2 = nn.Conv1d(channels_out, channels_out, 3, padding=1)
        self.norm1 = AdaIN1d(channels_in)
        self.norm2 = AdaIN1d(channels_out)
        self.conv1x1 = nn.Conv1d(channels_in, channels_out, 1, bias=False) if channels_in != channels_out else None
        self.pool = (
            nn.ConvTranspose1d(channels_in, channels_in, 3, 2, padding=1, output_padding=1, groups=channels_in)
            if doubles
            else None
        )

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        made = functional.leaky_relu(self.norm1(x, style), 0.2)
        made = self.conv1(self.pool(made) if self.pool else made)
        made = self.conv2(functional.leaky_relu(self.norm2(made, style), 0.2))
        kept = torch.repeat_interleave(x, 2, dim=2) if self.pool else x
        kept = self.conv1x1(kept) if self.conv1x1 else kept
        out: Tensor = (made + kept) / 2**0.5
        return out


class AdaINResBlock1(nn.Module):
    """HiFi-GAN's residual block (https://arxiv.org/abs/2010.05646) with AdaIN and Snake activations."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        dilations = (1, 3, 5)
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) * d // 2) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=kernel // 2) for _ in dilations)
        self.adain1 = nn.ModuleList(AdaIN1d(channels) for _ in dilations)
        self.adain2 = nn.ModuleList(AdaIN1d(channels) for _ in dilations)
        self.alpha1 = nn.ParameterList(torch.ones(1, channels, 1) for _ in dilations)
        self.alpha2 = nn.ParameterList(torch.ones(1, channels, 1) for _ in dilations)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        for i in range(3):
            made = snake(self.adain1[i](x, style), self.alpha1[i])
            made = self.convs1[i](made)
            made = snake(self.adain2[i](made, style), self.alpha2[i])
            x = self.convs2[i](made) + x
        return x


def snake(x: Tensor, alpha: Tensor) -> Tensor:
    """x + sin²(αx)/α (https://arxiv.org/abs/2006.08195)."""
    return x + torch.sin(alpha * x) ** 2 / alpha


class Generator(nn.Module):
    """Features at 80 Hz (B, 512, 2F) to samples (B, 600F): 60 times longer by two steps, then an inverse STFT."""

    def __init__(self) -> None:
        super().__init__()
        self.ups = nn.ModuleList(
            [nn.ConvTranspose1d(512, 256, 20, 10, padding=5), nn.ConvTranspose1d(256, 128, 12, 6, padding=3)]
        )
        self.noise_convs = nn.ModuleList([nn.Conv1d(22, 256, 12, 6, padding=3), nn.Conv1d(22, 128, 1)])
        self.noise_res = nn.ModuleList([AdaINResBlock1(256, 7), AdaINResBlock1(128, 11)])
        self.resblocks = nn.ModuleList(AdaINResBlock1(width, kernel) for width in (256, 128) for kernel in (3, 7, 11))
        self.conv_post = nn.Conv1d(128, 22, 7, padding=3)
        self.inverse_basis: Tensor
        self.window_sum: Tensor
        self.register_buffer("inverse_basis", torch.zeros(22, 1, 20))
        self.register_buffer("window_sum", torch.zeros(20))

    def forward(self, x: Tensor, style: Tensor, source: Tensor) -> Tensor:
        for i in range(2):
            excited = self.noise_res[i](self.noise_convs[i](source), style)
            x = self.ups[i](functional.leaky_relu(x, 0.1))
            if i == 1:
                x = functional.pad(x, (1, 0), mode="reflect")
            x = x + excited
            blocks = self.resblocks[3 * i : 3 * i + 3]
            x = torch.stack([block(x, style) for block in blocks]).sum(0) / 3
        log_magnitude, phase = self.conv_post(functional.leaky_relu(x)).chunk(2, dim=1)
        return inverse_stft(log_magnitude.exp(), torch.sin(phase), self.inverse_basis, self.window_sum)


class Decoder(nn.Module):
    """Text features (B, 512, F), F0 and energy (B, 2F), timbre (B, 128) and the source's spectrum to samples.

    `source` is (B, 22, 120F + 1), by `source.HarmonicSource`; the samples are (B, 600F).
    """

    def __init__(self) -> None:
        super().__init__()
        self.encode = AdainResBlk1d(512 + 2, 1024)
        wide = 1024 + 2 + 64
        self.decode = nn.ModuleList([AdainResBlk1d(wide, 1024) for _ in range(3)])
        self.decode.append(AdainResBlk1d(wide, 512, doubles=True))
        self.F0_conv = nn.Conv1d(1, 1, 3, 2, padding=1)
        self.N_conv = nn.Conv1d(1, 1, 3, 2, padding=1)
        self.asr_res = nn.Sequential(nn.Conv1d(512, 64, 1))
        self.generator = Generator()

    def forward(self, text: Tensor, f0: Tensor, energy: Tensor, style: Tensor, source: Tensor) -> Tensor:
        pitch, loudness = self.F0_conv(f0[:, None]), self.N_conv(energy[:, None])
        x = self.encode(torch.cat([text, pitch, loudness], dim=1), style)
        residue = self.asr_res(text)
        for block in self.decode:
            x = block(torch.cat([x, residue, pitch, loudness], dim=1), style)
        samples: Tensor = self.generator(x, style, source)
        return samples
