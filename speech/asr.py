"""Speech to text: the Transcriber protocol and its faster-whisper adapter."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from speech.audio import Audio, resample

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Transcript:
    """What was heard, and in which language (primary subtag)."""

    text: str
    language: str


class Transcriber(Protocol):
    def transcribe(self, audio: Audio, language: str) -> Transcript:
        """The words of `audio`; `language` is a BCP 47 tag."""


class WhisperTranscriber:
    """Whisper by CTranslate2 in int8; `model` is the folder of the model store's `whisper-base`."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        from faster_whisper import WhisperModel

        self._model: Any = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: Audio, language: str) -> Transcript:
        primary = language.split("-")[0]
        samples = resample(audio, SAMPLE_RATE).samples
        segments, _ = self._model.transcribe(samples, language=primary, beam_size=5, condition_on_previous_text=False)
        return Transcript(" ".join(segment.text.strip() for segment in segments), primary)
