"""What the contracts of other people share: a plan from whatever words each has for voice, model and settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.api.services import Services
from app.errors import Problem
from speech.engines.base import EngineInfo, Parameter
from speech.plan import Plan

WAV_RATE = 24000  # Hz, which clients of XTTS's servers take for granted


def plan_of(
    services: Services,
    text: str,
    voice: str,
    *,
    engine: str | None = None,
    language: str = "",
    values: Mapping[str, float | bool] | None = None,
    seed: int | None = None,
    wrapping: str = "auto",
    reference_text: str = "",
) -> Plan:
    """`engine` None: the voice's, or the default one. Of `values` count those that the engine has, by `fitting`. A seed
    is passed over where the same text sounds the same anyway, and a text of the voice's clips where nobody reads it.

    Raises what `Synthesizer.check` and `Synthesizer.plan` raise.
    """
    synthesizer = services.synthesizer
    info = engine_of(services, engine, voice)
    return synthesizer.plan(
        text,
        engine=info.name,
        language=language,
        voice=voice,
        parameters=fitting(info, values or {}),
        seed=seed if info.is_seeded else None,
        reference_text=reference_text if info.takes_reference_text else "",
        reading=services.reading(wrapping),
    )


def engine_of(services: Services, engine: str | None, voice: str) -> EngineInfo:
    """What speaks with `voice`; `engine` None leaves it to the voice. Raises SpeechError `unknown_engine`."""
    synthesizer = services.synthesizer
    chosen = synthesizer.choose_engine(engine, voice).engine
    synthesizer.registry.engine(chosen)
    return synthesizer.engines()[chosen]


def switched_engine(services: Services, voice: str) -> str | None:
    """The engine that the caller has switched to, where it can speak with the voice."""
    engine = services.client_settings.of(services.caller.user_id).engine
    return engine if engine and engine in services.synthesizer.engines_by_voice().get(voice, ()) else None


def told_changes(asked: Mapping[str, float | bool], used: Mapping[str, float | bool]) -> dict[str, str]:
    """The header that names what was moved into the engine's range, with the value that is used."""
    moved = [f"{name}={used[name]:g}" for name, value in asked.items() if name in used and used[name] != value]
    return {"X-Papagaio-Fitted": ", ".join(moved)} if moved else {}


def told_idle(info: EngineInfo, names: Iterable[str]) -> dict[str, str]:
    """The header that names what was sent and changes nothing, beside what the engine names so itself."""
    idle = list(names)
    return {"X-Papagaio-Without-Effect": ", ".join([*info.without_effect, *idle])} if idle else {}


def fitting(info: EngineInfo, values: Mapping[str, float | bool]) -> dict[str, float | bool]:
    """Those of `values` that the engine has, each moved to the nearest that it can: the ranges of a contract are those
    of its own server."""
    found: dict[str, float | bool] = {}
    for parameter in info.parameters:
        if parameter.name in values:
            found[parameter.name] = _nearest(parameter, values[parameter.name])
    return found


def _nearest(parameter: Parameter, value: float | bool) -> float | bool:
    if parameter.is_switch:
        return bool(value)
    low = value if parameter.minimum is None else max(value, parameter.minimum)
    within = low if parameter.maximum is None else min(low, parameter.maximum)
    return round(within) if isinstance(parameter.default, int) else float(within)


def usable_engine(services: Services, name: str) -> str:
    """Raises Problem `unknown_model_name`."""
    usable = list(services.synthesizer.usable_engines())
    if name not in usable:
        raise Problem("unknown_model_name", model=name[:80], choices=usable)
    return name


def detail_envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    """The error body of servers that are built on FastAPI and say what is wrong in one text."""
    return {"detail": message_of(document)}


def message_of(document: Mapping[str, Any]) -> str:
    """Every wrong field, or what is wrong."""
    fields = document["errors"]
    return "; ".join(f"{error['field']}: {error['message']}" for error in fields) or document["detail"]
