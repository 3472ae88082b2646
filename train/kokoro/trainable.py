"""Kokoro fitted to a speaker: its style, and low-rank adapters of its decoder.

Two kinds of steps. A recorded one rebuilds a crop of a recording: log mel spectra of three resolutions, up to the
recording's own bandwidth, and speaker encoders. A spoken one says a text that nobody recorded, in the languages of
the engine, as the voice will be used: the encoders ask for the speaker, and the stock voice's own rendering keeps the
words, band means removed, and the sound above what the recordings reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from speech.analysis.bandwidth import HIGHEST_HZ, is_narrow
from speech.engines.kokoro.network import STYLE, Kokoro
from speech.engines.weights import let_backward
from train.kokoro import corpus
from train.kokoro.corpus import FRAME, Utterance
from train.kokoro.features import bands_below, log_mels
from train.lora import LowRank, adapt
from train.trainable import ParameterGroup

LONGEST_VALIDATED = 200  # frames of a held-out clip


class Encoder(Protocol):
    """A speaker encoder with a gradient: sounds (batch, n) at 24 kHz to unit vectors."""

    name: str

    def __call__(self, samples: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class KokoroOptions:
    """What is trained, and what it is asked for."""

    rank: int = 16  # of each convolution's adapter
    crop: int = 66  # frames of 25 ms: one window of the speaker encoder
    style_rate: float = 5e-3
    adapter_rate: float = 1e-3
    bias_rate: float = 1e-3
    words: float = 1.0  # weight of a spoken step's distance to the stock voice's rendering
    spoken_every: int = 3  # one step of so many is a spoken one; 0: none
    prior: float = 0.003  # weight of the style's distance from the stock voices, in their deviations
    realign_at: int = 80  # step of the second alignment
    texts: int = 8  # that nobody recorded, in each language, at most, for spoken steps
    listening_texts: int = 6  # others, by which the adapters' scale is chosen; half as many in other languages
    validate_every: int = 40  # steps
    seed: int = 0


@dataclass(frozen=True)
class SpeakerLoss:
    """A speaker encoder in the loss, and the speaker as it hears them."""

    encoder: Encoder
    centre: Tensor  # unit vector
    weight: float  # of 1 - cosine

    def apart(self, made: Tensor) -> Tensor:
        """1 - cosine of sounds (batch, n), their mean."""
        return (1 - self.encoder(made) @ self.centre).mean()


@dataclass
class Material:
    """What a fit works on; `start` is the style table (510, 256) it begins with."""

    train: list[Utterance]
    held_out: list[Utterance]
    texts: list[Utterance]  # renderings of texts by the start voice
    start: Tensor
    deviation: Tensor  # (256,) of the stock voices' styles
    top_hz: float
    leaders: Sequence[SpeakerLoss]


class KokoroFit:
    """A Trainable: the decoder's half of a voice. The network is changed in place."""

    def __init__(self, network: Kokoro, material: Material, options: KokoroOptions) -> None:
        self.network, self.material, self.options = network, material, options
        let_backward(network)
        device = network.bert_encoder.weight.device
        self.timbre = nn.Parameter(torch.zeros(STYLE, device=device))
        self.prosody = torch.zeros(STYLE, device=device)
        generator = torch.Generator().manual_seed(options.seed)
        self.adapters: dict[str, LowRank] = adapt(network.decoder, options.rank, _is_adapted, generator)
        self.biases = {name: bias for name, bias in network.decoder.named_parameters() if _is_bias(name)}
        self.original = {name: bias.detach().clone() for name, bias in self.biases.items()}
        for parameter in self.biases.values():
            parameter.requires_grad_(True)
        self._is_realigned = False

    def style(self, phonemes: int) -> Tensor:
        """The voice's style (1, 256) for a text of so many phonemes; the gradient reaches the timbre."""
        return self.material.start[phonemes - 1][None] + torch.cat([self.timbre, self.prosody])

    def parameters(self) -> list[ParameterGroup]:
        rates = self.options
        factors = tuple(factor for adapter in self.adapters.values() for factor in (adapter.up, adapter.down))
        return [
            ParameterGroup("style", (self.timbre,), rates.style_rate),
            ParameterGroup("adapters", factors, rates.adapter_rate),
            ParameterGroup("biases", tuple(self.biases.values()), rates.bias_rate),
        ]

    def losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        options = self.options
        is_spoken = (
            bool(options.spoken_every and self.material.texts)
            and step % options.spoken_every == options.spoken_every - 1
        )
        chosen = self._draw(self.material.texts if is_spoken else self.material.train, generator)
        made, wanted = self._crop(chosen, *_window(chosen, options.crop, generator))
        terms = {"prior": options.prior * (self.timbre / self.material.deviation[:STYLE]).square().mean()}
        for leader in self.material.leaders:
            terms[leader.encoder.name] = leader.weight * leader.apart(made)
        if is_spoken:
            terms["words"] = options.words * difference(made, wanted, self.material.top_hz)
        else:
            terms["rebuilt"] = distance(made, wanted, self.material.top_hz)
        return terms

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Of held-out recordings, whole; without any, of the first ones trained on."""
        ones = self.material.held_out or self.material.train[:2]
        names = ["rebuilt", *(leader.encoder.name for leader in self.material.leaders)]
        terms = dict.fromkeys(names, 0.0)
        for one in ones:
            made, wanted = self._crop(one, 0, min(one.length, LONGEST_VALIDATED))
            terms["rebuilt"] += float(distance(made, wanted, self.material.top_hz)) / len(ones)
            for leader in self.material.leaders:
                terms[leader.encoder.name] += leader.weight * float(leader.apart(made)) / len(ones)
        return {**terms, "loss": sum(terms.values())}

    def milestone(self, step: int) -> None:
        if step < self.options.realign_at or self._is_realigned:
            return
        self._is_realigned = True
        for one in (*self.material.train, *self.material.held_out):
            corpus.align(self.network, one, self.style, self.material.top_hz)

    def state(self) -> dict[str, Any]:
        frames = [one.frames for one in (*self.material.train, *self.material.held_out)]
        return {"is_realigned": self._is_realigned, "frames": frames}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._is_realigned = state["is_realigned"]
        for one, frames in zip((*self.material.train, *self.material.held_out), state["frames"], strict=True):
            one.frames = frames

    def _draw(self, utterances: Sequence[Utterance], generator: torch.Generator) -> Utterance:
        return utterances[int(torch.randint(len(utterances), (1,), generator=generator))]

    def _crop(self, one: Utterance, first: int, last: int) -> tuple[Tensor, Tensor]:
        """Frames `first` to `last` made by the decoder, and as they are: each (1, n)."""
        values = slice(2 * first, 2 * last)
        made: Tensor = self.network.decoder(
            one.features()[:, :, first:last],
            one.f0[None, values],
            one.energy[None, values],
            self.style(one.line.phonemes)[:, :STYLE],
            one.source[None, :, 120 * first : 120 * last + 1],
        )
        return made, one.samples[None, FRAME * first : FRAME * last]


def distance(made: Tensor, wanted: Tensor, top_hz: float) -> Tensor:
    """Mean difference of log mel spectra up to `top_hz` over `RESOLUTIONS`."""
    pairs = zip(log_mels(made, top_hz), log_mels(wanted, top_hz))
    return torch.stack([(a - b).abs().mean() for a, b in pairs]).mean()


def difference(made: Tensor, wanted: Tensor, top_hz: float) -> Tensor:
    """The same with each band's mean taken away first, so that the timbre is free.

    Of a telephone's recordings bands above `top_hz` are compared too, as they are.
    """
    highest_hz = HIGHEST_HZ if is_narrow(top_hz) else top_hz
    terms = []
    for a, b in zip(log_mels(made, highest_hz), log_mels(wanted, highest_hz)):
        apart = a - b
        inside = bands_below(apart.shape[1], top_hz, highest_hz)
        free = apart[:, :inside] - apart[:, :inside].mean(-1, keepdim=True)
        terms.append(torch.cat([free, apart[:, inside:]], 1).abs().mean())
    return torch.stack(terms).mean()


def _window(one: Utterance, crop: int, generator: torch.Generator) -> tuple[int, int]:
    first = int(torch.randint(max(1, one.length - crop + 1), (1,), generator=generator))
    return first, min(one.length, first + crop)


def _is_adapted(name: str, layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv1d | nn.ConvTranspose1d) and not name.startswith(("F0_conv", "N_conv"))


def _is_bias(name: str) -> bool:
    return name.endswith(".bias") and not name.startswith(("F0_conv", "N_conv"))
