"""Kokoro on onnxruntime: tokens and a style in, samples out; no torch.

The network is StyleTTS 2's (https://arxiv.org/abs/2306.07691) with an iSTFTNet decoder
(https://arxiv.org/abs/2203.02395), 82 M weights, exported whole: text encoder, durations, prosody and decoder
run in one call.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.audio import Samples
from speech.engines.kokoro.sessions import open_session, run_options

STYLE_ROWS = 510  # a voice has one style for each number of phonemes; also the most phonemes of one call
STYLE_SIZE = 256  # first half conditions the decoder (timbre), second half the prosody

Style = NDArray[np.float32]


class Stopper:
    """Ends the calls of `Runtime.synthesize` that have it, those under way within one operator of the network."""

    def __init__(self) -> None:
        self.options: Any = run_options()
        self.options.log_severity_level = 4  # a stop is no error

    def stop(self) -> None:
        self.options.terminate = True


class Runtime:
    """One loaded model. `synthesize` may be called from several threads at once; each call uses `threads` cores."""

    def __init__(self, model: Path | bytes, threads: int) -> None:
        # Measured: spinning gives the first sound a tenth sooner, and costs the sentences side by side nothing.
        self._session = open_session(model, threads, {"session.intra_op.allow_spinning": "1"})
        self._tokens_name = self._session.get_inputs()[0].name  # "tokens" (int8) or "input_ids" (fp32)

    def synthesize(self, tokens: list[int], voice: Style, speed: float, stopper: Stopper | None = None) -> Samples:
        """Samples at 24 kHz for 1 to 510 `tokens`; `voice` of shape (510, 256), `speed` 1.0 as recorded.

        Raises onnxruntime's error when `stopper` stops it.
        """
        row = voice[min(len(tokens), STYLE_ROWS) - 1]
        inputs = {
            self._tokens_name: np.array([[0, *tokens, 0]], np.int64),
            "style": row[None],
            "speed": np.array([speed], np.float32),
        }
        samples: Samples = self._session.run(None, inputs, stopper.options if stopper else run_options())[0].reshape(-1)
        return samples


class Runtimes:
    """The weights twice: `first` uses every core for the sentence somebody waits for, `beside` one core a sentence.

    Sentences side by side on a core each end sooner than one after the other on all cores, so a text takes less
    time; a sentence alone ends sooner on all cores, so the first sound comes sooner (bench/NOTES.md).
    """

    def __init__(self, model: Path | bytes, threads: int) -> None:
        # Made side by side: half of a load is the runtime laying out the weights, on one core each.
        with ThreadPoolExecutor(self.copies(threads)) as makers:
            made = list(makers.map(partial(Runtime, model), [threads, 1][: self.copies(threads)]))
        self.first, self.beside = made[0], made[-1]
        size_bytes = len(model) if isinstance(model, bytes) else model.stat().st_size
        self.size_bytes = size_bytes * self.copies(threads)

    @staticmethod
    def copies(threads: int) -> int:
        return 2 if threads > 1 else 1


def load_voice(path: Path) -> Style:
    """A voice file of kokoro-js: 510 × 256 little-endian float32, row n for n + 1 phonemes."""
    return np.fromfile(path, "<f4").reshape(STYLE_ROWS, STYLE_SIZE)
