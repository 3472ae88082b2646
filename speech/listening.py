"""Whisper as something that the pool of engines holds: loaded once for all who have recordings written down."""

from __future__ import annotations

from dataclasses import dataclass

from speech.asr import Heard, HearingOptions, WhisperTranscriber
from speech.audio import Audio
from speech.engines.records import Installation
from speech.errors import SpeechError
from speech.models import ModelStore

NAME = "whisper-base"  # in the catalogue
INSTALL = Installation(packages=("faster_whisper",), command="./run convert --help")


@dataclass(frozen=True)
class ListenerInfo:
    """What the pool reads; CTranslate2's int8 is the processor's."""

    name: str = NAME
    devices: tuple[str, ...] = ("cpu",)


class WhisperListener:
    """The model store's `whisper-base` on `threads` cores."""

    info = ListenerInfo()

    def __init__(self, store: ModelStore, threads: int) -> None:
        self._store, self._threads = store, threads
        self._whisper: WhisperTranscriber | None = None

    def check(self) -> None:
        """Raises SpeechError `engine_not_installed`, `model_missing`."""
        INSTALL.check_packages(NAME)
        self._store.path(NAME)

    def needed_bytes(self) -> int:
        return (self._store.path(NAME) / "model.bin").stat().st_size

    def load(self, device: str) -> None:
        self._whisper = WhisperTranscriber(self._store.path(NAME), self._threads)

    def unload(self) -> None:
        self._whisper = None

    def memory_bytes(self) -> int:
        return self.needed_bytes() if self._whisper else 0

    def hear(self, audio: Audio, options: HearingOptions) -> Heard:
        """Raises SpeechError `engine_not_loaded` and what `WhisperTranscriber.hear` raises."""
        if self._whisper is None:
            raise SpeechError("engine_not_loaded", engine=NAME)
        return self._whisper.hear(audio, options)
