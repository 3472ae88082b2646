"""Every failure leaves as `application/problem+json` (RFC 9457), in the reader's language, with the request's id."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.errors import FieldError, Problem, document
from app.texts import negotiate
from speech.errors import SpeechError

MEDIA_TYPE = "application/problem+json"
QUOTED = re.compile(r"'([^']*)'")  # a choice in pydantic's list of them
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What another contract puts around an error, by the start of the path it holds for: problem, document -> body. The
# longest start that fits decides; None: ours.
Envelope = Callable[[Problem, Mapping[str, Any]], Mapping[str, Any]]
Envelopes = Mapping[str, Envelope | None]
# How OpenAPI shows it, for every route.
RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A problem (RFC 9457)",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                        "details": {"type": "object", "additionalProperties": {"type": "string"}},
                        "request_id": {"type": "string"},
                        "errors": {"type": "array", "items": {"type": "object"}},
                        "component": {"type": "string"},
                    },
                }
            }
        },
    }
}


def install(app: FastAPI, envelopes: Envelopes) -> None:
    """Give `app` the handlers; paths under a key of `envelopes` get that contract's error body instead of ours."""
    app.state.envelopes = dict(envelopes)
    for kind, handler in (
        (Problem, _of_problem),
        (SpeechError, _of_speech_error),
        (RequestValidationError, _of_validation),
        (HTTPException, _of_http),
    ):
        app.add_exception_handler(kind, handler)


def answer(scope: Scope, problem: Problem) -> Response:
    """The response to `problem` for the request of `scope`."""
    language = negotiate(Headers(scope=scope).get("accept-language"))
    request_id = scope.get("state", {}).get("request_id", "")
    body: Mapping[str, Any] = document(problem, language, request_id, _component(scope, problem))
    media_type = MEDIA_TYPE
    if envelope := _envelope(scope["app"].state.envelopes, scope["path"]):
        body, media_type = envelope(problem, body), "application/json"
    headers = {"Content-Language": language, "Vary": "Accept-Language", **problem.headers}
    # A client may have sent half a surrogate pair, which UTF-8 cannot say back.
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(data, problem.status, headers, media_type)


def _envelope(envelopes: Envelopes, path: str) -> Envelope | None:
    fitting = [prefix for prefix in envelopes if path.startswith(prefix)]
    return envelopes[max(fitting, key=len)] if fitting else None


def _component(scope: Scope, problem: Problem) -> str:
    """What brings from the page that for which the problem names a command; "": nothing does."""
    if "command" not in problem.values:
        return ""
    from app.api.components import known_components
    from app.tasks.components import component_that_brings

    services = scope["app"].state.services
    return component_that_brings(known_components(services), services.models, problem.values)


def field_errors(errors: Sequence[Mapping[str, Any]], fields: Sequence[str], skip: int = 0) -> list[FieldError]:
    """Pydantic's errors in our words; `fields` are the valid names, `skip` the first parts of `loc` to leave out."""
    return [_field_error(error, ".".join(map(str, error["loc"][skip:])), fields) for error in errors]


def _field_error(error: Mapping[str, Any], name: str, fields: Sequence[str]) -> FieldError:
    kind, context, value = error["type"], error.get("ctx", {}), shown(error.get("input"))
    if kind == "missing":
        return FieldError(name, "field_missing", {})
    if kind == "extra_forbidden":
        return FieldError(name, "field_unknown", {"choices": list(fields)})
    length = len(str(error.get("input", "")))
    if kind == "string_too_short":
        return FieldError(name, "field_too_short", {"length": length, "minimum": context["min_length"]})
    if kind == "string_too_long":
        return FieldError(name, "field_too_long", {"length": length, "maximum": context["max_length"]})
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        low, high = context.get("ge", context.get("gt", "…")), context.get("le", context.get("lt", "…"))
        return FieldError(name, "field_range", {"value": value, "minimum": low, "maximum": high})
    if kind in ("literal_error", "enum"):
        return FieldError(name, "field_choice", {"value": value, "choices": QUOTED.findall(context["expected"])})
    if kind.endswith(("_type", "_parsing", "_from_float")):
        return FieldError(name, "field_type", {"expected": kind.rsplit("_", 1)[0], "value": value})
    return FieldError(name, "field_invalid", {"reason": error["msg"]})


def shown(value: object) -> str:
    """What a person typed, short enough for a sentence."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"


async def _of_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(request.scope, error)


async def _of_speech_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SpeechError)
    return answer(request.scope, Problem.of(error))


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request.scope, Problem("invalid_request", errors=field_errors(error.errors(), (), skip=1)))


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 404:
        return answer(request.scope, Problem("route_not_found", path=shown(path)))
    if error.status_code == 405:
        choices = _methods(request)
        headers = {"Allow": ", ".join(choices)}
        problem = Problem(
            "method_not_allowed", method=request.method, path=shown(path), choices=choices, headers=headers
        )
        return answer(request.scope, problem)
    if error.status_code >= 500:
        return answer(request.scope, Problem("internal"))
    return answer(request.scope, Problem("bad_request", reason=str(error.detail)))


def _methods(request: Request) -> list[str]:
    """Every method that some route answers at this path (Starlette's own Allow names one route's only)."""
    scope = {"type": "http", "path": request.scope["path"], "root_path": "", "headers": []}
    routes = request.app.routes
    return [m for m in METHODS if any(r.matches(scope | {"method": m})[0] is Match.FULL for r in routes)]
