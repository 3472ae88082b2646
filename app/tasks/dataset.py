"""The job that works on a dataset: takes uploads in, or runs stages of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.callers import Caller
from app.jobs.context import JobContext
from app.tasks.cloning import uploaded
from app.tasks.dataset_service import DatasetService
from train.progress import Stopped

Stage = Literal["add", "download", "clean", "segment", "transcribe", "quality", "build"]


class DatasetParams(BaseModel):
    """What a job of this kind stores; uploads lie in its work folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str
    first: Stage
    last: Stage
    speaker: str = ""
    user_id: str
    options: dict[str, dict[str, Any]] = {}  # sections of the configuration, fields that differ


def work_on_dataset(service: DatasetService, context: JobContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the dataset afterwards, and what could not be used.

    Raises SpeechError as the stages do, Stopped when the job is to stop; then a second attempt goes on.
    """
    from train.dataset.report import status

    wanted = DatasetParams.model_validate(params)
    folder = service.open(wanted.dataset, Caller(wanted.user_id))
    if wanted.first == "add":
        with folder.running():
            for path in uploaded(context.work_dir):
                service.add(folder, str(path), context, wanted.speaker)
                if context.should_stop():
                    raise Stopped
        done = None
    else:
        done = service.run(folder, context, wanted.first, wanted.last, **wanted.options)
    return {
        "dataset": folder.name,
        "status": status(folder),
        "seconds": dict(done.seconds) if done else {},
        "version": done.built.number if done and done.built else None,
        "failed": [
            {"id": source.source_id, "code": source.error, "reason": source.reason}
            for source in folder.sources()
            if source.error
        ],
    }
