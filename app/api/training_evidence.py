"""What a fine-tuning kept, heard and ranked when a person asks for it: after a stop, a pause, or new judges."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem
from app.jobs.kinds import JUDGING, TRAINING

router = APIRouter(prefix="/training", tags=["training"], dependencies=[Depends(known_query)])

ACTIVE = ("pending", "processing")


class ToJudge(Body):
    """`step`: one checkpoint, such as `step-000120`, anew; without it every one that has no evidence."""

    run: Annotated[str, Field(min_length=1, max_length=80)]
    step: Annotated[str, Field(min_length=1, max_length=40)] | None = None


@router.post(
    "/judge", status_code=202, summary="Have checkpoints heard and ranked", openapi_extra=documented(ToJudge, JSON)
)
def judge(services: Wired, language: Language, body: Annotated[ToJudge, Depends(body_of(ToJudge, JSON))]) -> AnyJob:
    """Raises Problem `unknown_run`, `unknown_checkpoint`, `dataset_not_built`, `training_running` while the run learns,
    `judging_running`, and what is not installed."""
    from app.jobs.store import NameReserved

    kept = services.training.checkpoints(services.caller, body.run)
    if body.step or not kept:
        services.training.checkpoint(body.run, body.step or "–", services.caller)
    services.training.check()
    services.training.dataset_of(body.run, services.caller)
    _check_idle(services, body.run)
    params = {"mode": JUDGING.name, "run": body.run, "step": body.step}
    try:
        job = services.jobs.add(JUDGING, params, reserves=f"{JUDGING.name}:{body.run}")
    except NameReserved as error:
        raise Problem("judging_running", run=body.run, job_id=error.job_id) from error
    return view_of(job, language)


def _check_idle(services: Services, run: str) -> None:
    """Raises Problem `training_running`: a run that learns judges its checkpoints itself."""
    for status in ACTIVE:
        _, jobs = services.jobs.list(limit=100, kind=TRAINING.name, status=status)
        for job in jobs:
            if job.params["run"] == run:
                raise Problem("training_running", job_id=job.id)
