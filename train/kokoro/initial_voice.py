"""Where a fit begins: the stock voices that sound most like the speaker, by the encoder that leads the fit.

`train/data/stock_voices.npz` holds what `python -m train.kokoro.initial_voice MODELS_DIR` measured: the embedding of
each stock voice on one sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import Runtime, load_voice
from speech.metrics.resemblyzer import Resemblyzer
from speech.models import ModelStore
from train.kokoro.trainable import Encoder

TABLE = Path(__file__).parents[1] / "data" / "stock_voices.npz"
SENTENCE, LANGUAGE = "We should leave early tomorrow, I think, before the rain comes back.", "en-US"
NEAREST = 3  # voices that are mixed
ALPHABET = "abefip"  # first letters of the voices whose language is written with letters that espeak reads well
SHARPNESS = 0.03  # of a cosine: a voice so much less alike gets a share smaller by e


@dataclass(frozen=True)
class InitialVoice:
    """A mix of stock voices: the nearest one first, shares that sum to one."""

    shares: tuple[tuple[str, float], ...]
    style: NDArray[np.float32]  # (510, 256)
    deviation: NDArray[np.float32]  # (256,) of all stock voices' styles

    @property
    def nearest(self) -> str:
        return self.shares[0][0]


def centre(encoder: Encoder, recordings: Sequence[Audio]) -> NDArray[np.float32]:
    """The speaker as an encoder hears them: a unit vector."""
    import torch

    with torch.no_grad():
        each = [encoder(torch.from_numpy(audio.samples)[None])[0].numpy() for audio in recordings]
    mean: NDArray[np.float32] = np.mean(each, axis=0)
    return mean / np.linalg.norm(mean)


def start(speaker: NDArray[np.float32], voices: Path) -> InitialVoice:
    """The mix nearest to `speaker` (256,); `voices` is the folder of the stock voices' files."""
    cosines = {name: float(embedding @ speaker) for name, embedding in stock().items() if name[0] in ALPHABET}
    nearest = sorted(cosines, key=lambda name: -cosines[name])[:NEAREST]
    weights = np.exp([(cosines[name] - cosines[nearest[0]]) / SHARPNESS for name in nearest])
    shares = tuple((name, float(weight)) for name, weight in zip(nearest, weights / weights.sum()))
    style = np.sum([np.float32(share) * load_voice(voices / f"{name}.bin") for name, share in shares], axis=0)
    rows = [load_voice(voices / f"{name}.bin")[60] for name in stock()]
    return InitialVoice(shares, style.astype(np.float32), np.std(rows, axis=0))


@cache
def stock() -> dict[str, NDArray[np.float32]]:
    """Embedding of every stock voice by its id."""
    with np.load(TABLE) as table:
        return {name: embedding.astype(np.float32) for name, embedding in table.items()}


def embed(encoder: Resemblyzer, model: Path, voice: Path) -> NDArray[np.float32]:
    """Of one stock voice, speaking `SENTENCE` by the int8 `model`."""
    samples = Runtime(model, 1).synthesize(tokens(phonemize(SENTENCE, LANGUAGE)), load_voice(voice), 1.0)
    return centre(encoder, [Audio(samples, 24000)])


def main(models_dir: str) -> None:
    store = ModelStore(Path(models_dir))
    encoder = Resemblyzer(store.path("speaker-resemblyzer") / "pretrained.pt")
    model = store.path("kokoro-int8") / "kokoro-int8.onnx"
    voices = sorted((store.path("kokoro-voices") / "voices").glob("*.bin"))
    table: dict[str, Any] = {path.stem: embed(encoder, model, path).astype(np.float16) for path in voices}
    np.savez_compressed(TABLE, **table)


if __name__ == "__main__":
    main(sys.argv[1])
