"""Who writes recordings down, as something that the pool of engines holds: loaded once for all who ask."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from speech.asr import Heard, HearingOptions, Segment, WhisperTranscriber
from speech.audio import Audio
from speech.engines.base import Loadable
from speech.engines.pool import EnginePool
from speech.engines.records import Installation
from speech.errors import SpeechError
from speech.models import ModelStore

if TYPE_CHECKING:
    from speech.analysis.diarization import Turn
    from speech.metrics.speaker import SpeakerEncoder
    from speech.vad import SileroDetector

NAME = "whisper-base"  # in the catalogue
SPEAKERS = "speaker-resnet34"
INSTALL = Installation(packages=("faster_whisper",), command="./run convert --help")
SPEAKERS_INSTALL = Installation(
    packages=("faster_whisper", "kaldi_native_fbank", "scipy"), command="./run dataset list"
)


@dataclass(frozen=True)
class ListenerInfo:
    """What the pool reads; both compute on the processor."""

    name: str
    devices: tuple[str, ...] = ("cpu",)


class WhisperListener:
    """The model store's `whisper-base` on `threads` cores, in int8."""

    info = ListenerInfo(NAME)

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


class SpeakerListener:
    """The model store's `speaker-resnet34`, and Silero's network that finds speech."""

    info = ListenerInfo(SPEAKERS)

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._loaded: tuple[SileroDetector, SpeakerEncoder] | None = None

    def check(self) -> None:
        """Raises SpeechError `engine_not_installed`, `model_missing`."""
        SPEAKERS_INSTALL.check_packages(SPEAKERS)
        self._store.path(SPEAKERS)

    def needed_bytes(self) -> int:
        return self._model().stat().st_size

    def load(self, device: str) -> None:
        from speech.metrics.speaker import SpeakerEncoder
        from speech.vad import SileroDetector

        self._loaded = SileroDetector(), SpeakerEncoder(self._model())

    def unload(self) -> None:
        self._loaded = None

    def memory_bytes(self) -> int:
        return self.needed_bytes() if self._loaded else 0

    def _model(self) -> Path:
        return self._store.path(SPEAKERS) / f"{SPEAKERS}.onnx"

    def turns(self, audio: Audio, known: Mapping[str, Audio]) -> tuple[Turn, ...]:
        """Who speaks when; `known` speech of people, by name. Raises SpeechError `engine_not_loaded`."""
        from speech.analysis.diarization import recognize
        from speech.vad import spans

        if self._loaded is None:
            raise SpeechError("engine_not_loaded", engine=SPEAKERS)
        detector, encoder = self._loaded
        return recognize(audio.slice, spans(detector.probabilities(audio)), encoder, known)


def listeners(store: ModelStore, threads: int) -> dict[str, Loadable]:
    """By name in the pool."""
    return {NAME: WhisperListener(store, threads), SPEAKERS: SpeakerListener(store)}


def listen(
    pool: EnginePool, audio: Audio, options: HearingOptions, known: Mapping[str, Audio]
) -> Generator[str | Segment, None, None]:
    """The language, then the segments; the pool is held until the last, or until this is closed."""
    with pool.acquire(NAME) as listener:
        heard = cast(WhisperListener, listener).hear(audio, options)
        yield heard.language
        yield from _with_speakers(pool, audio, heard.segments, known) if options.with_speakers else heard.segments


def _with_speakers(
    pool: EnginePool, audio: Audio, segments: Iterator[Segment], known: Mapping[str, Audio]
) -> Iterator[Segment]:
    from speech.analysis.diarization import by_speaker

    with pool.acquire(SPEAKERS) as listener:
        turns = cast(SpeakerListener, listener).turns(audio, known)
    yield from by_speaker(segments, turns)
