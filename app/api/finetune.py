"""The six routes of `/v1/finetune` (base API B6): announced in the contract, not built; arguments are still checked."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.queries import known_query
from app.errors import Problem

NOT_BUILT: dict[int | str, dict[str, Any]] = {501: {"description": "`finetune_not_built`: not built yet"}}
router = APIRouter(prefix="/v1/finetune", tags=["finetune"], dependencies=[Depends(known_query)], responses=NOT_BUILT)


class FinetuneSynthesis(Body):
    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    language: str = "pt"
    checkpoint: str | None = None
    speaker_wav: str | None = None
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    temperature: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75


@router.get("/checkpoints", summary="Fine-tuned checkpoints", response_model=None)
def checkpoints() -> NoReturn:
    raise Problem("finetune_not_built")


@router.get("/checkpoints/{checkpoint_name}", summary="One checkpoint", response_model=None)
def checkpoint(checkpoint_name: str) -> NoReturn:
    raise Problem("finetune_not_built")


@router.delete("/checkpoints/{checkpoint_name}", summary="Delete a checkpoint", response_model=None)
def delete_checkpoint(checkpoint_name: str) -> NoReturn:
    raise Problem("finetune_not_built")


@router.post(
    "/synthesize",
    summary="Speak with a checkpoint",
    response_model=None,
    openapi_extra=documented(FinetuneSynthesis, JSON),
)
def synthesize(body: Annotated[FinetuneSynthesis, Depends(body_of(FinetuneSynthesis, JSON))]) -> NoReturn:
    raise Problem("finetune_not_built")


@router.get("/synthesize/{filename}", summary="A sound made with a checkpoint", response_model=None)
def synthesized(filename: str) -> NoReturn:
    raise Problem("finetune_not_built")


@router.get("/model/info", summary="What a checkpoint is", response_model=None)
def model_info(checkpoint: str | None = None) -> NoReturn:
    raise Problem("finetune_not_built")
