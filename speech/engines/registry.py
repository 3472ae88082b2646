"""The only list of engines: name to "module:Class", imported on first use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import cast

from speech.engines.base import Engine, EngineOptions
from speech.errors import SpeechError

ENGINES: Mapping[str, str] = {
    "kokoro": "speech.engines.kokoro.engine:KokoroEngine",
    "xtts": "speech.engines.xtts.engine:XttsEngine",
}
# What a person adds, with packages and weights of its own; without it nothing is broken.
OPTIONAL = ("xtts",)

# Names that the API accepts as words of its contract, whose engines this version does not hold.
NOT_BUILT = ("f5tts",)


def refusal(name: str, choices: Sequence[str]) -> SpeechError:
    """Why there is no engine `name`: `engine_not_built` for an announced one, else `unknown_engine`."""
    code = "engine_not_built" if name in NOT_BUILT else "unknown_engine"
    return SpeechError(code, engine=name, choices=choices)


def build(name: str, options: EngineOptions, more: Mapping[str, str] | None = None) -> Engine:
    """A new, unloaded engine; `more` are engines an operator added.

    Raises SpeechError `engine_not_built` or `unknown_engine` with the choices.
    """
    known = {**ENGINES, **(more or {})}
    if name not in known:
        raise refusal(name, sorted(known))
    module, _, attribute = known[name].partition(":")
    return cast(Engine, getattr(import_module(module), attribute)(options))
