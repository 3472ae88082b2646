"""Speech to text: the Transcriber protocol and its faster-whisper adapter."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from speech.audio import Audio, resample
from speech.errors import SpeechError

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


@dataclass(frozen=True)
class HearingOptions:
    """How a recording is written down for somebody who asks for more than its words."""

    language: str = ""  # BCP 47; "": the likeliest
    candidates: tuple[str, ...] = ()  # languages it may be in, where none is given; (): any
    prompt: str = ""  # what was said before, or in which style to write
    expected: tuple[str, ...] = ()  # words that are likely to come
    temperature: float = 0.0  # 0 to 1; 0 takes the likeliest words
    with_words: bool = False  # with the times of words
    with_speakers: bool = False  # who says it
    to_english: bool = False


@dataclass(frozen=True)
class Segment:
    """A piece of what was heard, with whisper's own measures."""

    text: str
    start_s: float
    end_s: float
    seek: int  # frames of 10 ms before the window it was heard in
    tokens: tuple[int, ...]
    temperature: float
    average_log_probability: float
    compression_ratio: float
    no_speech_probability: float
    words: tuple[Word, ...] = ()  # only when asked for
    speaker: str = ""  # only when asked for


@dataclass(frozen=True)
class Heard:
    """`segments` are listened to while they are taken; `language` is a primary subtag."""

    language: str
    segments: Generator[Segment, None, None]


class Transcriber(Protocol):
    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        """The words of `audio`; `language` is a BCP 47 tag. Times of words cost a quarter more."""

    def languages(self, audio: Audio) -> Mapping[str, float]:
        """How probable each language (primary subtag) is by the first 30 s of `audio`; they sum to one."""


def known_languages() -> tuple[str, ...]:
    """Primary subtags of all that whisper hears."""
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    return tuple(_LANGUAGE_CODES)


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

    def hear(self, audio: Audio, options: HearingOptions) -> Heard:
        """What is said in `audio`, segment by segment; of silence there is none.

        Raises SpeechError `language_not_heard`, `translation_not_heard` for a model of English alone.
        """
        if options.to_english and not self._model.model.is_multilingual:
            raise SpeechError("translation_not_heard")
        samples = resample(audio, SAMPLE_RATE).samples
        found, info = self._model.transcribe(
            samples,
            language=self._language(samples, options),
            task="translate" if options.to_english else "transcribe",
            beam_size=5,
            temperature=options.temperature,
            condition_on_previous_text=False,
            initial_prompt=options.prompt or None,
            hotwords=" ".join(options.expected) or None,
            word_timestamps=options.with_words or options.with_speakers,
            vad_filter=True,  # whisper makes words up where nobody speaks
        )
        return Heard(info.language, (_segment(each) for each in found))

    def _language(self, samples: Any, options: HearingOptions) -> str:
        asked = [options.language] if options.language else list(options.candidates)
        known, wanted = list(self._model.supported_languages), [tag.lower().partition("-")[0] for tag in asked]
        for tag, primary in zip(asked, wanted):
            if primary not in known:
                raise SpeechError("language_not_heard", language=tag[:80], choices=known)
        if len(wanted) == 1:
            return wanted[0]
        _, _, likely = self._model.detect_language(samples, vad_filter=True)
        chances = dict(likely)
        return max(wanted or known, key=lambda primary: chances.get(primary, 0.0))


def _segment(found: Any) -> Segment:
    words = tuple(Word(word.word.strip(), word.start, word.end, word.probability) for word in found.words or ())
    return Segment(
        found.text.strip(),
        found.start,
        found.end,
        found.seek,
        tuple(found.tokens),
        found.temperature,
        found.avg_logprob,
        found.compression_ratio,
        found.no_speech_prob,
        words,
    )
