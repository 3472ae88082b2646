"""Recordings as Kokoro's decoder sees them: text features laid over frames, F0, energy and the sound to rebuild."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from speech.audio import Audio
from speech.engines.kokoro import alignment
from speech.engines.kokoro.network import STYLE, Kokoro, spread, whole_frames
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import STYLE_ROWS

FRAME = alignment.FRAME
EDGE = 4 * FRAME  # silence put around a recording: 0.1 s
FEWEST_TOKENS = 5
PACKED = ("frames", "f0", "energy", "source", "samples")
Style = Callable[[int], Tensor]  # number of phonemes to the style (1, 256) of that length


@dataclass
class Line:
    """A text: its tokens (1, T) with pads, and what the network makes of it whoever speaks."""

    tokens: Tensor
    meaning: Tensor  # (1, T, 512)
    text: Tensor  # (1, 512, T)

    @property
    def phonemes(self) -> int:
        return self.tokens.shape[1] - 2


@dataclass
class Utterance:
    """A line spoken: F frames, 2F values of F0 and energy, 600F samples."""

    line: Line
    frames: Tensor  # (T,), sum F
    f0: Tensor  # (2F,) Hz, 0 unvoiced
    energy: Tensor  # (2F,)
    source: Tensor  # (22, 120F + 1)
    samples: Tensor  # (600F,): the recording, or a rendering

    @property
    def length(self) -> int:
        return len(self.f0) // 2

    def features(self) -> Tensor:
        return spread(self.line.text, self.frames, self.length)


@torch.no_grad()
def line(network: Kokoro, text: str, language: str) -> Line | None:
    """None for a text that the network cannot take in one piece, or that says nothing."""
    ids = tokens(phonemize(text, language))
    if not FEWEST_TOKENS <= len(ids) <= STYLE_ROWS:
        return None
    padded = torch.tensor([[0, *ids, 0]], device=network.bert_encoder.weight.device)
    return Line(padded, network.meaning(padded), network.text_encoder(padded))


@torch.no_grad()
def render(network: Kokoro, spoken: Line, style: Style) -> Utterance:
    """The line as the network speaks it with a style, its sound included."""
    chosen = style(spoken.phonemes)
    timbre, prosody = chosen[:, :STYLE], chosen[:, STYLE:]
    hidden = network.predictor.hidden(spoken.meaning, prosody)
    frames = whole_frames(network.predictor.durations(hidden))
    f0, energy = network.predictor.curves(spread(hidden.transpose(1, 2), frames), prosody)
    source = excitation(network, f0[0])
    samples = network.decoder(spread(spoken.text, frames), f0, energy, timbre, source[None])[0]
    return Utterance(spoken, frames, f0[0], energy[0], source, samples)


def excitation(network: Kokoro, f0: Tensor) -> Tensor:
    return torch.from_numpy(network.source(f0.cpu().numpy())).to(f0.device)


def recorded(network: Kokoro, spoken: Line, audio: Audio, offset: float, style: Style, top_hz: float) -> Utterance:
    """A recording at the network's level, laid over its line by way of a rendering with `style`."""
    samples = np.pad(audio.samples, (EDGE, EDGE))
    samples = samples[: len(samples) // FRAME * FRAME]
    device = spoken.tokens.device
    sound = torch.from_numpy(samples).to(device)
    f0 = torch.from_numpy(alignment.pitch(Audio(samples, audio.sample_rate))).to(device)
    energy = (torch.from_numpy(alignment.energy(samples)) - offset).to(device)
    made = Utterance(spoken, torch.zeros(0), f0, energy, excitation(network, f0), sound)
    align(network, made, style, top_hz)
    return made


def align(network: Kokoro, spoken: Utterance, style: Style, top_hz: float) -> None:
    """Find the frames of each phoneme again, against a rendering with `style`."""
    rendered = render(network, spoken.line, style)
    made, wanted = rendered.samples.cpu().numpy(), spoken.samples.cpu().numpy()
    frames = alignment.durations(made, rendered.frames.cpu().numpy(), wanted, top_hz)
    spoken.frames = torch.from_numpy(alignment.at_least_one(frames)).to(spoken.samples.device)


def packed(one: Utterance) -> dict[str, Tensor]:
    """What a checkpoint keeps of an utterance."""
    return {name: getattr(one, name).clone() for name in PACKED}


def unpacked(kept: Mapping[str, Tensor], spoken: Line) -> Utterance:
    return Utterance(spoken, **{name: kept[name] for name in PACKED})
