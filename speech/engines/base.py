"""What an engine is: the protocol every one keeps, and the values that pass through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from speech.audio import Audio
from speech.engines.blend import Blend
from speech.models import ModelStore
from speech.text.sentences import Sentence
from speech.voices import Voice


@dataclass(frozen=True)
class Parameter:
    """A number or switch that an engine really uses: `minimum` to `maximum` inclusive, `default` when not given."""

    name: str
    default: float | bool
    minimum: float | None = None
    maximum: float | None = None

    @property
    def is_switch(self) -> bool:
        return isinstance(self.default, bool)

    @property
    def step(self) -> float | None:
        """The least change worth hearing: a power of ten, at least fifty in the range, whole where the default is.

        None of a switch, and of what has no range.
        """
        if self.is_switch or self.minimum is None or self.maximum is None:
            return None
        fine = 10.0 ** math.floor(math.log10((self.maximum - self.minimum) / 50))
        return max(1, round(fine)) if isinstance(self.default, int) else fine


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a few words."""

    name: str
    default: str
    choices: tuple[str, ...]


Value = float | bool | str  # of a Parameter or a Choice


@dataclass(frozen=True)
class EngineInfo:
    """What an engine can do; true of the class, whether or not it is loaded."""

    name: str  # the word a request uses
    title: str  # what a person reads
    languages: tuple[str, ...]  # BCP 47 tags, such as pt-BR
    sample_rate: int  # Hz of every chunk
    licence: str  # SPDX id of the weights
    parameters: tuple[Parameter, ...]
    models: tuple[str, ...] = ()  # names in the catalogue, of an engine given as a class; else its record tells them
    max_chars: int = 300  # of one sentence; the plan cuts longer ones
    can_clone: bool = False  # hears a speaker in a short recording, with nothing fitted
    can_stream: bool = True
    is_commercial: bool = True  # whether the weights' licence allows commercial use
    licence_url: str = ""  # where its text is, of one that asks for consent
    devices: tuple[str, ...] = ("cpu",)  # that it can run on
    char_limits: Mapping[str, int] = field(default_factory=dict)  # by tag, where a language has its own `max_chars`
    is_seeded: bool = False  # whether a seed decides over its sound; without one the same request sounds the same
    batch_size: int = 1  # requests that one step of the network serves; more than that wait for each other
    takes_reference_text: bool = False  # whether a request may say what is said in the voice's clips
    can_glide: bool = False  # whether a blend of its voices may change within an utterance
    without_effect: tuple[str, ...] = ()  # parameters that its contract has and nothing depends on

    def max_chars_of(self, language: str) -> int:
        return self.char_limits.get(language, self.max_chars)


@dataclass(frozen=True)
class SpeechRequest:
    """One text to be spoken by one voice, already normalised and cut into sentences."""

    sentences: tuple[Sentence, ...]
    language: str  # one of EngineInfo.languages
    voice: Voice
    parameters: Mapping[str, float | bool] = field(default_factory=dict)  # by Parameter.name; the rest are defaults
    seed: int | None = None  # of engines that are seeded
    reference_text: str = ""  # what is said in the voice's clips, over what is known of them
    blend: Blend | None = None  # of voices, instead of `voice`; of engines whose record has a `blender`


@dataclass(frozen=True, eq=False)
class Chunk(Audio):
    """What an engine yields: a piece of sound, and where it stands in the request."""

    ends: int = 1  # how many of the request's sentences end with this one
    is_cut: bool = False  # it ended at the network's limit, so that last words may be missing


@dataclass(frozen=True)
class EngineOptions:
    """What every engine is built from."""

    store: ModelStore  # where its weights are
    precision: str = "int8"  # of the weights: int8 or fp32
    threads: int = 2  # cores it may use
    voices_dir: Path | None = None  # where fitted voices are kept; None: only stock ones
    checkpoint_dir: Path | None = None  # weights of the operator's own, used instead of the store's
    weights_dir: Path | None = None  # fine-tuned weights of one voice, which go over the others
    cache_dir: Path | None = None  # for what is made again when it is lost; None: nothing is kept on disk
    memory_bytes: int = 4 << 30  # that it may hold, fitted voices included


class Described(Protocol):
    """What the pool and the choice of a device read of an info."""

    @property
    def name(self) -> str: ...

    @property
    def devices(self) -> tuple[str, ...]: ...


class Loadable(Protocol):
    """What lives in the pool. Built with one EngineOptions; building is cheap and loads nothing.

    One instance holds one set of weights on one device and may be called from many threads."""

    @property
    def info(self) -> Described: ...

    def check(self) -> None:
        """Whether `load` would find what it needs here; cheap, reads no weights.

        Raises SpeechError `engine_packages_missing`, `model_missing` with the command that brings it.
        """

    def needed_bytes(self) -> int:
        """Bytes that `load` will hold, told by the files; 0 where that is not known before."""

    def load(self, device: str) -> None:
        """Take the weights into memory. Raises SpeechError `model_missing` when they are not installed."""

    def unload(self) -> None:
        """Give the memory back; `load` may follow."""

    def memory_bytes(self) -> int:
        """Bytes the loaded weights hold (0 when unloaded); the pool budgets with it."""


@runtime_checkable
class Precise(Protocol):
    """A Loadable that knows the precision of its weights once it has loaded them."""

    @property
    def precision(self) -> str: ...


class Engine(Loadable, Protocol):
    """Text to audio."""

    @property
    def info(self) -> EngineInfo: ...

    def voices(self) -> tuple[Voice, ...]:
        """The voices that come with the engine, and those fitted here. Needs no load."""

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """Yield the sound sentence by sentence, or in smaller chunks, pauses included; a whole file is their join.

        Closing the iterator stops the work before the next sentence.
        """


Progress = Callable[[int, int], None]  # steps done, of all; what it raises stops the work


@dataclass(frozen=True)
class ConverterInfo:
    """What a converter can do; true of the class, whether or not it is loaded."""

    name: str  # the word a request uses
    title: str  # what a person reads
    sample_rate: int  # Hz of what it makes
    licence: str  # SPDX id of the weights
    parameters: tuple[Parameter | Choice, ...] = ()
    languages: tuple[str, ...] = ()  # BCP 47 tags, of one that needs the words
    needs_text: bool = False  # whether a request must have `lines`
    is_commercial: bool = True  # whether the weights' licence allows commercial use
    licence_url: str = ""  # where its text is, of one that asks for consent
    devices: tuple[str, ...] = ("cpu",)  # that it can run on


@dataclass(frozen=True)
class SpokenLine:
    """Words of a recording, and the seconds at which they begin and end in it."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class ConversionRequest:
    """A recording to be said again by another voice: its words, its timing, its melody and its loudness stay.

    `voice` is one of the converter's. `lines` are what is said, in order, and `language` what it is said in (one of
    ConverterInfo.languages), for converters that need the words.
    """

    voice: Voice
    language: str = ""
    lines: tuple[SpokenLine, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)  # by name; the rest are defaults
    bandwidth_hz: float = 12000.0  # above which the recording has nothing


@dataclass(frozen=True, eq=False)
class Conversion:
    """The sound, as long as the recording, and what was done to its pitch."""

    audio: Audio
    semitones: float  # by which the melody was moved up
    voiced_s: float  # seconds of the recording that have a pitch


class VoiceConverter(Loadable, Protocol):
    """Audio to audio."""

    @property
    def info(self) -> ConverterInfo: ...

    def voices(self) -> tuple[Voice, ...]:
        """The voices it can convert into. Needs no load."""

    def convert(self, audio: Audio, request: ConversionRequest, progress: Progress) -> Conversion:
        """Say `audio` again by the request's voice, at `info.sample_rate`."""
