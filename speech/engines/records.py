"""What is known of an engine or a converter before it is imported: one record each, listed in `registry`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Literal

from speech.engines.base import ConverterInfo, EngineInfo
from speech.errors import SpeechError
from speech.profiles import QualityProfile, Value, checked
from speech.templates import Template, templates_of

# How a voice that is not stock comes to an engine: weights are fitted, clips are its reference, or not at all.
VoiceSource = Literal["fit", "reference", "none"]
ABSENT_S = 5.0


@dataclass(frozen=True)
class Preset:
    """A name for a voice in each language: `voices` by primary subtag, `description` by language of the reader."""

    name: str
    description: Mapping[str, str]
    voices: Mapping[str, str]


@dataclass(frozen=True)
class Installation:
    """What an engine or a converter needs here, and what brings it."""

    packages: tuple[str, ...] = ()  # modules that must be importable
    command: str = ""  # that brings packages and weights
    requirements: str = ""  # the file that names the packages with their versions; "": they come with Papagaio
    packages_mb: tuple[int, int] | None = None  # megabytes to download and on the disk, as measured for a CPU
    # Precision to names in the model store's catalogue; the first precision is the default.
    weights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_announced: bool = True  # listed before it is installed; else it appears with its installation

    def precision(self, asked: str) -> str:
        """`asked` where there are such weights, else the default; as asked where there is no choice."""
        return asked if asked in self.weights else next(iter(self.weights), "") or asked

    def models(self, precision: str) -> tuple[str, ...]:
        """Names in the catalogue of what `precision` needs."""
        return self.weights.get(precision, self.weights.get("", ()))

    def check_packages(self, engine: str) -> None:
        """Raises SpeechError `engine_not_installed` with the command that brings them."""
        missing = [name for name in self.packages if not is_there(name)]
        if missing:
            raise SpeechError("engine_not_installed", engine=engine, packages=missing, command=self.command)


_seen: dict[str, tuple[bool, float]] = {}  # name of a package to whether it is there, and when that was looked


def is_there(package: str) -> bool:
    """Whether a package can be imported: a look through the file system, so one that is absent is looked for again
    after ABSENT_S only. Many requests ask which engines there are."""
    known = _seen.get(package)
    if known is None or not (known[0] or time.monotonic() - known[1] < ABSENT_S):
        known = _seen[package] = (find_spec(package) is not None, time.monotonic())
    return known[0]


@dataclass(frozen=True)
class EngineRecord:
    """One engine."""

    info: EngineInfo
    target: str = ""  # "module:Class", imported on first use; "": announced, not built
    install: Installation = Installation()
    voice_source: VoiceSource = "none"
    fit_models: tuple[str, ...] = ()  # names in the catalogue that fitting a voice needs
    reference_s: tuple[float, float] = (3.0, 30.0)  # least and most seconds of clips that it hears a speaker in
    least_recording_s: float = 0.0  # of the recordings that a voice is made of, all together
    least_speech_s: float = 0.0  # of the usable clips in them
    # Module with `is_stock(voice_id)`, and `check(base_model, base_sha256, tensors)` of what is fitted, or
    # `check_clips(clips)` of the sounds it hears a speaker in.
    voice_format: str = ""
    # "module:function" of (blend, store, folder): what a voice file keeps of a blend; "": its voices cannot be mixed.
    blender: str = ""
    exporter: str = ""  # "module:function" that writes a voice as files for other programs
    profiles: tuple[QualityProfile, ...] = ()  # built in; none: one of the parameters' defaults
    # By template, what it sets of the engine's own parameters: `speech.templates` has the rest.
    template_values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    presets: tuple[Preset, ...] = ()  # the first is used where a request names neither preset nor voice
    auto_rank: int = 0  # the default `auto` is the installed engine of the highest; 0 is never taken

    @property
    def name(self) -> str:
        return self.info.name

    def built_in_profiles(self) -> tuple[QualityProfile, ...]:
        """At least one, and one of them the default."""
        if self.profiles:
            return self.profiles
        values = checked(self.name, self.info.parameters, {})
        balanced = QualityProfile(f"{self.name}_balanced", self.name, "Balanced", "The engine's defaults", values, True)
        return (balanced,)

    def templates(self) -> tuple[Template, ...]:
        return templates_of(self.name, self.info.parameters, self.template_values)


@dataclass(frozen=True)
class ConverterRecord:
    """One converter."""

    info: ConverterInfo
    target: str  # "module:Class", imported on first use
    install: Installation = Installation()

    @property
    def name(self) -> str:
        return self.info.name
