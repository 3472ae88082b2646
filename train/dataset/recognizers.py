"""Who writes down the clips: batches of them by Whisper base, single ones again by a larger Whisper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from speech.asr import Word
from speech.audio import Audio, resample

RATE = 16000
GAP_S = 0.6  # of silence between clips that are heard together
BATCH = 4


@dataclass(frozen=True)
class Heard:
    """What was heard in one clip."""

    text: str
    words: tuple[Word, ...] = ()
    log_probability: float = 0.0  # mean of the words'; 0 where the recogniser does not tell


class Recognizer(Protocol):
    def recognize(self, clips: Sequence[Audio], language: str) -> list[Heard]:
        """One for each clip, in order; `language` is a BCP 47 tag."""

    def language_probability(self, clip: Audio, language: str) -> float:
        """That `clip` is in `language`, 0 to 1."""


class BatchedWhisper:
    """faster-whisper in int8. Whisper hears 30 s at once whatever the clip, so clips are packed into that.

    `model` is the folder of the model store's `whisper-base`."""

    def __init__(self, model: str, threads: int, pack_s: float, beam_size: int) -> None:
        from faster_whisper import BatchedInferencePipeline, WhisperModel

        self._model: Any = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)
        self._batched: Any = BatchedInferencePipeline(self._model)
        self._pack_s, self._beam_size = pack_s, beam_size

    def recognize(self, clips: Sequence[Audio], language: str) -> list[Heard]:
        import numpy as np

        gap = np.zeros(round(GAP_S * RATE), np.float32)
        sounds = [resample(clip, RATE).samples for clip in clips]
        packs = packed([len(sound) / RATE for sound in sounds], self._pack_s)
        joined: list[Any] = []
        stretches: list[dict[str, float]] = []
        places: list[tuple[float, float]] = []
        at = 0
        for pack in packs:
            start = at
            for index in pack:
                places.append((at / RATE, (at + len(sounds[index])) / RATE))
                joined += [sounds[index], gap]
                at += len(sounds[index]) + len(gap)
            stretches.append({"start": start / RATE, "end": at / RATE})
        segments, _ = self._batched.transcribe(
            np.concatenate(joined),
            language=language.split("-")[0],
            beam_size=self._beam_size,
            batch_size=BATCH,
            clip_timestamps=stretches,
            word_timestamps=True,
            without_timestamps=True,
            temperature=0.0,
            condition_on_previous_text=False,
        )
        said = [word for segment in segments for word in segment.words or ()]
        return _by_clip(said, places)

    def language_probability(self, clip: Audio, language: str) -> float:
        _, _, found = self._model.detect_language(resample(clip, RATE).samples)
        return float(dict(found).get(language.split("-")[0], 0.0))


def packed(durations_s: Sequence[float], pack_s: float) -> list[list[int]]:
    """Indices of neighbours that fit together into `pack_s` seconds; each by itself for 0."""
    packs: list[list[int]] = []
    filled = 0.0
    for index, duration in enumerate(durations_s):
        if packs and filled + duration + GAP_S <= pack_s:
            packs[-1].append(index)
            filled += duration + GAP_S
        else:
            packs.append([index])
            filled = duration + GAP_S
    return packs


def _by_clip(said: Sequence[Any], places: Sequence[tuple[float, float]]) -> list[Heard]:
    """Words to the clip in which their middle lies, or the nearest one."""
    import math

    own: list[list[Word]] = [[] for _ in places]
    for word in said:
        middle = (word.start + word.end) / 2
        index = min(range(len(places)), key=lambda i: max(places[i][0] - middle, middle - places[i][1], 0.0))
        start, end = places[index]
        first, last = (round(min(max(t, start), end) - start, 3) for t in (word.start, word.end))
        own[index].append(Word(word.word.strip(), first, last, round(word.probability, 4)))
    heard = []
    for words in own:
        logs = [math.log(max(word.probability, 1e-6)) for word in words]
        mean = sum(logs) / len(logs) if logs else -10.0
        heard.append(Heard(" ".join(word.text for word in words), tuple(words), round(mean, 4)))
    return heard


class LargerWhisper:
    """Whisper small as ONNX in int8, by onnx-asr; tells no times and no probabilities."""

    def __init__(self, folder: str) -> None:
        import onnx_asr

        self._model: Any = onnx_asr.load_model("whisper", folder, quantization="quantized")

    def recognize(self, clips: Sequence[Audio], language: str) -> list[Heard]:
        primary = language.split("-")[0]
        return [
            Heard(str(self._model.recognize(resample(clip, RATE).samples, sample_rate=RATE, language=primary)))
            for clip in clips
        ]

    def language_probability(self, clip: Audio, language: str) -> float:
        """Not told by this one: nothing speaks against any language."""
        return 1.0
