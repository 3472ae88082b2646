"""Query parameters are strict: one that the route does not have is refused by name."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant

from app.errors import FieldError, Problem


async def known_query(request: Request) -> None:
    """A dependency of every router. Raises Problem `invalid_request`."""
    if not request.query_params:
        return
    known = list(_names(request.scope["route"].dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    errors = [
        FieldError(name, "field_unknown", {"choices": known or ["–"]})
        for name in dict.fromkeys(given)
        if name not in known
    ]
    errors += [FieldError(name, "field_repeated", {}) for name in known if given.count(name) > 1]
    if errors:
        raise Problem("invalid_request", errors=errors)


def _names(dependant: Dependant) -> Iterator[str]:
    for parameter in dependant.query_params:
        yield parameter.alias
    for dependency in dependant.dependencies:
        yield from _names(dependency)
