"""An utterance that goes from one voice to another while it is spoken.

The network takes one style for a whole sentence. So a sentence is read with the styles at several places of the path;
durations, F0 and energy are mixed along it; and each style's decoder says the same frames, so that the sounds lie on
each other and fade from one to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speech.audio import Samples
from speech.engines.blend import Blend, BlendPoint
from speech.engines.kokoro.adapter import Adapter
from speech.engines.kokoro.alignment import VALUE, VALUES_PER_FRAME, Frames
from speech.engines.kokoro.blending import blended_style
from speech.engines.kokoro.conversion import Halves, Reading
from speech.engines.kokoro.runtime import Style
from speech.errors import SpeechError

STEP = 0.25  # of a weight, from one style to the next
MOST_STYLES = 5  # of a sentence: each costs one run of the decoder
Values = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Glide:
    """The path of `blend` over stock voices."""

    halves: Halves
    blend: Blend
    styles: Mapping[str, Style]

    def say(self, tokens: Sequence[int], start: float, end: float, speed: float) -> Samples:
        """Samples of `tokens`, which stand at `start` to `end` (0 to 1) of the utterance."""
        count = self._styles_of(start, end)
        places = np.linspace(start, end, count)
        rows = [self._style(float(place))[len(tokens) - 1] for place in places]
        readings = [self.halves.read(tokens, row, speed) for row in rows]
        if count == 1:
            [only] = readings
            return self.halves.decode(only.features(only.frames), only.f0, only.energy, rows[0])
        frames = _frames(readings)
        shares = _shares_in_time(frames, count)
        f0 = _mixed([_on_frames(one.f0, one.frames, frames) for one in readings], shares)
        energy = _mixed([_on_frames(one.energy, one.frames, frames) for one in readings], shares)
        features = readings[0].features(frames)  # the text's are those of any style
        sounds = [self.halves.decode(features, f0, energy, row) for row in rows]
        return _mixed(sounds, np.repeat(shares, VALUE, axis=1))

    def _styles_of(self, start: float, end: float) -> int:
        points = [self.blend.at(start), *(p for p in self.blend.points if start < p.at < end), self.blend.at(end)]
        change = sum(_change(a, b) for a, b in zip(points, points[1:], strict=False))
        return 1 if change < 1e-6 else min(MOST_STYLES, 2 + int(change / STEP))

    def _style(self, place: float) -> Style:
        return blended_style(self.styles, self.blend.at(place), self.blend.method)


def styles_of(adapters: Mapping[str, Adapter]) -> dict[str, Style]:
    """Raises SpeechError `morph_path_fitted`: the weights of the network cannot change within a sentence."""
    fitted = [voice_id for voice_id, adapter in adapters.items() if adapter.names()]
    if fitted:
        raise SpeechError("morph_path_fitted", voices=fitted)
    return {voice_id: adapter.style for voice_id, adapter in adapters.items()}


def _change(a: BlendPoint, b: BlendPoint) -> float:
    """The largest change of a weight."""
    pairs = ((a.timbre, b.timbre), (a.prosody, b.prosody))
    return max(abs(x.get(name, 0.0) - y.get(name, 0.0)) for x, y in pairs for name in {*x, *y})


def _triangles(places: Values, count: int) -> Values:
    """Weights (count, n) of `count` even steps at `places` (n,) of 0 to 1, linear between the two beside each."""
    weights: Values = np.maximum(0.0, 1 - np.abs(places[None] * (count - 1) - np.arange(count)[:, None]))
    return weights


def _frames(readings: Sequence[Reading]) -> Frames:
    """Of each phoneme, from reading to reading along the sentence; what rounding takes from one the next one gets."""
    total = len(readings[0].frames)
    shares = _triangles((np.arange(total) + 0.5) / total, len(readings))
    ends = np.rint(np.cumsum(np.sum(shares * np.stack([one.frames for one in readings]), axis=0))).astype(np.int64)
    frames: Frames = np.diff(ends, prepend=0)
    return frames


def _shares_in_time(frames: Frames, count: int) -> Values:
    """(count, 2F) of frames (T,): the weights of each step, in the middle of a phoneme as at its place in the text."""
    ends = np.cumsum(frames) * VALUES_PER_FRAME
    times = np.arange(ends[-1]) + 0.5
    places = np.interp(times, np.concatenate([[0], ends]), np.arange(len(frames) + 1) / len(frames))
    return _triangles(places, count)


def _on_frames(curve: Values, own: Frames, frames: Frames) -> Values:
    """A curve (2F,) of phonemes that last `own`, as it is where they last `frames`."""
    own_ends, ends = (np.concatenate([[0], np.cumsum(one)]) * VALUES_PER_FRAME for one in (own, frames))
    times = np.interp(np.arange(ends[-1]) + 0.5, ends, own_ends)
    moved: Values = np.interp(times - 0.5, np.arange(len(curve)), curve)
    return moved


def _mixed(curves: Sequence[Values], shares: Values) -> NDArray[np.float32]:
    total: NDArray[np.float32] = np.sum([c * share for c, share in zip(curves, shares, strict=True)], 0, np.float32)
    return total
