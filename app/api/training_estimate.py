"""What a fine-tuning would take, before it begins."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from app.api.bodies import JSON, body_of, documented
from app.api.queries import known_query
from app.api.services import Wired
from app.api.training import NewTraining

router = APIRouter(prefix="/training", tags=["training"], dependencies=[Depends(known_query)])


class WorkloadView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    clips: int  # trained on
    held_out: int
    left_out: int
    duration_s: float


class ChangeView(BaseModel):
    """`fields` of `POST /training/start` (`recompute`: of `options.model`), and the memory with all so far."""

    model_config = ConfigDict(from_attributes=True)

    code: Literal["use_lora", "batch_size", "recompute", "full_precision"]
    fields: dict[str, bool | int]
    memory_bytes: int


class EstimateView(BaseModel):
    """Null: unknown. `duration_s`: of learning and validating."""

    model_config = ConfigDict(from_attributes=True)

    workload: WorkloadView
    steps: int
    step_s: float | None
    duration_s: float | None
    time_basis: Literal["measured", "computed", "unknown"]
    memory_bytes: int  # computed
    available_bytes: int | None
    fits: bool | None
    changes: list[ChangeView]  # what to change, one after the other, until it fits
    advice: list[ChangeView]  # what makes it faster here


@router.post("/estimate", summary="Time and memory of a fine-tuning", openapi_extra=documented(NewTraining, JSON))
def estimate(services: Wired, body: Annotated[NewTraining, Depends(body_of(NewTraining, JSON))]) -> EstimateView:
    """Takes what `POST /training/start` takes and starts nothing."""
    from app.tasks.training_estimate import estimate_training

    services.datasets.open(body.dataset, services.caller)
    services.training.check()
    found = estimate_training(services.training, body.dataset, body.sections())
    return EstimateView.model_validate(found)
