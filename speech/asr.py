"""Speech to text: the Transcriber protocol and its faster-whisper adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from speech.audio import Audio, resample

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Word:
    """A word as written, with its marks, and when it was said."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True)
class Transcript:
    """What was heard, and in which language (primary subtag)."""

    text: str
    language: str
    words: tuple[Word, ...] = ()  # only when asked for
    average_log_probability: float = 0.0  # of a token; about -0.2 when sure, below -1 when guessing
    no_speech_probability: float = 0.0  # that nobody spoke, 0 to 1


class Transcriber(Protocol):
    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        """The words of `audio`; `language` is a BCP 47 tag. Times of words cost a quarter more."""

    def languages(self, audio: Audio) -> Mapping[str, float]:
        """How probable each language (primary subtag) is by the first 30 s of `audio`; they sum to one."""


class WhisperTranscriber:
    """Whisper by CTranslate2 in int8; `model` is the folder of the model store's `whisper-base`."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        from faster_whisper import WhisperModel

        self._model: Any = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        primary = language.split("-")[0]
        samples = resample(audio, SAMPLE_RATE).samples
        found, _ = self._model.transcribe(
            samples,
            language=primary,
            beam_size=5,
            temperature=0.0,  # else what is hard to hear is sampled again and again, each time otherwise
            condition_on_previous_text=False,
            word_timestamps=with_words,
        )
        segments = list(found)
        spoken = [word for segment in segments for word in segment.words or ()]
        tokens = sum(len(segment.tokens) for segment in segments)
        return Transcript(
            text=" ".join(segment.text.strip() for segment in segments),
            language=primary,
            words=tuple(Word(word.word.strip(), word.start, word.end, word.probability) for word in spoken),
            average_log_probability=sum(each.avg_logprob * len(each.tokens) for each in segments) / max(tokens, 1),
            no_speech_probability=max((segment.no_speech_prob for segment in segments), default=1.0),
        )

    def languages(self, audio: Audio) -> Mapping[str, float]:
        _, _, found = self._model.detect_language(resample(audio, SAMPLE_RATE).samples)
        return dict(found)
