"""Voices mixed: which ones, by how much in timbre and in prosody, along an utterance; and how vectors are mixed.

Linear: the weighted mean. Spherical (K. Shoemake, "Animating rotation with quaternion curves", 1985, for two): the
direction is the weighted mean on the sphere, found as H. Karcher describes it (1977), and the length the weighted mean
of the lengths, so that a mixture is not shorter than what it is made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speech.errors import SpeechError

if TYPE_CHECKING:  # numpy costs a quarter of the service's start
    from numpy.typing import NDArray

METHODS = ("linear", "spherical")
MOST_VOICES, MOST_POINTS = 8, 16
SUM_TOLERANCE = 1e-3
MEAN_STEPS = 12  # of the mean on the sphere; it converges in four where directions are less than a right angle apart


@dataclass(frozen=True)
class BlendPoint:
    """What an utterance sounds like at `at` of its length, 0 to 1: voices to weights that sum to one."""

    timbre: Mapping[str, float]
    prosody: Mapping[str, float]  # pitch, timing and loudness
    at: float = 0.0


@dataclass(frozen=True)
class Blend:
    """One point: the same all through. More, in order: from one to the next along the utterance."""

    points: tuple[BlendPoint, ...]
    method: str = "linear"

    @property
    def is_path(self) -> bool:
        return len(self.points) > 1

    @property
    def voices(self) -> tuple[str, ...]:
        """Every voice with a weight, in the order in which they are named."""
        named = [name for point in self.points for shares in (point.timbre, point.prosody) for name in shares]
        weighed = {name for point in self.points for name, weight in _all(point) if weight > 0}
        return tuple(dict.fromkeys(name for name in named if name in weighed))

    def at(self, position: float) -> BlendPoint:
        """The weights at `position` of the utterance, 0 to 1, linearly between the points beside it."""
        after = next((number for number, point in enumerate(self.points) if point.at >= position), len(self.points) - 1)
        before = max(0, after - 1)
        first, second = self.points[before], self.points[after]
        share = (position - first.at) / (second.at - first.at) if second.at > first.at else 1.0
        share = min(1.0, max(0.0, share))
        timbre = _between(first.timbre, second.timbre, share)
        return BlendPoint(timbre, _between(first.prosody, second.prosody, share), position)


def morph(shares: Mapping[str, float], method: str = "linear") -> Blend:
    """The same weights in everything. Raises SpeechError as `check_blend` does."""
    return check_blend(Blend((BlendPoint(shares, shares),), method))


def style(timbre: str, prosody: str, strength: float = 1.0, method: str = "linear") -> Blend:
    """The timbre of one voice, and `strength` (0 to 1) of the prosody of another.

    Raises SpeechError as `check_blend` does.
    """
    if timbre == prosody:
        raise SpeechError("morph_same_voice", voice=timbre)
    shares = {timbre: 1.0 - strength, prosody: strength}
    return check_blend(Blend((BlendPoint({timbre: 1.0}, shares),), method))


def check_blend(blend: Blend) -> Blend:
    """`blend` where it can be made of voices. Raises SpeechError `morph_method`, `morph_weights`, `morph_voices`,
    `morph_path`."""
    if blend.method not in METHODS:
        raise SpeechError("morph_method", method=blend.method, choices=list(METHODS))
    for point in blend.points:
        for shares in (point.timbre, point.prosody):
            total = sum(shares.values())
            if not all(0 <= weight <= 1 for weight in shares.values()) or not abs(total - 1) <= SUM_TOLERANCE:
                raise SpeechError("morph_weights", weights=dict(shares), sum=round(total, 4))
    if not 1 <= len(blend.voices) <= MOST_VOICES:
        raise SpeechError("morph_voices", count=len(blend.voices), maximum=MOST_VOICES)
    places = [point.at for point in blend.points]
    is_ordered = all(a < b for a, b in zip(places, places[1:], strict=False))
    if not 1 <= len(places) <= MOST_POINTS or not is_ordered or not all(0 <= place <= 1 for place in places):
        raise SpeechError("morph_path", places=places[: MOST_POINTS + 1], maximum=MOST_POINTS)
    return blend


def mixed(parts: Sequence[tuple[float, NDArray]], method: str) -> NDArray:
    """The mean of arrays of one shape by their weights, which sum to one; vectors lie along the last axis.

    One alone comes back as it is, to the bit. In float32.
    """
    import numpy as np

    present = [(weight, values) for weight, values in parts if weight > 0]
    if len(present) == 1:
        return present[0][1]
    total = math.fsum(weight for weight, _ in present)
    weights = [weight / total for weight, _ in present]
    arrays = [np.asarray(values, np.float64) for _, values in present]
    if method == "linear":
        return np.asarray(sum(w * values for w, values in zip(weights, arrays, strict=True)), np.float32)
    lengths = [np.linalg.norm(values, axis=-1, keepdims=True) for values in arrays]
    directions = [values / np.maximum(length, 1e-12) for values, length in zip(arrays, lengths, strict=True)]
    length = sum(w * one for w, one in zip(weights, lengths, strict=True))
    return np.asarray(length * _mean_direction(weights, directions), np.float32)


def _mean_direction(weights: Sequence[float], directions: Sequence[NDArray]) -> NDArray:
    """Of unit vectors along the last axis: the point from which the weighted ways to them cancel out."""
    import numpy as np

    mean = _unit(np.asarray(sum(w * one for w, one in zip(weights, directions, strict=True))))
    for _ in range(MEAN_STEPS):
        way = np.zeros_like(mean)
        for weight, direction in zip(weights, directions, strict=True):
            cosine = np.clip(np.sum(mean * direction, axis=-1, keepdims=True), -1, 1)
            angle = np.arccos(cosine)
            way += weight * angle * _unit(direction - cosine * mean)
        angle = np.linalg.norm(way, axis=-1, keepdims=True)
        mean = _unit(np.cos(angle) * mean + np.sin(angle) * _unit(way))
    return mean


def _unit(values: NDArray) -> NDArray:
    import numpy as np

    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-12))


def _between(first: Mapping[str, float], second: Mapping[str, float], share: float) -> dict[str, float]:
    names = dict.fromkeys([*first, *second])
    return {name: (1 - share) * first.get(name, 0.0) + share * second.get(name, 0.0) for name in names}


def _all(point: BlendPoint) -> list[tuple[str, float]]:
    return [*point.timbre.items(), *point.prosody.items()]
