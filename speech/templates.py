"""Templates of quality profiles: what a use of speech asks of every engine, and what an engine adds of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech.engines.base import Parameter
from speech.profiles import Value, checked

# Steps over the finished sound, done whatever the engine. Loudness in LUFS: -16 is what podcast directories ask for,
# -20 is near what audiobook shops ask for (-23 to -18 dB RMS), -14 is for small loudspeakers in noise.
STEPS: Mapping[str, Mapping[str, Value]] = {
    "podcast": {
        "apply_normalization": True,
        "target_loudness": -16.0,
        "apply_deessing": True,
        "deessing_frequency": 7000,
        "pause_optimization": True,
    },
    "audiobook": {
        "apply_normalization": True,
        "target_loudness": -20.0,
        "apply_deessing": True,
        "deessing_frequency": 7000,
    },
    "voice_message": {"apply_normalization": True, "target_loudness": -14.0, "pause_optimization": True},
}
# The pace, for the engines that have these parameters.
PACE: Mapping[str, Mapping[str, Value]] = {
    "podcast": {"speed": 1.0, "sentence_pause_s": 0.3},
    "audiobook": {"speed": 0.95, "sentence_pause_s": 0.45},
    "voice_message": {"speed": 1.1, "sentence_pause_s": 0.15},
}


@dataclass(frozen=True)
class Template:
    """`parameters` holds a value for every parameter of the engine, and for the steps that the use asks for."""

    name: str
    parameters: Mapping[str, Value]


def templates_of(
    engine: str, table: Sequence[Parameter], own: Mapping[str, Mapping[str, Value]]
) -> tuple[Template, ...]:
    """One for each of STEPS; `own`, by template, goes over what all engines share. Raises what `checked` raises."""
    names = {parameter.name for parameter in table}
    pace = {use: {name: value for name, value in PACE[use].items() if name in names} for use in STEPS}
    return tuple(
        Template(use, checked(engine, table, {**steps, **pace[use], **own.get(use, {})}))
        for use, steps in STEPS.items()
    )
