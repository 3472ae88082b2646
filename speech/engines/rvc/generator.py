"""Latents and F0 to sound: HiFi-GAN (https://arxiv.org/abs/2010.05646) with a neural source filter's excitation.

The excitation is a sine of F0 with noise, or noise alone where there is no F0 (https://arxiv.org/abs/1904.12088). Its
phase is summed in float64 over frames, so that any moment of it is had without those before.

It runs as a stream on the layers of XTTS' vocoder: the samples of a block do not depend on how it came in pieces.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.convolution import SLOPE, Conv, Fusion, Padded, Past
from speech.engines.rvc.config import DILATIONS, KERNELS, RvcConfig

LAST_SLOPE = 0.01  # of the last rectifier
SINE, NOISE = 0.1, 0.003  # of the excitation where there is F0; without it noise of a third of the sine
BLOCK = 24  # frames at once: what a layer reads and writes stays in a core's cache


class Layers(nn.Module):
    """The weights as a model file names them, weight norm already joined; `Generator` is what runs."""

    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.conv_pre = nn.Conv1d(config.inter, config.up_channels, 7)
        self.cond = nn.Conv1d(config.gin, config.up_channels, 1)
        self.ups, self.noise_convs, self.resblocks = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i, (rate, kernel) in enumerate(zip(config.rates, config.up_kernels, strict=True)):
            channels = config.up_channels >> (i + 1)
            self.ups.append(nn.ConvTranspose1d(2 * channels, channels, kernel, rate))
            for size in KERNELS:
                block = nn.Module()
                for name in ("convs1", "convs2"):
                    block.add_module(name, nn.ModuleList(nn.Conv1d(channels, channels, size) for _ in DILATIONS))
                self.resblocks.append(block)
        if config.has_f0:
            self.m_source = nn.Module()
            self.m_source.add_module("l_linear", nn.Linear(1, 1))
            for i, stride in enumerate(_strides(config)):
                kernel = 2 * stride if stride > 1 else 1
                self.noise_convs.append(nn.Conv1d(1, config.up_channels >> (i + 1), kernel, stride))
        self.conv_post = nn.Conv1d(channels, 1, 7, bias=False)


def _strides(config: RvcConfig) -> list[int]:
    """Samples of the excitation for a row after each upsampling."""
    return [int(np.prod(config.rates[i + 1 :], dtype=int)) for i in range(len(config.rates))]


@dataclass(frozen=True, eq=False)
class Excitation:
    """The source of one block: F0 (T,) in Hz, 0 unvoiced, and noise (T * hop,) of unit deviation."""

    f0: Tensor
    noise: Tensor
    config: RvcConfig

    def samples(self, start: int, end: int) -> Tensor:
        """(end - start,) of it; zeros outside of the block, as the convolutions over it are padded."""
        hop = self.config.hop
        first, last = max(0, start) // hop, min(len(self.f0), -(-end // hop))
        steps = (self.f0.float() / self.config.sample_rate).double()  # of the phase, in turns
        turns = functional.pad((steps * hop).cumsum(0), (1, 0))[first:last, None]
        phase = turns + torch.arange(1, hop + 1, device=steps.device) * steps[first:last, None]
        sine = torch.sin(2 * np.pi * phase.remainder(1)).float() * SINE
        voiced = (self.f0[first:last, None] > 0).float()
        noise = self.noise[first * hop : last * hop].view(-1, hop)
        made = (sine * voiced + noise * (voiced * NOISE + (1 - voiced) * SINE / 3)).flatten()
        made = made[max(0, start) - first * hop : end - first * hop]
        before = max(0, -start)
        return functional.pad(made, (before, end - start - before - len(made)))


def reach(config: RvcConfig) -> int:
    """Frames to each side of a moment that its sample hears, rounded up."""
    heard, rows = 3.0, 1  # of the first convolution; rows in a frame
    for rate, kernel in zip(config.rates, config.up_kernels, strict=True):
        heard += -(-kernel // rate) / rows
        rows *= rate
        heard += (KERNELS[-1] - 1) / 2 * (sum(DILATIONS) + len(DILATIONS)) / rows
    return int(heard + 3 / rows) + 2


class Generator:
    """Weights laid out for where they run, shared by all streams."""

    def __init__(self, layers: Layers, config: RvcConfig, device: str = "cpu") -> None:
        self.config = config
        self.at = torch.empty(0, device=device)
        with torch.inference_mode():
            self.pre = Conv(layers.conv_pre.weight, layers.conv_pre.bias, 1, self.at)
            ups = zip(layers.ups.children(), config.rates, strict=True)
            self.ups = [_upsampling(up, rate, i > 0, self.at) for i, (up, rate) in enumerate(ups)]
            self.resblocks = [_pairs(block, self.at) for block in layers.resblocks]
            self.post = Conv(layers.conv_post.weight / len(KERNELS), None, 1, self.at)
            self.cond = layers.cond.to(device)
            self.source = layers.m_source.get_submodule("l_linear").to(device) if config.has_f0 else None
            self.noise_convs = [conv.to(device) for conv in layers.noise_convs if isinstance(conv, nn.Conv1d)]

    @torch.inference_mode()
    def stream(
        self, latents: Tensor, speaker: Tensor, excitation: Excitation | None, first: int = 0
    ) -> Iterator[NDArray[np.float32]]:
        """Samples of (1, inter, T), block by block; all of them are T * hop. `first` is the excitation's frame at
        which they begin."""
        bias = self.pre.bias + self.cond(speaker).flatten()
        pre, post = Padded(self.pre, bias, SLOPE), Padded(self.post, None, 1.0)
        stages = [_Stage(self, i, excitation, first) for i in range(len(self.ups))]
        blocks = latents[0].T.to(self.at).split(BLOCK)
        for number, block in enumerate(blocks, 1):
            is_last = number == len(blocks)
            hidden = pre.push(block, is_last)
            for i, stage in enumerate(stages):
                slope = SLOPE if i + 1 < len(stages) else LAST_SLOPE
                hidden = functional.leaky_relu_(stage.push(hidden, is_last), slope)
            made: NDArray[np.float32] = post.push(hidden, is_last).tanh_()[:, 0].cpu().numpy()
            yield made


class _Stage:
    """One upsampling with the excitation added, then its residual blocks."""

    def __init__(self, generator: Generator, index: int, excitation: Excitation | None, first: int) -> None:
        config = generator.config
        self._conv, self._rate = generator.ups[index], config.rates[index]
        self._kernel = config.up_kernels[index]
        taps = self._conv.reach + 1
        self._past = Past(taps - 1, taps - 1)
        self._crop = (self._kernel - self._rate) // 2  # rows still to be left out at the start
        self._end = (taps - 1) * self._rate - self._crop
        self._fusion = Fusion(generator.resblocks[3 * index : 3 * index + 3])
        self._excitation, self._source = excitation, generator.source
        self._noise_conv = generator.noise_convs[index] if excitation is not None else None
        self._stride = _strides(config)[index]
        self._made = first * config.hop // self._stride  # rows, from the excitation's start

    def push(self, x: Tensor, is_last: bool) -> Tensor:
        rows = self._past.joined(x, is_last)[0]
        made = self._conv(rows).reshape(-1, self._conv.channels // self._rate)
        start = min(self._crop, len(made))
        self._crop -= start
        made = made[start : len(made) - self._end if is_last else None]
        return self._fusion.push(made + self._heard(len(made)) if self._noise_conv is not None else made, is_last)

    def _heard(self, count: int) -> Tensor:
        """What the next `count` rows hear of the excitation: (count, channels)."""
        assert self._excitation is not None and self._source is not None and self._noise_conv is not None
        first, stride = self._made, self._stride
        self._made += count
        if not count:
            return self._noise_conv.weight.new_zeros(0, len(self._noise_conv.weight))
        edge = stride // 2
        size = self._noise_conv.kernel_size[0]
        begin = first * stride - edge
        end = begin + (count - 1) * stride + size
        total = len(self._excitation.noise)
        merged = self._source(self._excitation.samples(begin, end)[:, None]).tanh()[:, 0]
        outside = torch.arange(begin, end, device=merged.device)
        merged = merged.masked_fill((outside < 0) | (outside >= total), 0)  # tanh of the bias is not what is padded
        heard: Tensor = self._noise_conv(merged[None, None])[0].T
        return heard


def _upsampling(up: nn.Module, rate: int, is_shared: bool, at: Tensor) -> Conv:
    """A transposed convolution as a plain one over neighbours, whose channels are `rate` moments of its own.

    `is_shared`: what comes in is the sum, not the mean, of three residual blocks.
    """
    weight = up.get_parameter("weight") / (len(KERNELS) if is_shared else 1)  # (C, C', kernel)
    taps = -(-weight.shape[2] // rate)
    weight = functional.pad(weight, (0, taps * rate - weight.shape[2])).unflatten(2, (taps, rate)).flip(2)
    kernel = weight.permute(3, 1, 0, 2).flatten(0, 1)  # the earliest neighbour meets the kernel's end
    return Conv(kernel, up.get_parameter("bias").repeat(rate), 1, at)


def _pairs(block: nn.Module, at: Tensor) -> list[tuple[Conv, Conv]]:
    firsts, seconds = (list(block.get_submodule(name).children()) for name in ("convs1", "convs2"))
    return [
        (
            Conv(first.get_parameter("weight"), first.get_parameter("bias"), dilation, at),
            Conv(second.get_parameter("weight"), second.get_parameter("bias"), 1, at),
        )
        for first, second, dilation in zip(firsts, seconds, DILATIONS, strict=True)
    ]
