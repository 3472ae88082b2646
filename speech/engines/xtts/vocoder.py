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

from speech.engines.threads import common_threads, use_threads
from speech.engines.xtts.checkpoint import blank, fill

if TYPE_CHECKING:
    from speech.engines.xtts.config import XttsConfig

PREFIX = "hifigan_decoder.waveform_decoder."
WIDTH = 512  # channels before the first upsampling; each one halves them
RATES = (8, 8, 2, 2)
HOP = math.prod(RATES)  # samples a frame
KERNELS, DILATIONS = (3, 7, 11), (1, 3, 5)
SLOPE, LAST_SLOPE = 0.1, 0.01  # of the rectifiers
BLOCK = 24  # frames at once: what a layer reads and writes stays in a core's cache
LEAST_ROWS = 16
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


class Conv:
    """A convolution without padding, its weights laid out once for where it runs: (n, C) to (n - reach, C')."""

    def __init__(self, weight: Tensor, bias: Tensor | None, dilation: int, at: Tensor) -> None:
        """`weight` (C', C, kernel); device and dtype are those of `at`."""
        self.weight = weight.detach()[:, :, None].to(at).contiguous(memory_format=torch.channels_last)
        self.bias = None if bias is None else bias.detach().to(at)
        self.dilation = dilation
        self.channels, self.count = len(weight), weight.numel()
        self.reach = (weight.shape[2] - 1) * dilation
        self.is_packed = at.device.type == "cpu" and torch.backends.mkldnn.is_available()
        if self.is_packed:
            pack = torch.ops.aten.mkldnn_reorder_conv2d_weight
            like = [1, weight.shape[1], 1, 4096]
            self.weight = pack(self.weight.to_mkldnn(), [0, 0], [1, 1], [1, dilation], 1, like)

    def __call__(self, x: Tensor, bias: Tensor | None = None, slope: float = 1.0, add: Tensor | None = None) -> Tensor:
        """`bias` instead of its own; then a rectifier with `slope` below zero, or `add` of the result's shape."""
        if len(x) <= self.reach:
            return x.new_zeros(0, self.channels)
        bias = self.bias if bias is None else bias
        if not self.is_packed:
            made = _rows(functional.conv2d(_image(x), self.weight, bias, dilation=(1, self.dilation)))
            made = made if add is None else made + add
            return made if slope == 1 else functional.leaky_relu(made, slope)
        ops, shape = torch.ops.mkldnn, ([0, 0], [1, 1], [1, self.dilation], 1)
        if add is not None:
            binary = ops._convolution_pointwise.binary
            return _rows(binary(_image(x), _image(add), self.weight, bias, *shape, "add", 1.0, None, [], None))
        rectified = ("none", [], "") if slope == 1 else ("leaky_relu", [slope], "")
        return _rows(ops._convolution_pointwise(_image(x), self.weight, bias, *shape, *rectified))


def _image(rows: Tensor) -> Tensor:
    """(n, C) as a channel-last image (1, C, 1, n) of the same memory."""
    return rows[None, None].permute(0, 3, 1, 2)


def _rows(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1)[0, 0]


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
        vector = speaker.reshape(-1).to("cpu", torch.float32)
        added = [(weight[:, :, 0] @ vector + bias).to(self.at) for weight, bias in self.conds]
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


class Past:
    """What a layer still needs of before: its last `keep` rows; at first, as after the last row, `edge` zeros."""

    def __init__(self, keep: int, edge: int) -> None:
        self._keep, self._edge = keep, edge
        self._kept: Tensor | None = None

    def joined(self, x: Tensor, is_last: bool) -> tuple[Tensor, int]:
        """Those rows, `x` and the end's zeros; and how many stand before `x`."""
        edge = x.new_zeros(self._edge, x.shape[1])
        kept = edge if self._kept is None else self._kept
        rows = torch.cat([kept, x, edge] if is_last else [kept, x])
        self._kept = rows[max(0, len(rows) - self._keep) :].clone()
        return rows, len(kept)


class Padded:
    """A convolution of as many outputs as inputs."""

    def __init__(self, conv: Conv, bias: Tensor | None, slope: float) -> None:
        self._conv, self._bias, self._slope = conv, bias, slope
        self._past = Past(conv.reach, conv.reach // 2)

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows, _ = self._past.joined(x, is_last)
        count = len(rows) - self._conv.reach
        # For fewer rows oneDNN takes another kernel, whose sums end in other digits.
        padded = functional.pad(rows, (0, 0, 0, max(0, LEAST_ROWS - count)))
        return self._conv(padded, self._bias, self._slope)[: max(0, count)]


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


class Fusion:
    """The sum of three stacks of residual pairs that hear 12, 36 and 60 rows around each moment."""

    def __init__(self, stacks: list[list[tuple[Conv, Conv]]]) -> None:
        self._stacks = [[Residual(*pair) for pair in stack] for stack in stacks]
        self._waiting: list[Tensor | None] = [None for _ in stacks]  # made, but not yet by all

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        made = []
        for stack, waiting in zip(self._stacks, self._waiting, strict=True):
            hidden = x
            for residual in stack:
                hidden = residual.push(hidden, is_last)
            made.append(hidden if waiting is None else torch.cat([waiting, hidden]))
        count = min(len(rows) for rows in made)
        self._waiting = [rows[count:].clone() for rows in made]
        return (made[0][:count] + made[1][:count]).add_(made[2][:count])


class Residual:
    """Two convolutions after rectifiers, beside a shortcut."""

    def __init__(self, first: Conv, second: Conv) -> None:
        self._first, self._second = first, second
        self._inputs, self._between = (Past(conv.reach, conv.reach // 2) for conv in (first, second))

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows, _ = self._inputs.joined(x, is_last)
        between = self._first(functional.leaky_relu(rows, SLOPE), slope=SLOPE)
        joined, before = self._between.joined(between, is_last)
        # Row 0 of `between` is the moment of row `first.reach / 2` of `rows`, and `before` rows stand before it.
        start = self._first.reach // 2 + self._second.reach // 2 - before
        return self._second(joined, add=rows[start : start + len(joined) - self._second.reach])
