"""How far a fitted voice goes from the stock one: all the way, unless its sound pays too much for that.

The last part of the way to a speaker costs the most words and sound quality, and keeps the least likeness. So a few
scales of the adapters are listened to, and the first good one is taken; a fit that is good as a whole goes a little
further than it was made, where that costs little more. `bench/NOTES.md` has what that gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from statistics import fmean, stdev

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
# Opinion score that a voice may lose against the stock voice: more would be heard, less would cost likeness.
MOST_LOST = 0.08
# Times the adapters of a whole fit that is good: further is nearer to the speaker and costs opinion.
BEYOND = 1.15
# The same bound for that further step, wider because it costs about 0.03 by itself.
MOST_LOST_BEYOND = 0.1
# Share of the likeness gained by the whole fit that a smaller scale must keep, or it gives up what the fit was for.
LEAST_KEPT = 0.8
# Fewest texts before listening may end early, and standard errors from the bound that make an answer clear: fewer of
# either end sooner and err more often.
FEWEST_TEXTS, CLEAR = 4, 2.5


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
    """A scale as it was heard, against the stock voice on the same texts."""

    scale: AdapterScale
    likeness: float  # cosine to the speaker above the stock voice's, mean of the encoders and texts
    opinion: float  # above the stock voice's, mean of the texts


class AdapterScaler:
    """Sets the scale of a finished fit, in place; `nearest` is that stock voice's style table (510, 256)."""

    def __init__(self, fit: KokoroFit, nearest: Tensor) -> None:
        self._fit, self._nearest = fit, nearest
        self._ups = {name: adapter.up.detach().clone() for name, adapter in fit.adapters.items()}
        self._biases = {name: bias.detach().clone() for name, bias in fit.biases.items()}
        self._start, self._prosody = fit.material.start.clone(), fit.prosody.clone()

    @torch.no_grad()
    def set(self, scale: AdapterScale) -> None:
        fit, share = self._fit, scale.adapters
        for name, adapter in fit.adapters.items():
            adapter.up.copy_(share * self._ups[name])
        for name, bias in fit.biases.items():
            bias.copy_(torch.lerp(fit.original[name], self._biases[name], share))
        kept = torch.lerp(self._nearest[:, STYLE:], self._start[:, STYLE:], scale.prosody)
        fit.material.start = torch.cat([self._start[:, :STYLE], kept], 1)
        fit.prosody = scale.prosody * self._prosody


def select_scale(
    fit: KokoroFit, nearest: Tensor, stage: Stage, lines: Sequence[Line], opinion: Opinion, reporter: Reporter
) -> Candidate:
    """Listen to `lines` and set `fit` to the scale that `choose` takes of `LADDER`, or of `NARROW_LADDER`; from a whole
    fit that is good, to a further one that `is_nearer`. Every text is rendered once a candidate, and no more texts than
    a clear answer needs. Raises Stopped.
    """
    ladder = NARROW_LADDER if is_narrow(fit.material.top_hz) else LADDER
    scaler, numbers = AdapterScaler(fit, nearest), count()
    listener = Listener(stage.stock(nearest.numpy()), lines, fit.material.leaders, opinion, reporter)

    def listened(scale: AdapterScale, most_lost: float = MOST_LOST) -> Candidate:
        reporter.progress(next(numbers), len(ladder) + 1, "clone.stage.listening")
        scaler.set(scale)
        return listener.compare(scale, stage.fitted(fit), most_lost)

    candidates: list[Candidate] = []
    for scale in ladder:
        candidates.append(listened(scale))
        if is_good(candidates[0], candidates[-1]):
            break
    chosen, whole = choose(candidates), candidates[0]
    if is_good(whole, whole):
        further = listened(replace(whole.scale, adapters=BEYOND * whole.scale.adapters), MOST_LOST_BEYOND)
        chosen = further if is_nearer(whole, further) else whole
    scaler.set(chosen.scale)
    return chosen


def choose(candidates: Sequence[Candidate]) -> Candidate:
    """The first that costs little of the stock voice's opinion score and keeps the likeness of the strongest.

    The strongest is the first of `candidates`; it is taken when none is good: then it is not the scale that costs.
    """
    return next((candidate for candidate in candidates if is_good(candidates[0], candidate)), candidates[0])


def is_good(whole: Candidate, candidate: Candidate) -> bool:
    kept = min(LEAST_KEPT * whole.likeness, whole.likeness)  # where nothing was gained the whole fit keeps its all
    return candidate.likeness >= kept and candidate.opinion >= -MOST_LOST


def is_nearer(whole: Candidate, further: Candidate) -> bool:
    return further.likeness > whole.likeness and further.opinion >= -MOST_LOST_BEYOND


class Listener:
    """Compares voices with the stock voice on the same texts; the stock voice says each of them once."""

    def __init__(
        self,
        stock: Voice,
        lines: Sequence[Line],
        leaders: Sequence[SpeakerLoss],
        opinion: Opinion,
        reporter: Reporter,
    ) -> None:
        self._stock, self._lines, self._leaders = stock, lines, leaders
        self._opinion, self._reporter = opinion, reporter
        self._of_stock: list[tuple[float, float]] = []  # likeness and opinion of each line, as far as it was needed

    def compare(self, scale: AdapterScale, voice: Voice, most_lost: float) -> Candidate:
        """Ends before the last line where it is clear on which side of `most_lost` the opinion is. Raises Stopped."""
        likeness: list[float] = []
        opinions: list[float] = []
        for number, line in enumerate(self._lines):
            if number == len(self._of_stock):
                self._of_stock.append(self._heard(self._stock, line))
            stock, fitted = self._of_stock[number], self._heard(voice, line)
            likeness.append(fitted[0] - stock[0])
            opinions.append(fitted[1] - stock[1])
            if is_clear(opinions, -most_lost):
                break
        return Candidate(scale, fmean(likeness), fmean(opinions))

    @torch.no_grad()
    def _heard(self, voice: Voice, line: Line) -> tuple[float, float]:
        if self._reporter.should_stop():
            raise Stopped
        sound = voice(line)
        samples = torch.from_numpy(sound.samples)[None]
        likeness = float(np.mean([1 - float(leader.apart(samples)) for leader in self._leaders]))
        return likeness, self._opinion(sound)


def is_clear(differences: Sequence[float], bound: float) -> bool:
    """Whether the mean of `differences` lies `CLEAR` standard errors from `bound`, on either side."""
    if len(differences) < FEWEST_TEXTS:
        return False
    error = stdev(differences) / float(np.sqrt(len(differences)))
    return abs(fmean(differences) - bound) > CLEAR * error
