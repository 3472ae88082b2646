"""F0 by RMVPE (https://arxiv.org/abs/2306.15412): a U-Net over a mel spectrum, then a recurrent layer.

It holds up beside music and noise. The weights are the public `rmvpe.pt`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.f0.mel import FRAME, mel_filters
from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import blank, fill
from speech.errors import SpeechError

BINS, BANDS, FFT = 360, 128, 1024
LOWEST_HZ, HIGHEST_HZ = 30.0, 8000.0  # of the mel bands
CHANNELS, DEPTH, BLOCKS, GRU = 16, 5, 4, 256
LOWEST_CENTS, STEP_CENTS = 1997.3794084376191, 20
NEAR = 4  # bins to each side of the likeliest that are averaged
THRESHOLD = 0.03  # of the likeliest bin, below which a frame is unvoiced
ROUND = 32  # frames, of which the U-Net takes whole numbers


class _Residual(nn.Module):
    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        if inputs != channels:
            self.shortcut = nn.Conv2d(inputs, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        beside = self.shortcut(x) if hasattr(self, "shortcut") else x
        made: Tensor = self.conv(x) + beside
        return made


class _Stack(nn.Module):
    """Residual blocks under the name `conv`."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.ModuleList(_Residual(channels if i else inputs, channels) for i in range(BLOCKS))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.conv:
            x = block(x)
        return x


class _Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(
            nn.ConvTranspose2d(channels, half, 3, stride=2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
        )
        self.conv2 = nn.ModuleList(_Residual(half if i else channels, half) for i in range(BLOCKS))

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        x = torch.cat([self.conv1(x), beside], dim=1)
        for block in self.conv2:
            x = block(x)
        return x


class Rmvpe(nn.Module):
    """Log mels (1, 128, T), T a multiple of 32, to the likelihood of each bin (1, T, 360)."""

    def __init__(self, channels: int = CHANNELS, gru: int = GRU) -> None:
        super().__init__()
        widths = [channels << i for i in range(DEPTH + 1)]
        self.unet = nn.Module()
        encoder, middle, decoder = nn.Module(), nn.Module(), nn.Module()
        encoder.add_module("bn", nn.BatchNorm2d(1))
        pairs = zip([1, *widths], widths[:DEPTH], strict=False)
        encoder.add_module("layers", nn.ModuleList(_Stack(inputs, width) for inputs, width in pairs))
        inner = (_Stack(widths[-1] if i else widths[-2], widths[-1]) for i in range(4))
        middle.add_module("layers", nn.ModuleList(inner))
        decoder.add_module("layers", nn.ModuleList(_Up(width) for width in reversed(widths[1:])))
        for name, part in (("encoder", encoder), ("intermediate", middle), ("decoder", decoder)):
            self.unet.add_module(name, part)
        self.cnn = nn.Conv2d(channels, 3, 3, padding=1)
        recurrent = nn.Module()
        recurrent.add_module("gru", nn.GRU(3 * BANDS, gru, batch_first=True, bidirectional=True))
        self.fc = nn.ModuleList([recurrent, nn.Linear(2 * gru, BINS)])

    def forward(self, mels: Tensor) -> Tensor:
        part = self.unet.get_submodule
        x = part("encoder.bn")(mels.transpose(1, 2)[:, None])
        beside = []
        for stack in part("encoder.layers").children():
            beside.append(stack(x))
            x = functional.avg_pool2d(beside[-1], 2)
        for stack in part("intermediate.layers").children():
            x = stack(x)
        for up in part("decoder.layers").children():
            x = up(x, beside.pop())
        rows = self.cnn(x).transpose(1, 2).flatten(2)
        made: Tensor = self.fc[1](self.fc[0].get_submodule("gru")(rows)[0]).sigmoid()
        return made


def load_rmvpe(path: Path, device: str = "cpu") -> Rmvpe:
    """Raises SpeechError `checkpoint_*` as TorchFile and `fill` do, `rvc_wrong_kind`."""
    file = TorchFile(path)
    records = file.root if isinstance(file.root, dict) else {}
    weights = {name: file.tensor(record) for name, record in records.items() if isinstance(record, TensorRecord)}
    if "cnn.weight" not in weights or "fc.0.gru.weight_hh_l0" not in weights:
        raise SpeechError("rvc_wrong_kind", file=path.name, found=", ".join(list(weights)[:4])[:120] or "no tensors")
    with blank():
        network = Rmvpe(weights["cnn.weight"].shape[1], weights["fc.0.gru.weight_hh_l0"].shape[1])
    fill(network, weights, "")
    return network.to(device)


@torch.inference_mode()
def rmvpe_f0(network: Rmvpe, samples: Tensor) -> Tensor:
    """(n,) at 16 kHz to Hz (1 + n // 160,), 0 where there is no pitch."""
    window = torch.hann_window(FFT, device=samples.device)
    spectrum = torch.stft(samples[None], FFT, FRAME, FFT, window, center=True, return_complex=True)
    filters = mel_filters(BANDS, FFT, LOWEST_HZ, HIGHEST_HZ, "htk").to(samples.device)
    magnitude = (spectrum.real.square() + spectrum.imag.square()).sqrt()
    mels = (filters @ magnitude).clamp(min=1e-5).log()
    frames = mels.shape[2]
    missing = -frames % ROUND
    mels = functional.pad(mels, (0, missing), mode="reflect" if missing < frames else "replicate")
    likely = network(mels)[0, :frames]
    most, best = likely.max(1, keepdim=True)
    near = best + torch.arange(-NEAR, NEAR + 1, device=likely.device)
    weights = functional.pad(likely, (NEAR, NEAR)).gather(1, near + NEAR)  # no bin there: no weight
    cents = (weights * (STEP_CENTS * near + LOWEST_CENTS)).sum(1) / weights.sum(1)
    return torch.where(most[:, 0] > THRESHOLD, 10 * 2 ** (cents / 1200), 0)
