"""A checked request, and what was chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from speech.engines.base import ConverterInfo, EngineInfo, Value
from speech.engines.blend import Blend
from speech.text.dictionary import Entry
from speech.text.sentences import Sentence
from speech.voices import Voice


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and why it is this one."""

    engine: str
    reason: str  # requested, voice (it speaks the voice asked for), preset, setting or auto
    passed_over: Mapping[str, str] = field(default_factory=dict)  # engines that `auto` prefers: code of what they lack


@dataclass(frozen=True)
class ConversionAsked:
    """A converter to go over what is spoken, one of its voices, and what is not as its defaults."""

    converter: str
    voice: str
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class ConversionStep:
    """A checked `ConversionAsked`."""

    info: ConverterInfo
    voice: Voice
    parameters: Mapping[str, Value]  # every parameter of the converter


@dataclass(frozen=True)
class Plan:
    """A checked request, ready to be spoken: what was asked resolved to what is used."""

    engine: str
    voice: Voice
    language: str  # what is spoken
    language_requested: str
    parameters: Mapping[str, float | bool]  # every parameter of the engine
    sentences: tuple[Sentence, ...]
    sample_rate: int
    info: EngineInfo
    seed: int | None = None  # of an engine that is seeded: the one asked for, or one that was drawn
    conversion: ConversionStep | None = None  # after the synthesis
    reference_text: str = ""  # what is said in the voice's clips, of an engine that takes it
    blend: Blend | None = None  # of voices of the engine, instead of `voice`
    voices: Mapping[str, Voice] = field(default_factory=dict)  # that the text names for parts of it, by name
    entries: tuple[Entry, ...] = ()  # of the dictionary, as far as the text needs them

    @property
    def restricted(self) -> list[EngineInfo | ConverterInfo]:
        """Of what takes part, that whose weights do not allow commercial use."""
        infos: list[EngineInfo | ConverterInfo] = [self.info, *([self.conversion.info] if self.conversion else [])]
        return [info for info in infos if not info.is_commercial]

    @property
    def is_commercial(self) -> bool:
        return not self.restricted


def tags_of(plan: Plan) -> dict[str, str]:
    """What a file with the sound of `plan` says of itself; nothing where the weights allow every use."""
    if plan.is_commercial:
        return {}
    terms = [f"{i.title} weights under {i.licence}, non-commercial use only. {i.licence_url}" for i in plan.restricted]
    made = f"Synthetic speech: {plan.info.title}, voice {plan.voice.voice_id}, seed {plan.seed}. Made with Papagaio"
    return {"copyright": " ".join(terms).strip(), "comment": made}
