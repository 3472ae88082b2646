"""How far a fitted voice goes from the stock one: all the way, unless its sound pays too much for that.

The last part of the way to a speaker costs most: at 65 % of its adapters and 30 % of its prosody a voice kept 93 to
98 % of its likeness (by encoders that took no part), and its words and its opinion score came back to those of the
stock voice. Where they do not come back, it is not the strength that costs them, and the likeness is kept. So rungs
are listened to, and the first good one is taken; docs/BENCHMARKS.md has what that gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from speech.audio import Audio
from speech.engines.kokoro.network import STYLE
from train import corpus
from train.bandwidth import is_narrow
from train.corpus import Line
from train.kokoro import KokoroFit
from train.progress import Reporter, Stopped

Opinion = Callable[[Audio], float]  # P808, 1 to 5
LISTENED = 12  # texts a rung, over all languages; P808 of one is off by about 0.2
MOST_LOST = 0.1  # of the opinion score, against the stock voice
LEAST_KEPT = 0.8  # of the likeness that the whole fit gained, by the encoders that led it


@dataclass(frozen=True)
class Strength:
    """Shares of what was fitted."""

    adapters: float  # and biases
    prosody: float  # the rest is the nearest stock voice's


WHOLE = Strength(1.0, 1.0)
LADDER = (WHOLE, Strength(0.8, 0.5), Strength(0.65, 0.3))
# The energy of hisses is not in a telephone's recordings, so what they say of prosody is half believed.
NARROW_LADDER = (Strength(1.0, 0.5), *LADDER[1:])


@dataclass(frozen=True)
class Rung:
    """A strength as it was heard."""

    strength: Strength
    likeness: float  # cosine to the speaker, mean of the encoders and texts
    opinion: float


class Dial:
    """Sets the strength of a finished fit, in place; `nearest` is that stock voice's style table (510, 256)."""

    def __init__(self, made: KokoroFit, nearest: Tensor) -> None:
        self._made, self._nearest = made, nearest
        self._ups = {name: adapter.up.detach().clone() for name, adapter in made.adapters.items()}
        self._biases = {name: bias.detach().clone() for name, bias in made.biases.items()}
        self._start, self._prosody = made.material.start.clone(), made.prosody.clone()

    @torch.no_grad()
    def set(self, strength: Strength) -> None:
        made, share = self._made, strength.adapters
        for name, adapter in made.adapters.items():
            adapter.up.copy_(share * self._ups[name])
        for name, bias in made.biases.items():
            bias.copy_(torch.lerp(made.original[name], self._biases[name], share))
        kept = torch.lerp(self._nearest[:, STYLE:], self._start[:, STYLE:], strength.prosody)
        made.material.start = torch.cat([self._start[:, :STYLE], kept], 1)
        made.prosody = strength.prosody * self._prosody


def settle(made: KokoroFit, nearest: Tensor, opinion: Opinion, reporter: Reporter) -> Rung:
    """Set `made` to the rung that `choose` takes of `LADDER`, or of `NARROW_LADDER`. Raises Stopped."""
    ladder = NARROW_LADDER if is_narrow(made.material.top_hz) else LADDER
    texts = made.material.texts
    lines = [texts[index].line for index in np.linspace(0, len(texts) - 1, min(LISTENED, len(texts))).astype(int)]
    dial = Dial(made, nearest)
    dial.set(Strength(0.0, 0.0))
    heard = [_heard(made, Strength(0.0, 0.0), lambda phonemes: nearest[phonemes - 1][None], lines, opinion, reporter)]
    for number, strength in enumerate(ladder, 1):
        reporter.progress(number, len(ladder) + 1, "clone.stage.listening")
        dial.set(strength)
        heard.append(_heard(made, strength, made.style, lines, opinion, reporter))
        if is_good(heard[0], heard[1], heard[-1]):
            break
    chosen = choose(heard[0], heard[1:])
    dial.set(chosen.strength)
    return chosen


def choose(stock: Rung, rungs: Sequence[Rung]) -> Rung:
    """The first that costs little of the stock voice's opinion score and keeps the likeness of the strongest.

    The strongest is the first of `rungs`; it is taken when none is good.
    """
    return next((rung for rung in rungs if is_good(stock, rungs[0], rung)), rungs[0])


def is_good(stock: Rung, whole: Rung, rung: Rung) -> bool:
    kept = rung.likeness - stock.likeness >= LEAST_KEPT * (whole.likeness - stock.likeness)
    return kept and rung.opinion >= stock.opinion - MOST_LOST


@torch.no_grad()
def _heard(
    made: KokoroFit,
    strength: Strength,
    style: corpus.Style,
    lines: Sequence[Line],
    opinion: Opinion,
    reporter: Reporter,
) -> Rung:
    likeness, opinions = [], []
    for line in lines:
        if reporter.should_stop():
            raise Stopped
        sound = corpus.render(made.network, line, style).samples
        likeness.append(np.mean([1 - float(leader.apart(sound[None])) for leader in made.material.leaders]))
        opinions.append(opinion(Audio(sound.numpy(), 24000)))
    return Rung(strength, float(np.mean(likeness)), float(np.mean(opinions)))
