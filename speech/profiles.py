"""Quality profiles: named settings of an engine's parameters, with the range each parameter may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech.engines.base import Parameter
from speech.errors import SpeechError

Value = float | bool


@dataclass(frozen=True)
class QualityProfile:
    """`parameters` holds a value for every parameter of the engine, a whole one where the default is whole."""

    profile_id: str
    engine: str
    name: str
    description: str
    parameters: Mapping[str, Value]
    is_default: bool = False
    is_built_in: bool = True


XTTS = (
    Parameter("temperature", 0.75, 0.1, 1.0),
    Parameter("repetition_penalty", 1.5, 1.0, 3.0),
    Parameter("top_p", 0.9, 0.5, 1.0),
    Parameter("top_k", 60, 10, 100),
    Parameter("length_penalty", 1.2, 0.5, 2.0),
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("enable_text_splitting", False),
)
F5TTS = (
    Parameter("nfe_step", 32, 8, 64),
    Parameter("cfg_strength", 2.0, 1.0, 5.0),
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("sway_sampling_coef", -1.0, -1.0, 1.0),
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
KOKORO = (
    Parameter("speed", 1.0, 0.5, 2.0),
    Parameter("sentence_pause_s", 0.25, 0.0, 2.0),
)
PARAMETERS: Mapping[str, tuple[Parameter, ...]] = {"kokoro": KOKORO, "xtts": XTTS, "f5tts": F5TTS}


def checked(engine: str, table: Sequence[Parameter], values: Mapping[str, object]) -> dict[str, Value]:
    """`values` over the defaults of `table`: one value for every parameter.

    Raises SpeechError `unknown_parameter`, `parameter_of_wrong_type`, `parameter_out_of_range`.
    """
    known = {parameter.name: parameter for parameter in table}
    for name in values:
        if name not in known:
            raise SpeechError("unknown_parameter", engine=engine, parameter=name, choices=list(known))
    return {name: _checked(engine, known[name], values.get(name, known[name].default)) for name in known}


def _checked(engine: str, parameter: Parameter, value: object) -> Value:
    expected = "true/false" if parameter.is_switch else "int" if isinstance(parameter.default, int) else "number"
    if not _fits(value, expected):
        raise SpeechError(
            "parameter_of_wrong_type", engine=engine, parameter=parameter.name, value=value, expected=expected
        )
    assert isinstance(value, (int, float))
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and not low <= value <= high:
        raise SpeechError("parameter_out_of_range", parameter=parameter.name, value=value, minimum=low, maximum=high)
    return int(value) if expected == "int" else value


def _fits(value: object, expected: str) -> bool:
    if isinstance(value, bool) or expected == "true/false":
        return isinstance(value, bool) and expected == "true/false"
    if isinstance(value, float):
        return expected == "number" or value.is_integer()
    return isinstance(value, int)


def built_in(engine: str, table: Sequence[Parameter]) -> tuple[QualityProfile, ...]:
    """The profiles that come with `engine`; an engine without a table of its own has one, of its defaults."""
    own = tuple(profile for profile in BUILT_IN if profile.engine == engine)
    defaults = checked(engine, table, {})
    return own or (QualityProfile(f"{engine}_balanced", engine, "Balanced", "The engine's defaults", defaults, True),)


def _profile(engine: str, short: str, description: str, is_default: bool = False, **changes: Value) -> QualityProfile:
    name = short.replace("_", " ").capitalize()
    parameters = checked(engine, PARAMETERS[engine], changes)
    return QualityProfile(f"{engine}_{short}", engine, name, description, parameters, is_default)


BUILT_IN = (
    _profile("kokoro", "balanced", "An even pace for most texts", True),
    _profile("kokoro", "audiobook", "Slower, with longer pauses", speed=0.95, sentence_pause_s=0.45),
    _profile("kokoro", "brisk", "Faster, with short pauses", speed=1.15, sentence_pause_s=0.15),
    _profile("xtts", "balanced", "Naturalness and stability in balance", True),
    _profile(
        "xtts",
        "expressive",
        "More variation in the voice",
        temperature=0.85,
        repetition_penalty=1.3,
        top_p=0.95,
        top_k=70,
        length_penalty=1.3,
        speed=0.98,
    ),
    _profile(
        "xtts",
        "stable",
        "The least variation, for long texts",
        temperature=0.7,
        repetition_penalty=1.7,
        top_p=0.85,
        top_k=55,
        length_penalty=1.1,
        enable_text_splitting=True,
    ),
    _profile(
        "f5tts",
        "ultra_natural",
        "The most natural, slow to make",
        True,
        nfe_step=48,
        cfg_strength=2.5,
        speed=0.9,
        prosody_strength=0.9,
        target_loudness=-16.0,
        deessing_frequency=7000,
        breathing_strength=0.5,
    ),
    _profile(
        "f5tts",
        "ultra_quality",
        "The most steps, slowest to make",
        nfe_step=64,
        noise_reduction_strength=0.85,
        prosody_strength=0.9,
        target_loudness=-16.0,
        deessing_frequency=7000,
        breathing_strength=0.4,
    ),
    _profile(
        "f5tts",
        "balanced",
        "Quality and time in balance",
        noise_reduction_strength=0.5,
        target_loudness=-14.0,
        apply_declipping=False,
        add_breathing=False,
    ),
    _profile(
        "f5tts",
        "fast",
        "Quick to make",
        nfe_step=16,
        cfg_strength=1.5,
        denoise_audio=False,
        enhance_prosody=False,
        target_loudness=-14.0,
        apply_declipping=False,
        apply_deessing=False,
        add_breathing=False,
        pause_optimization=False,
    ),
)
