"""Quality profiles: named settings of an engine's parameters, with the range each parameter may have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speech.engines.base import Choice, Parameter
from speech.errors import SpeechError
from speech.processing import with_steps

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


def checked(engine: str, table: Sequence[Parameter], values: Mapping[str, object]) -> dict[str, Value]:
    """`values` over the defaults of `table`: one value for every parameter, and for every step of processing given.

    Raises SpeechError `unknown_parameter`, `parameter_of_wrong_type`, `parameter_out_of_range`.
    """
    known = {parameter.name: parameter for parameter in with_steps(table, values)}
    _refuse_unknown(engine, known, values)
    return {name: _checked(engine, known[name], values.get(name, known[name].default)) for name in known}


def checked_with_choices(
    owner: str, table: Sequence[Parameter | Choice], values: Mapping[str, object]
) -> dict[str, float | bool | str]:
    """As `checked`, of a table that has choices as well. Raises what that raises, and `parameter_not_a_choice`."""
    known = {parameter.name: parameter for parameter in table}
    _refuse_unknown(owner, known, values)
    found: dict[str, float | bool | str] = {}
    for name, parameter in known.items():
        value = values.get(name, parameter.default)
        if isinstance(parameter, Parameter):
            found[name] = _checked(owner, parameter, value)
        elif isinstance(value, str) and value in parameter.choices:
            found[name] = value
        else:
            raise SpeechError("parameter_not_a_choice", parameter=name, value=value, choices=list(parameter.choices))
    return found


def _refuse_unknown(owner: str, known: Mapping[str, object], values: Mapping[str, object]) -> None:
    for name in values:
        if name not in known:
            raise SpeechError("unknown_parameter", engine=owner, parameter=name, choices=list(known))


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


def built_in(
    engine: str, table: Sequence[Parameter], short: str, description: str, is_default: bool = False, **changes: Value
) -> QualityProfile:
    """A profile that comes with `engine`: the defaults of its `table` with `changes`. Raises what `checked` raises."""
    name = short.replace("_", " ").capitalize()
    return QualityProfile(f"{engine}_{short}", engine, name, description, checked(engine, table, changes), is_default)
