"""Hidden states of the decoder to sound: HiFi-GAN (https://arxiv.org/abs/2010.05646), conditioned by the speaker.

It runs as a stream. Every convolution keeps the few inputs that its next outputs still need, so a block of hidden
states costs the same whether it comes alone or within a whole sentence: nothing is computed twice, nothing is
cross-faded, and the samples are those of the whole sentence at once.

Activations are (time, channels): the layout that oneDNN's kernels for one channel-last image read without copies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.convolution import SLOPE, Conv, Fusion, Padded, Past
from speech.engines.threads import common_threads, use_threads
from speech.engines.weights import blank, fill

if TYPE_CHECKING:
    from speech.engines.xtts.config import XttsConfig

PREFIX = "hifigan_decoder.waveform_decoder."
WIDTH = 512  # channels before the first upsampling; each one halves them
RATES = (8, 8, 2, 2)
HOP = math.prod(RATES)  # samples a frame
KERNELS, DILATIONS = (3, 7, 11), (1, 3, 5)
LAST_SLOPE = 0.01  # of the last rectifier
BLOCK = 24  # frames at once: what a layer reads and writes stays in a core's cache
LEAST_SPEED = 0.05


class Layers(nn.Module):
    """The weights as the checkpoint names them; `Vocoder` is what runs."""

    def __init__(self, width: int, speaker: int) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(width, WIDTH, 7)
        self.cond_layer = nn.Conv1d(speaker, WIDTH, 1)
        self.ups, self.conds, self.resblocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i, rate in enumerate(RATES):
            channels = WIDTH >> (i + 1)
            self.ups.append(WeightNormed((2 * channels, channels, 2 * rate), channels))
            self.conds.append(nn.Conv1d(speaker, channels, 1))
            for kernel in KERNELS:
                block = nn.Module()
                for name in ("convs1", "convs2"):
                    convs = (WeightNormed((channels, channels, kernel), channels) for _ in DILATIONS)
                    block.add_module(name, nn.ModuleList(convs))
                self.resblocks.append(block)
        self.conv_post = nn.Conv1d(channels, 1, 7, bias=False)


class WeightNormed(nn.Module):
    """Weights kept as length and direction (https://arxiv.org/abs/1602.07868), which one call of `weight` joins."""

    def __init__(self, shape: tuple[int, int, int], channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels))
        names = {"original0": (shape[0], 1, 1), "original1": shape}
        parts = nn.ParameterDict({name: nn.Parameter(torch.empty(size)) for name, size in names.items()})
        self.parametrizations = nn.ModuleDict({"weight": parts})

    def weight(self) -> Tensor:
        length, direction = self.parametrizations["weight"].parameters()
        return torch._weight_norm(direction, length, 0)


class Vocoder:
    """Weights shared by all streams, which may run in several threads at once; weight norm is folded in here."""

    def __init__(self, layers: Layers, device: str = "cpu") -> None:
        self.at = torch.empty(0, device=device)
        self.workers = _workers() if device == "cpu" else None
        with torch.inference_mode():
            self.pre = Conv(layers.conv_pre.weight, layers.conv_pre.bias, 1, self.at)
            self.ups = [_upsampling(up, i, self.at) for i, up in enumerate(_normed(layers.ups))]
            self.resblocks = [_pairs(block, self.at) for block in layers.resblocks]
            self.post = Conv(layers.conv_post.weight / len(KERNELS), None, 1, self.at)
            conds = (layers.cond_layer, *layers.conds)
            self.conds = [tuple(part.clone() for part in cond.parameters()) for cond in conds]

    @property
    def size_bytes(self) -> int:
        """Of all weights; a stream adds less than a megabyte."""
        inner = [conv for stack in self.resblocks for pair in stack for conv in pair]
        return sum(conv.count for conv in (self.pre, *self.ups, *inner, self.post)) * self.at.element_size()

    def biases(self, speaker: Tensor) -> list[Tensor]:
        """Of the first convolution and of each upsampling: what the speaker adds is the same at every moment."""
        vector = speaker.reshape(-1).to("cpu", torch.float64)  # in float32 the number of threads would be heard
        added = [(weight[:, :, 0].double() @ vector + bias).to(self.at) for weight, bias in self.conds]
        repeats = (1, *RATES)
        own = [conv.bias for conv in (self.pre, *self.ups)]
        return [bias + new.repeat(times) for bias, new, times in zip(own, added, repeats, strict=True)]

    def whole(self, latents: Tensor, speaker: Tensor, speed: float = 1.0) -> NDArray[np.float32]:
        """Samples at 24 kHz of hidden states (1, n, width) and a speaker (1, 512, 1)."""
        return VocoderStream(self, speaker, speed).push(latents[0], is_last=True)


def load_vocoder(config: XttsConfig, weights: Mapping[str, Tensor], device: str = "cpu") -> Vocoder:
    """Of a checkpoint's weights, in float32 whatever the GPT has: in bfloat16 its sound is 34 dB from this one.

    Raises SpeechError as `fill` does.
    """
    with blank():
        layers = Layers(config.decoder_width, config.d_vector)
    fill(layers, weights, PREFIX)
    return Vocoder(layers, device)


def _workers() -> ThreadPoolExecutor:
    """Threads of one core each, so that streams run beside each other and the GPT; two threads a stream would wait."""
    return ThreadPoolExecutor(common_threads(), "xtts-vocoder", use_threads, (1,))


def _upsampling(up: WeightNormed, index: int, at: Tensor) -> Conv:
    """A transposed convolution as a plain one: two neighbours make `rate` moments, as `rate` · C' channels."""
    weight, rate = up.weight(), RATES[index]  # (C, C', 2 rate)
    pairs = weight.unflatten(2, (2, rate)).flip(2)  # the earlier neighbour meets the kernel's later half
    kernel = pairs.permute(3, 1, 0, 2).flatten(0, 1)
    return Conv(kernel if index == 0 else kernel / len(KERNELS), up.bias.repeat(rate), 1, at)


def _pairs(block: nn.Module, at: Tensor) -> list[tuple[Conv, Conv]]:
    firsts, seconds = (_normed(block.get_submodule(name)) for name in ("convs1", "convs2"))
    return [
        (Conv(first.weight(), first.bias, dilation, at), Conv(second.weight(), second.bias, 1, at))
        for first, second, dilation in zip(firsts, seconds, DILATIONS, strict=True)
    ]


def _normed(module: nn.Module) -> list[WeightNormed]:
    return [layer for layer in module.children() if isinstance(layer, WeightNormed)]


class VocoderStream:
    """One sentence through a vocoder, pushed in blocks of any sizes; the samples are those of one push of all."""

    def __init__(self, vocoder: Vocoder, speaker: Tensor, speed: float = 1.0) -> None:
        """`speaker` (1, 512, 1); `speed` above 1 speaks faster, by stretching the hidden states."""
        self._vocoder = vocoder
        with torch.inference_mode():
            first, *biases = vocoder.biases(speaker)
        scales = (1 / max(speed, LEAST_SPEED), 4.0, 24000 / 22050)  # to mel frames, then to the vocoder's frames
        self._stretches = [Stretch(scale) for scale in scales if scale != 1]
        self._pre, self._post = Padded(vocoder.pre, first, SLOPE), Padded(vocoder.post, None, 1.0)
        ups = map(Upsampled, vocoder.ups, biases, RATES)
        self._stages = [(up, Fusion(vocoder.resblocks[3 * i : 3 * i + 3])) for i, up in enumerate(ups)]

    def push(self, latents: Tensor, is_last: bool = False) -> NDArray[np.float32]:
        """The samples that (n, width) more hidden states make certain: none yet, perhaps; with `is_last` all."""
        workers = self._vocoder.workers
        return workers.submit(self._pushed, latents, is_last).result() if workers else self._pushed(latents, is_last)

    @torch.inference_mode()
    def _pushed(self, latents: Tensor, is_last: bool) -> NDArray[np.float32]:
        frames = latents.to(self._vocoder.at.device, torch.float32)
        for stretch in self._stretches:
            frames = stretch.push(frames, is_last)
        blocks = frames.to(self._vocoder.at.dtype).split(BLOCK)
        ends = [False] * (len(blocks) - 1) + [is_last]
        samples = torch.cat([self._block(block, end) for block, end in zip(blocks, ends, strict=True)])
        made: NDArray[np.float32] = samples.float().cpu().numpy()
        return made

    def _block(self, frames: Tensor, is_last: bool) -> Tensor:
        hidden = self._pre.push(frames, is_last)
        for (upsampled, fusion), slope in zip(self._stages, (SLOPE, SLOPE, SLOPE, LAST_SLOPE), strict=True):
            hidden = functional.leaky_relu_(fusion.push(upsampled.push(hidden, is_last), is_last), slope)
        return self._post.push(hidden, is_last).tanh_()[:, 0]


class Stretch:
    """Linear interpolation in time, as `functional.interpolate` rounds it: (n, C) to (about n · scale, C)."""

    def __init__(self, scale: float) -> None:
        self._scale, self._step = scale, np.float64(np.float32(1 / scale))
        self._seen = self._made = 0  # rows
        self._kept: Tensor | None = None  # the last rows seen

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows = x if self._kept is None else torch.cat([self._kept, x])
        self._seen += len(x)
        start, last = self._seen - len(rows), self._seen - 1
        # Where the rows not made yet lie among those seen; one rounding, as a fused multiply-add has.
        places = (np.arange(self._made, math.floor(self._seen * self._scale)) + 0.5) * self._step - 0.5
        places = np.maximum(places.astype(np.float32), 0)
        if not is_last:
            places = places[places < last]  # the others wait for the row after
        self._made += len(places)
        before = np.minimum(places.astype(np.int64), last)
        shares = torch.from_numpy(np.clip(places - before, 0, 1)[:, None]).to(x.device)
        self._kept = rows[(before[-1] if len(before) else start) - start :].clone()
        return rows[before - start] * (1 - shares) + rows[np.minimum(before + 1, last) - start] * shares


class Upsampled:
    """`rate` rows for each row in: those between two neighbours, less half of them at both ends."""

    def __init__(self, conv: Conv, bias: Tensor, rate: int) -> None:
        self._conv, self._bias, self._rate = conv, bias, rate
        self._past = Past(1, 1)
        self._crop = rate // 2  # rows still to be left out at the start

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        made = self._conv(self._past.joined(x, is_last)[0], self._bias).reshape(-1, self._conv.channels // self._rate)
        start, self._crop = (self._crop, 0) if len(made) else (0, self._crop)
        return made[start : len(made) - self._rate // 2 if is_last else None]
