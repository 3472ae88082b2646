"""The steps that go over a finished sentence, of whatever engine, in the order in which they help each other.

They are named as the parameters of F5-TTS's quality profiles in the base API. F5-TTS has them in its own table; any
other engine takes those that a request or a profile names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from speech.engines.base import Parameter
from speech.voices import SHAPE_RANGES

if TYPE_CHECKING:  # numpy costs a quarter of the service's start
    from speech.audio import Audio

PARAMETERS = (
    Parameter("denoise_audio", True),
    Parameter("noise_reduction_strength", 0.7, 0.0, 1.0),
    Parameter("enhance_prosody", True),
    Parameter("prosody_strength", 0.8, 0.0, 1.0),
    Parameter("apply_normalization", True),
    Parameter("target_loudness", -20.0, -30.0, -10.0),
    Parameter("apply_declipping", True),
    Parameter("apply_deessing", True),
    Parameter("deessing_frequency", 6000, 4000, 10000),
    Parameter("add_breathing", True),
    Parameter("breathing_strength", 0.3, 0.0, 1.0),
    Parameter("pause_optimization", True),
)

# The switch that an amount belongs to.
SWITCHES = {
    "noise_reduction_strength": "denoise_audio",
    "prosody_strength": "enhance_prosody",
    "target_loudness": "apply_normalization",
    "deessing_frequency": "apply_deessing",
    "breathing_strength": "add_breathing",
}

# Of every engine: what a voice or a request changes of how it sounds.
SHAPE = tuple(Parameter(name, 0.0, *SHAPE_RANGES[name]) for name in ("pitch_semitones", "tone_db"))
STEPS = (*PARAMETERS, *SHAPE)
STEP_NAMES = frozenset(parameter.name for parameter in STEPS)


@dataclass(frozen=True)
class ProcessingOptions:
    """What is not asked for is off."""

    denoise_audio: bool = False  # noise that goes on all the time is turned down
    noise_reduction_strength: float = 0.7  # 0 to 1, of that
    enhance_prosody: bool = False  # the rise and fall of loudness is made larger
    prosody_strength: float = 0.8  # 0 to 1, of that
    apply_normalization: bool = False  # brought to a loudness
    target_loudness: float = -20.0  # LUFS
    apply_declipping: bool = False  # peaks that were cut off are drawn again
    apply_deessing: bool = False  # sharp s is softened
    deessing_frequency: float = 6000  # Hz, above which
    add_breathing: bool = False  # a breath in the pause after a sentence
    breathing_strength: float = 0.3  # 0 to 1, of that
    pitch_semitones: float = 0.0  # up, or down below 0; timing and timbre stay
    tone_db: float = 0.0  # brighter, or darker below 0
    pause_optimization: bool = False  # pauses inside a sentence are not longer than 0.7 s

    @classmethod
    def of(cls, parameters: Mapping[str, float | bool]) -> ProcessingOptions:
        """Those of `parameters` that are steps; the others are the engine's."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in parameters.items() if name in known})  # type: ignore[arg-type]

    @property
    def is_any(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.pitch_semitones or self.tone_db) or any(
            getattr(self, one.name) is True for one in fields(self)
        )


def with_steps(table: Sequence[Parameter], given: Mapping[str, object]) -> tuple[Parameter, ...]:
    """An engine's parameters, and the steps among `given` that are not its own."""
    return (*table, *(one for one in _others(table) if one.name in given))


def offered(table: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """An engine's parameters, and all steps that are not its own, off where nobody asks for them."""
    return (*table, *(replace(one, default=False) if one.is_switch else one for one in _others(table)))


def _others(table: Sequence[Parameter]) -> list[Parameter]:
    """Steps that are not an engine's own."""
    own = {parameter.name for parameter in table}
    return [one for one in STEPS if one.name not in own]


def process(audio: Audio, options: ProcessingOptions) -> Audio:
    """`audio`, a sentence with the pause after it, through the steps that `options` asks for."""
    from speech.dsp.delivery import breathe, even_pauses, stress
    from speech.dsp.loudness import normalize_loudness
    from speech.dsp.repair import declip, deess, denoise
    from speech.dsp.shape import shift_pitch, tilt

    if options.apply_declipping:
        audio = declip(audio)
    if options.denoise_audio:
        audio = denoise(audio, options.noise_reduction_strength)
    if options.pitch_semitones:
        audio = shift_pitch(audio, options.pitch_semitones)
    if options.tone_db:
        audio = tilt(audio, options.tone_db)
    if options.apply_deessing:
        audio = deess(audio, options.deessing_frequency)
    if options.pause_optimization:
        audio = even_pauses(audio)
    if options.enhance_prosody:
        audio = stress(audio, options.prosody_strength)
    if options.add_breathing:
        audio = breathe(audio, options.breathing_strength)
    return normalize_loudness(audio, options.target_loudness) if options.apply_normalization else audio
