"""How far a fitted voice goes from the stock one: all the way, unless its sound pays too much for that.

The last part of the way to a speaker costs most: at 65 % of its adapters and 30 % of its prosody a voice kept 93 to
98 % of its likeness (by encoders that took no part), and its words and its opinion score came back to those of the
stock voice. Where they do not come back, it is not the strength that costs them, and the likeness is kept. So rungs
are listened to, and the first good one is taken; a fit that is good as a whole goes a little further than it was made,
where that costs little more.
bench/NOTES.md has what that gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from torch import Tensor

from speech.analysis.bandwidth import is_narrow
from speech.audio import Audio
from speech.engines.kokoro.network import STYLE
from train.kokoro.corpus import Line
from train.kokoro.preview import Stage, Voice
from train.kokoro.trainable import KokoroFit, SpeakerLoss
from train.progress import Reporter, Stopped

Opinion = Callable[[Audio], float]  # P808, 1 to 5
# Of the opinion score, against the stock voice. 0.1 is what a listener may lose in a language: 0.09 here, over all of
# them, was 0.11 in June's French by 40 other sentences (bench/NOTES.md).
MOST_LOST = 0.08
BEYOND = 1.15  # times the adapters of a whole fit that is good
MOST_LOST_BEYOND = 0.1  # the step there costs about 0.03, so a bound as near as the one before would be left to chance
LEAST_KEPT = 0.8  # of the likeness that the whole fit gained, by the encoders that led it


@dataclass(frozen=True)
class AdapterScale:
    """Shares of what was fitted."""

    adapters: float  # and biases
    prosody: float  # the rest is the nearest stock voice's


WHOLE = AdapterScale(1.0, 1.0)
LADDER = (WHOLE, AdapterScale(0.8, 0.5), AdapterScale(0.7, 0.3))
# The energy of hisses is not in a telephone's recordings, so what they say of prosody is half believed.
NARROW_LADDER = (AdapterScale(1.0, 0.5), *LADDER[1:])


@dataclass(frozen=True)
class Candidate:
    """A strength as it was heard."""

    strength: AdapterScale
    likeness: float  # cosine to the speaker, mean of the encoders and texts
    opinion: float


class AdapterScaler:
    """Sets the strength of a finished fit, in place; `nearest` is that stock voice's style table (510, 256)."""

    def __init__(self, made: KokoroFit, nearest: Tensor) -> None:
        self._made, self._nearest = made, nearest
        self._ups = {name: adapter.up.detach().clone() for name, adapter in made.adapters.items()}
        self._biases = {name: bias.detach().clone() for name, bias in made.biases.items()}
        self._start, self._prosody = made.material.start.clone(), made.prosody.clone()

    @torch.no_grad()
    def set(self, strength: AdapterScale) -> None:
        made, share = self._made, strength.adapters
        for name, adapter in made.adapters.items():
            adapter.up.copy_(share * self._ups[name])
        for name, bias in made.biases.items():
            bias.copy_(torch.lerp(made.original[name], self._biases[name], share))
        kept = torch.lerp(self._nearest[:, STYLE:], self._start[:, STYLE:], strength.prosody)
        made.material.start = torch.cat([self._start[:, :STYLE], kept], 1)
        made.prosody = strength.prosody * self._prosody


def select_scale(
    made: KokoroFit, nearest: Tensor, stage: Stage, lines: Sequence[Line], opinion: Opinion, reporter: Reporter
) -> Candidate:
    """Listen to `lines` and set `made` to the rung that `choose` takes of `LADDER`, or of `NARROW_LADDER`; from a whole
    fit that is good, to a further one that `is_nearer`. Raises Stopped.
    """
    ladder = NARROW_LADDER if is_narrow(made.material.top_hz) else LADDER
    dial, numbers = AdapterScaler(made, nearest), count()

    def heard(strength: AdapterScale, voice: Voice) -> Candidate:
        reporter.progress(next(numbers), len(ladder) + 1, "clone.stage.listening")
        return _heard(strength, voice, lines, made.material.leaders, opinion, reporter)

    def fitted(strength: AdapterScale) -> Candidate:
        dial.set(strength)
        return heard(strength, stage.fitted(made))

    stock = heard(AdapterScale(0.0, 0.0), stage.stock(nearest.numpy()))
    rungs: list[Candidate] = []
    for strength in ladder:
        rungs.append(fitted(strength))
        if is_good(stock, rungs[0], rungs[-1]):
            break
    chosen, whole = choose(stock, rungs), rungs[0]
    if is_good(stock, whole, whole):
        further = fitted(replace(whole.strength, adapters=BEYOND * whole.strength.adapters))
        chosen = further if is_nearer(stock, whole, further) else whole
    dial.set(chosen.strength)
    return chosen


def choose(stock: Candidate, rungs: Sequence[Candidate]) -> Candidate:
    """The first that costs little of the stock voice's opinion score and keeps the likeness of the strongest.

    The strongest is the first of `rungs`; it is taken when none is good.
    """
    return next((rung for rung in rungs if is_good(stock, rungs[0], rung)), rungs[0])


def is_good(stock: Candidate, whole: Candidate, rung: Candidate) -> bool:
    kept = rung.likeness - stock.likeness >= LEAST_KEPT * (whole.likeness - stock.likeness)
    return kept and rung.opinion >= stock.opinion - MOST_LOST


def is_nearer(stock: Candidate, whole: Candidate, further: Candidate) -> bool:
    return further.likeness > whole.likeness and further.opinion >= stock.opinion - MOST_LOST_BEYOND


@torch.no_grad()
def _heard(
    strength: AdapterScale,
    voice: Voice,
    lines: Sequence[Line],
    leaders: Sequence[SpeakerLoss],
    opinion: Opinion,
    reporter: Reporter,
) -> Candidate:
    likeness, opinions = [], []
    for line in lines:
        if reporter.should_stop():
            raise Stopped
        sound = voice(line)
        samples = torch.from_numpy(sound.samples)[None]
        likeness.append(np.mean([1 - float(leader.apart(samples)) for leader in leaders]))
        opinions.append(opinion(sound))
    return Candidate(strength, float(np.mean(likeness)), float(np.mean(opinions)))
