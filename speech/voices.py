"""A voice: who speaks, in which engine, and what a person sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MANY_LANGUAGES = "mul"  # BCP 47, of a voice that has no language of its own


@dataclass(frozen=True)
class Shape:
    """What is done to all that a voice says, beside what a request asks for."""

    pitch_semitones: float = 0.0
    speed: float = 1.0
    tone_db: float = 0.0  # brighter above 0, darker below, as `speech.dsp.shape.tilt` has it


# Least and most of each; the voice's own and what a request asks for together stay within the same.
SHAPE_RANGES: Mapping[str, tuple[float, float]] = {
    "pitch_semitones": (-12.0, 12.0),
    "speed": (0.5, 2.0),
    "tone_db": (-12.0, 12.0),
}


def shape_of(given: object) -> Shape:
    """Of a JSON document. Raises ValueError where it is none."""
    if not isinstance(given, Mapping) or not {*given} <= {*SHAPE_RANGES}:
        raise ValueError("shape is no mapping of " + ", ".join(SHAPE_RANGES))
    for name, value in given.items():
        low, high = SHAPE_RANGES[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ValueError(f"shape.{name} is no number of {low} to {high}")
    return Shape(**given)


@dataclass(frozen=True)
class Voice:
    """A voice of an engine.

    `voice_id` is unique within Papagaio. `language` is the one it was recorded in (BCP 47), or `MANY_LANGUAGES`; which
    ones it can speak is the engine's matter. `gender` is `female`, `male` or `unknown`.
    """

    voice_id: str
    engine: str
    language: str
    gender: str
    title: str
    is_stock: bool = True  # False: fitted here, or imported
    shape: Shape = Shape()
    made_for: str = ""  # the engine that a voice was made for, of one that is spoken by another as well; "": `engine`
    folder: str = ""  # where its clips are, of one that is in no library of the engine's
    weights: str = ""  # folder of fine-tuned weights that it alone speaks with; "": those of the engine

    @property
    def loaded_as(self) -> str:
        """Name in the pool of what speaks it: its engine, or the engine with the voice's own weights."""
        return f"{self.engine} {self.weights}".rstrip()

    @property
    def home(self) -> str:
        """The engine that speaks it where nobody asks for another."""
        return self.made_for or self.engine
