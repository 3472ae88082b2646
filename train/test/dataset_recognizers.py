"""A recogniser and a detector small enough for tests, made by name in processes of their own, and a run with them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from speech.asr import Word
from speech.audio import Audio
from train.dataset.build import build
from train.dataset.edges import EDGE_S
from train.dataset.folder import DatasetFolder
from train.dataset.options import BuildOptions, QualityOptions, SegmentOptions, TranscribeOptions
from train.dataset.quality import judge_quality
from train.dataset.recognizers import Heard
from train.dataset.segment import segment
from train.dataset.transcribe import Recognizers, transcribe
from train.dataset.workers import RecognizerSpec
from train.progress import NullReporter


class Scripted:
    """Says the same of every clip after a while, and which process it is."""

    def __init__(self, text: str = "ok", seconds: float = 0.0, log_probability: float = -0.1, died: str = "") -> None:
        self._text, self._seconds, self._log_probability = text, seconds, log_probability
        self._died = died  # a file: while it is not there, the first question kills the process

    def recognize(self, clips: Sequence[Audio], language: str) -> list[Heard]:
        if self._died and not os.path.exists(self._died):
            open(self._died, "w").close()
            os.kill(os.getpid(), 9)
        time.sleep(self._seconds * len(clips))
        heard = []
        for clip in clips:
            text = self._text.replace("{pid}", str(os.getpid())).replace("{length}", f"{clip.duration_s:.2f}")
            said = text.split()
            step = clip.duration_s / max(len(said), 1)
            words = tuple(Word(word, i * step, (i + 1) * step, 0.9) for i, word in enumerate(said))
            heard.append(Heard(text, words, self._log_probability))
        return heard

    def language_probability(self, clip: Audio, language: str) -> float:
        return 0.9


class CutShort(Scripted):
    """Hears another last word in what is shorter than `EDGE_S` and a little."""

    def recognize(self, clips: Sequence[Audio], language: str) -> list[Heard]:
        heard = super().recognize(clips, language)
        short = [clip.duration_s < EDGE_S + 0.1 for clip in clips]
        return [
            replace(one, text=f"{one.text.rsplit(' ', 1)[0]} xi") if is_short else one
            for one, is_short in zip(heard, short, strict=True)
        ]


class Loud:
    """Speech is what is loud; `stream` as of a SileroDetector."""

    def stream(self, blocks: Iterable[Audio]) -> Iterator[Any]:
        for block in blocks:
            kept = np.pad(block.samples, (0, -len(block.samples) % 512)).reshape(-1, 512)
            yield (np.sqrt(np.mean(kept**2, axis=1)) > 0.01).astype(np.float32)


def run_all(root: str) -> None:
    """Segment, transcribe, judge and build, with nothing that needs weights."""
    folder = DatasetFolder.open(Path(root))
    spec = RecognizerSpec("dataset_recognizers:Scripted", {"text": "o menino corre na rua {length}", "seconds": 0.01})
    reporter = NullReporter()
    segment(folder, SegmentOptions(), Loud(), reporter)
    transcribe(folder, TranscribeOptions(workers=1), Recognizers(spec), reporter)
    judge_quality(folder, QualityOptions(mos=False), None, reporter)
    build(folder, BuildOptions(), reporter)


if __name__ == "__main__":
    run_all(sys.argv[1])
