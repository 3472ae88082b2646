"""RVC voice conversion models (base API B3): announced in the contract, not built; the arguments are still checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.queries import known_query
from app.errors import Problem

Sort = Literal["name", "created_at", "file_size_mb"]
NOT_BUILT: dict[int | str, dict[str, Any]] = {501: {"description": "`rvc_not_built`: RVC is not built yet"}}


class NewModel(Body):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] = ""
    pth_file: Upload
    index_file: Upload | None = None


BODY = {"openapi_extra": documented(NewModel, MULTIPART)}


def add_model(body: Annotated[NewModel, Depends(body_of(NewModel, MULTIPART))]) -> NoReturn:
    raise Problem("rvc_not_built")


def list_models(sort_by: Sort = "created_at") -> NoReturn:
    raise Problem("rvc_not_built")


def stats() -> NoReturn:
    raise Problem("rvc_not_built")


def one_model(model_id: str) -> NoReturn:
    raise Problem("rvc_not_built")


def _router(prefix: str, name: str) -> APIRouter:
    made = APIRouter(prefix=prefix, tags=["rvc"], dependencies=[Depends(known_query)], responses=NOT_BUILT)
    routes: tuple[tuple[str, str, str, Callable[..., NoReturn], dict[str, Any]], ...] = (
        ("POST", "", "Upload an RVC model", add_model, {"status_code": 201} | BODY),
        ("GET", "", "RVC models", list_models, {}),
        ("GET", "/stats", "Size of all RVC models", stats, {}),
        ("GET", "/{model_id}", "One RVC model", one_model, {}),
        ("DELETE", "/{model_id}", "Delete an RVC model", one_model, {}),
    )
    for method, path, summary, endpoint, more in routes:
        operation_id = f"{method.lower()}_{name}{path.replace('/', '_').strip('{}')}"
        made.add_api_route(
            path,
            endpoint,
            methods=[method],
            summary=summary,
            response_model=None,
            operation_id=operation_id,
            **more,
        )
    return made


routers = (_router("/rvc-models", "rvc_models"), _router("/rvc/models", "rvc_models_alias"))
