"""The jobs that fine-tune a network on a dataset, and that hear what a fine-tuning kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.jobs.context import JobContext
from app.tasks.training_estimate import make_room
from app.tasks.training_service import TrainingService
from speech.synthesis import Synthesizer


class TrainingParams(BaseModel):
    """What a job of this kind stores."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str  # name of its folder, which outlives the job
    dataset: str
    options: dict[str, dict[str, Any]]  # sections of train_config.yaml, fields that differ


class JudgingParams(BaseModel):
    """What a job of this kind stores."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str
    step: str | None = None  # anew; None: all that have no evidence


def judge_checkpoints(service: TrainingService, context: JobContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """The ranking of the run. Raises Problem and SpeechError as `TrainingService.judge` does, Stopped."""
    wanted = JudgingParams.model_validate(params)
    return {"run": wanted.run, "ranking": service.judge(wanted.run, wanted.step, context)}


def train_model(
    service: TrainingService, synthesizer: Synthesizer, context: JobContext, params: Mapping[str, Any]
) -> dict[str, Any]:
    """The last figures and the names of the checkpoints; engines that nobody uses give their memory where it is wanted.
    Raises SpeechError as `finetune` does, Stopped."""
    wanted = TrainingParams.model_validate(params)
    if unloaded := make_room(service, synthesizer, wanted.dataset, wanted.options):
        context.log(f"{', '.join(unloaded)}: engines_unloaded")
    figures = service.train(wanted.run, wanted.dataset, wanted.options, context)
    return {"run": wanted.run, **figures}
