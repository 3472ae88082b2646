"""Request bodies: one pydantic model, sent as JSON, as a form or as multipart; what is not in it is refused by name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, WithJsonSchema
from pydantic.fields import FieldInfo
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from app.api.problems import field_errors, shown
from app.errors import FieldError, Problem

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

BAD_VALUES = frozenset({"field_choice", "field_range"})
Upload = Annotated[UploadFile, WithJsonSchema({"type": "string", "format": "binary"})]


class Body(BaseModel):
    """Base of every request body: unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)
    most_part_bytes: ClassVar[int] = 1 << 20  # of a field of a form that is no file
    # What answers where only words outside their list and numbers outside their range are wrong; else 422.
    bad_value_status: ClassVar[int | None] = None


B = TypeVar("B", bound=Body)


def body_of(model: type[B], *kinds: str) -> Callable[[Request], AsyncIterator[B]]:
    """A dependency that reads the body as `model`; `kinds` are the content types taken (all three when empty).

    Raises Problem `invalid_request` (with every wrong field), `bad_body`, `body_type_unsupported`.
    """

    async def read(request: Request) -> AsyncIterator[B]:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            values = await _values(request, content_type, kinds or (JSON, URLENCODED, MULTIPART), model)
            yield validated(model, values, strict=content_type == JSON)
        finally:
            await request.close()  # the files of a multipart body

    return read


def documented(model: type[Body], *kinds: str) -> dict[str, Any]:
    """The same body for OpenAPI: pass it as `openapi_extra` of the route."""
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
    content = {kind: {"schema": schema} for kind in kinds or (JSON, URLENCODED, MULTIPART)}
    return {"requestBody": {"required": bool(schema.get("required")), "content": content}}


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references: inside an OpenAPI document `#/$defs` would point to nothing."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(value, definitions) for name, value in node.items()}


def validated(model: type[B], values: dict[str, Any], *, strict: bool) -> B:
    """`strict`: a number is not also accepted as text, as it must be in forms.

    Raises Problem `invalid_request` naming every wrong field.
    """
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        problem = Problem("invalid_request", errors=field_errors(error.errors(), list(_fields(model))))
        if model.bad_value_status and {wrong.code for wrong in problem.errors} <= BAD_VALUES:
            problem.answered(model.bad_value_status)
        raise problem from error


def _lists(model: type[Body]) -> frozenset[str]:
    """Fields that a form may name several times."""
    return frozenset(name for name, info in _fields(model).items() if get_origin(info.annotation) is list)


def _fields(model: type[Body]) -> dict[str, FieldInfo]:
    """By the name that a client sends."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


async def _values(request: Request, content_type: str, kinds: tuple[str, ...], model: type[Body]) -> dict[str, Any]:
    if not content_type and not await request.body():
        return {}
    if content_type not in kinds:
        raise Problem("body_type_unsupported", content_type=shown(content_type), choices=list(kinds))
    return _json(await request.body()) if content_type == JSON else await _form(request, model)


def parsed(data: bytes) -> Any:
    """JSON without constants that are not of it, and without a name twice. Raises Problem `bad_body`,
    `invalid_request`."""
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Problem("bad_body", expected="JSON", reason=shown(error)) from error


def _json(body: bytes) -> dict[str, Any]:
    value = parsed(body)
    if not isinstance(value, dict):
        raise Problem("bad_body", expected="JSON", reason=f"{type(value).__name__}, not object")
    return value


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number (RFC 8259 §6)")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        _refuse_repeats([name for name, _ in pairs])
    return values


def _refuse_repeats(names: list[str]) -> None:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise Problem("invalid_request", errors=[FieldError(name, "field_repeated", {}) for name in repeated])


async def _form(request: Request, model: type[Body]) -> dict[str, Any]:
    """Raises Problem `invalid_request`, `upload_infected`, `upload_not_scanned`."""
    lists = _lists(model)
    form = await request.form(max_files=10, max_fields=200, max_part_size=model.most_part_bytes)
    _refuse_repeats([name for name, _ in form.multi_items() if name not in lists])
    # A form cannot say null: an empty field is one that was left empty, except the text itself.
    for _, file in form.multi_items():
        if isinstance(file, UploadFile):
            scanner = request.app.state.services.scanner
            await run_in_threadpool(scanner.scan, file.file, file.filename or "")
    values = {name: form.getlist(name) if name in lists else value for name, value in form.items()}
    return {name: value for name, value in values.items() if isinstance(value, UploadFile) or value or name == "text"}
