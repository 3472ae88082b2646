"""Voices of Kokoro mixed into one: their style tables, and what was fitted of the network where they are fitted.

The first half of a style conditions the decoder (timbre), the second half the prosody predictor; so the two are mixed
by weights of their own. What is fitted is added to the same stock weights, so it is mixed as the sum of the low-rank
changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.engines.blend import Blend, BlendPoint, mixed
from speech.engines.kokoro.adapter import BASE, Adapter
from speech.engines.kokoro.record import ENGINE
from speech.engines.kokoro.runtime import STYLE_SIZE, Style, load_voice
from speech.engines.kokoro.voices import recipe, stock_ids
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_files import read_tensors
from speech.voice_folder import VoiceFolder

HALF = STYLE_SIZE // 2
PROSODY = "encoder/predictor"  # names of the weights that decide on pitch, timing and loudness begin so
LowRank = tuple[NDArray, NDArray]


def stock_style(voices_dir: Path, voice_id: str) -> Style:
    """Style table (510, 256) of a stock voice, of the files in `voices_dir`."""
    parts = [load_voice(voices_dir / f"{name}.bin") * np.float32(part) for name, part in recipe(voice_id).items()]
    table: Style = np.sum(parts, axis=0, dtype=np.float32)
    return table


class KokoroVoices:
    """Stock and fitted voices, as what they change in the stock network."""

    def __init__(self, stock_dir: Path, folder: VoiceFolder | None) -> None:
        self._stock_dir, self._folder = stock_dir, folder

    def adapter(self, voice_id: str) -> Adapter:
        """Raises SpeechError `unknown_voice`, `voice_part_missing`."""
        if voice_id in stock_ids():
            return Adapter(stock_style(self._stock_dir, voice_id), {}, {})
        if self._folder is None:
            raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=list(stock_ids()))
        return Adapter.from_tensors(read_tensors(self._folder.path(voice_id, ENGINE)))

    def adapters(self, voice_ids: Iterable[str]) -> dict[str, Adapter]:
        return {voice_id: self.adapter(voice_id) for voice_id in voice_ids}


def blended(adapters: Mapping[str, Adapter], point: BlendPoint, method: str) -> Adapter:
    """The voice at a point of a blend. A weight of 1 is the voice itself, to the bit."""
    names = sorted({name for adapter in adapters.values() for name in adapter.names()})
    low_rank, deltas = {}, {}
    for name in names:
        shares = point.prosody if name.lstrip("/").startswith(PROSODY) else point.timbre
        present = [(weight, adapters[voice]) for voice, weight in shares.items() if weight > 0]
        factors = [(weight, one.low_rank[name]) for weight, one in present if name in one.low_rank]
        if factors:
            low_rank[name] = _summed(factors)
        added = [np.float32(weight) * one.deltas[name] for weight, one in present if name in one.deltas]
        if added:
            deltas[name] = np.asarray(sum(added[1:], added[0]), np.float32)
    return Adapter(blended_style({v: one.style for v, one in adapters.items()}, point, method), low_rank, deltas)


def blended_style(styles: Mapping[str, Style], point: BlendPoint, method: str) -> Style:
    """Style table (510, 256) at a point of a blend."""
    timbre = mixed([(weight, styles[voice][:, :HALF]) for voice, weight in point.timbre.items() if weight > 0], method)
    prosody = mixed(
        [(weight, styles[voice][:, HALF:]) for voice, weight in point.prosody.items() if weight > 0], method
    )
    return np.ascontiguousarray(np.concatenate([timbre, prosody], axis=1), np.float32)


def _summed(factors: list[tuple[float, LowRank]]) -> LowRank:
    """The weighted sum of low-rank changes, of no more rank than the largest of them: the file stays as small."""
    if len(factors) == 1 and factors[0][0] == 1.0:
        return factors[0][1]
    up = np.concatenate([np.float32(weight) * one[0] for weight, one in factors], axis=1)
    down = np.concatenate([one[1] for _, one in factors], axis=0)
    most = max(one[0].shape[1] for _, one in factors)
    if up.shape[1] <= most:
        return up, down
    left, upper = np.linalg.qr(up)
    right, lower = np.linalg.qr(down.T)
    u, sizes, v = np.linalg.svd(upper @ lower.T)
    count = min(most, len(sizes))
    roots = np.sqrt(sizes[:count])
    return (left @ u[:, :count]) * roots, (right @ v[:count].T).T * roots[:, None]


def tensors_of(blend: Blend, store: ModelStore, folder: VoiceFolder) -> dict[str, Any]:
    """What a voice file keeps of `blend`, of one point: `tensors`, and the `base_model` and `base_sha256` they fit.

    Raises SpeechError `unknown_voice`, `model_missing`.
    """
    voices = KokoroVoices(store.path("kokoro-voices") / "voices", folder)
    made = blended(voices.adapters(blend.voices), blend.points[0], blend.method)
    return {"tensors": made.to_tensors(), "base_model": BASE, "base_sha256": store.info(BASE).files[0].sha256}
