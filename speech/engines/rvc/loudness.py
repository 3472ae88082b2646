"""How loud the recording is at each moment, laid over what the voice says: RMS of a second, each half second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-6  # RMS of what is made, below which nothing is raised

Samples = NDArray[np.float32]
Values = NDArray[np.float64]


class LoudnessMix:
    """A stream of `total` samples, each kept until the second around it has been heard."""

    def __init__(self, source: Values, source_rate: int, total: int, rate: int, share: float) -> None:
        """`share` of the voice's own loudness: 1 changes nothing."""
        self._share, self._total, self._half = share, total, rate // 2
        self._source = _levels(source, source_rate // 2)
        self._count = 1 + total // self._half  # levels of what is made
        self._made = np.zeros(0, np.float32)  # from half a second before what is given next
        self._levels = np.zeros(0)
        self._start = self._given = 0

    def push(self, samples: Samples) -> Samples:
        if self._share == 1:
            return samples
        self._made = np.concatenate([self._made, samples])
        seen = self._start + len(self._made)
        known = max(0, seen // self._half - 1)  # levels whose whole second is there
        # A sample lies between two levels, of which the later must be known.
        ready = int((known - 1.5) * self._total / self._count) if known > 1 else 0
        return self._give(known, max(self._given, min(ready, seen)))

    def last(self) -> Samples:
        if self._share == 1:
            return np.zeros(0, np.float32)
        return self._give(self._count, self._start + len(self._made))

    def _give(self, known: int, until: int) -> Samples:
        for number in range(len(self._levels), known):
            begin = (number - 1) * self._half - self._start
            window = self._made[max(0, begin) : max(0, begin + 2 * self._half)].astype(np.float64)
            self._levels = np.append(self._levels, np.sqrt(np.square(window).sum() / (2 * self._half)))
        places = np.arange(self._given, until)
        source = _between(self._source, places, self._total)
        own = np.maximum(_between(self._levels, places, self._total, self._count), LEAST)
        gain = source ** (1 - self._share) * own ** (self._share - 1)
        given = self._made[self._given - self._start : until - self._start] * gain.astype(np.float32)
        self._given = until
        kept = max(0, (len(self._levels) - 1) * self._half - self._start)  # of the next level's second
        kept = min(kept, until - self._start)
        self._made, self._start = self._made[kept:], self._start + kept
        return given


def _levels(samples: Values, half: int) -> Values:
    edged = np.pad(samples, half)
    starts = np.arange(1 + len(samples) // half) * half
    return np.array([np.sqrt(np.square(edged[start : start + 2 * half]).mean()) for start in starts])


def _between(levels: Values, places: NDArray[np.int64], total: int, count: int | None = None) -> Values:
    """Levels at `places` of `total` samples, linearly: `count` of them are spread over all samples evenly."""
    count = len(levels) if count is None else count
    at = np.maximum((places + 0.5) * count / max(1, total) - 0.5, 0)
    before = np.minimum(at.astype(np.int64), count - 1)
    after = np.minimum(before + 1, count - 1)
    share = at - before
    most = len(levels) - 1
    made: Values = levels[np.minimum(before, most)] * (1 - share) + levels[np.minimum(after, most)] * share
    return made
