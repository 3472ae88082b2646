"""F0 by FCPE (https://arxiv.org/abs/2509.15140): convolutions over a mel spectrum, fast enough for a stream.

The weights are those of the torchfcpe package. The network hears 0.95 s around a moment, so that a long recording is
read in pieces with that much of their neighbours, and nothing changes.
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

BINS, WIDTH, LAYERS, KERNEL = 360, 512, 6, 31
BANDS, FFT, HIGHEST_HZ = 128, 1024, 8000.0
LOWEST_F0_HZ, HIGHEST_F0_HZ = 32.7, 1975.5
NEAR = 4  # bins to each side of the likeliest that are averaged
THRESHOLD = 0.006  # of the likeliest bin, below which a frame is unvoiced


class Fcpe(nn.Module):
    """Log mels (1, T, 128) to the likelihood of each bin (1, T, 360)."""

    def __init__(self) -> None:
        super().__init__()
        self.input_stack = nn.Sequential(
            nn.Conv1d(BANDS, WIDTH, 3, padding=1),
            nn.GroupNorm(4, WIDTH),
            nn.LeakyReLU(),
            nn.Conv1d(WIDTH, WIDTH, 3, padding=1),
        )
        self.net = nn.Module()
        self.net.add_module("encoder_layers", nn.ModuleList(_Layer() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.output_proj = nn.Linear(WIDTH, BINS)

    def forward(self, mels: Tensor) -> Tensor:
        x = self.input_stack(mels.transpose(1, 2)).transpose(1, 2)
        for layer in self.net.get_submodule("encoder_layers").children():
            x = layer(x)
        made: Tensor = self.output_proj(self.norm(x)).sigmoid()
        return made


class _Layer(nn.Module):
    """A gated depthwise convolution beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        inner = 2 * WIDTH
        depthwise = nn.Module()
        depthwise.add_module("conv", nn.Conv1d(inner, inner, KERNEL, padding=KERNEL // 2, groups=inner))
        parts = {"0": nn.LayerNorm(WIDTH), "2": nn.Conv1d(WIDTH, 2 * inner, 1), "4": depthwise}
        self.conformer = nn.Module()
        self.conformer.add_module("net", nn.ModuleDict(parts | {"6": nn.Conv1d(inner, WIDTH, 1)}))

    def forward(self, x: Tensor) -> Tensor:
        part = self.conformer.get_submodule
        hidden = functional.glu(part("net.2")(part("net.0")(x).transpose(1, 2)), dim=1)
        hidden = functional.silu(part("net.4.conv")(hidden))
        made: Tensor = x + part("net.6")(hidden).transpose(1, 2)
        return made


def load_fcpe(path: Path, device: str = "cpu") -> Fcpe:
    """Raises SpeechError `checkpoint_*` as TorchFile and `fill` do, `rvc_wrong_kind`."""
    file = TorchFile(path)
    root = file.root.get("model") if isinstance(file.root, dict) else None
    if not isinstance(root, dict):
        raise SpeechError("rvc_wrong_kind", file=path.name, found=type(root).__name__)
    weights = {name: file.tensor(record) for name, record in root.items() if isinstance(record, TensorRecord)}
    joined = torch._weight_norm(weights["output_proj.weight_v"], weights["output_proj.weight_g"], 0)
    with blank():
        network = Fcpe()
    fill(network, weights | {"output_proj.weight": joined}, "")
    return network.to(device)


@torch.inference_mode()
def fcpe_f0(network: Fcpe, samples: Tensor) -> Tensor:
    """(n,) at 16 kHz to Hz (1 + n // 160,), 0 where there is no pitch."""
    likely = network(_mels(samples))[0]
    lowest, highest = (1200 * torch.log2(torch.tensor(hz) / 10) for hz in (LOWEST_F0_HZ, HIGHEST_F0_HZ))
    cents = torch.linspace(float(lowest), float(highest), BINS, device=likely.device)
    most, best = likely.max(1, keepdim=True)
    near = (best + torch.arange(-NEAR, NEAR + 1, device=likely.device)).clamp(0, BINS - 1)
    weights = likely.gather(1, near)
    f0 = 10 * 2 ** ((cents[near] * weights).sum(1) / weights.sum(1) / 1200)
    return torch.where(most[:, 0] > THRESHOLD, f0, 0)


def _mels(samples: Tensor) -> Tensor:
    """(1, 1 + n // 160, 128)."""
    frames = len(samples) // FRAME + 1
    left, right = (FFT - FRAME) // 2, max((FFT - FRAME + 1) // 2, FFT - len(samples) - (FFT - FRAME) // 2)
    mode = "reflect" if right < len(samples) else "constant"
    padded = functional.pad(samples[None, None], (left, right), mode=mode)[0]
    window = torch.hann_window(FFT, device=samples.device)
    spectrum = torch.stft(padded, FFT, FRAME, FFT, window, center=False, return_complex=True)
    magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
    filters = mel_filters(BANDS, FFT, 0.0, HIGHEST_HZ, "slaney").to(samples.device)
    mels = (filters @ magnitude).clamp(min=1e-5).log().transpose(1, 2)
    missing = frames - mels.shape[1]
    return torch.cat([mels, mels[:, -1:].expand(-1, missing, -1)], 1) if missing > 0 else mels[:, :frames]
