"""A voice: who speaks, in which engine, and what a person sees of it."""

from __future__ import annotations

from dataclasses import dataclass

MANY_LANGUAGES = "mul"  # BCP 47, of a voice that has no language of its own


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
