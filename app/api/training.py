"""Fine-tuning (plan, part 6.1): started, paused, resumed, stopped; its state, log, curve and checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_views import AnyJob, iso, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem
from app.jobs.kinds import TRAINING

if TYPE_CHECKING:
    from app.jobs.job import Job

router = APIRouter(prefix="/training", tags=["training"], dependencies=[Depends(known_query)])

DEVICE = "training:device"  # what one training at a time holds
LEVELS = {"job.failed": "error", "job.log": "info", "job.metric": "debug", "job.progress": "debug"}
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Level = Literal["debug", "info", "error"]
ORDER: tuple[Level, ...] = ("debug", "info", "error")


class NewTraining(Body):
    """`options`: sections of train_config.yaml, over what the other fields say."""

    dataset: Name = "main"
    language: Annotated[str, Field(min_length=2, max_length=35)] = "pt-BR"
    epochs: Annotated[int, Field(ge=1, le=100)] = 50
    batch_size: Annotated[int, Field(ge=1, le=16)] = 2
    learning_rate: Annotated[float, Field(gt=0, le=0.1)] = 1e-5
    accumulation: Annotated[int, Field(ge=1, le=8)] = 4
    save_every: Annotated[int, Field(ge=1, le=10)] = 5
    mixed_precision: bool = False
    use_lora: bool = True
    device: Literal["cpu", "cuda"] = "cpu"
    options: dict[str, dict[str, Any]] = {}

    def sections(self) -> dict[str, dict[str, Any]]:
        half = "fp16" if self.device == "cuda" else "bf16"
        said: dict[str, dict[str, Any]] = {
            "data": {"language": self.language},
            "model": {
                "method": "lora" if self.use_lora else "full",
                "batch_size": self.batch_size,
                "rate": self.learning_rate,
            },
            "run": {
                "epochs": self.epochs,
                "accumulation": self.accumulation,
                "precision": half if self.mixed_precision else "fp32",
                "device": self.device,
            },
            "checkpoints": {"every_epochs": self.save_every},
        }
        return {name: said.get(name, {}) | self.options.get(name, {}) for name in {**said, **self.options}}


class OneJob(Body):
    """The training it is about; the latest one where none is named."""

    job_id: Annotated[str, Field(min_length=1, max_length=80)] | None = None


class TrainingState(BaseModel):
    job: AnyJob | None
    step: int | None = None
    metrics: dict[str, float] = {}
    gpu: str | None = None  # name of the device; null: there is no GPU
    gpu_memory_used_bytes: int | None = None
    gpu_memory_bytes: int | None = None


class LogLine(BaseModel):
    at: str | None
    level: Level
    kind: str
    data: dict[str, Any]


class Checkpoint(BaseModel):
    name: str  # RUN/STEP
    run: str
    step: int
    method: str
    language: str
    losses: dict[str, float]
    evidence: dict[str, float | None] | None  # what was heard of it; null: not judged
    is_best: bool
    size_bytes: int
    created_at: float  # seconds since 1970


class CheckpointDeleted(BaseModel):
    message: str
    name: str


@router.post("/start", status_code=202, summary="Fine-tune on a dataset", openapi_extra=documented(NewTraining, JSON))
def start(
    services: Wired, language: Language, body: Annotated[NewTraining, Depends(body_of(NewTraining, JSON))]
) -> AnyJob:
    """One training at a time holds the device. Raises Problem `training_running` with the job that does."""
    from app.jobs.job import new_job_id
    from app.jobs.store import NameReserved

    services.datasets.open(body.dataset, services.caller)
    services.training.check()
    services.training.dataset(body.dataset)
    sections = body.sections()
    services.training.options(sections)
    job_id = new_job_id()
    # The folder outlives the job, so its name says whose data it learned from.
    run = f"{body.dataset}-{job_id.rpartition('_')[2][:8]}"
    params = {"mode": "training", "run": run, "dataset": body.dataset, "options": sections}
    try:
        job = services.jobs.add(TRAINING, params, job_id=job_id, reserves=DEVICE)
        services.training.begin(run, services.caller)
    except NameReserved as error:
        raise Problem("training_running", job_id=error.job_id) from error
    return view_of(job, language)


@router.post("/pause", status_code=202, summary="Save and set aside", openapi_extra=documented(OneJob, JSON))
def pause(services: Wired, language: Language, body: Annotated[OneJob, Depends(body_of(OneJob, JSON))]) -> AnyJob:
    return view_of(services.jobs.pause(_training(services, body.job_id).id), language)


@router.post("/resume", status_code=202, summary="Go on where it was", openapi_extra=documented(OneJob, JSON))
def resume(services: Wired, language: Language, body: Annotated[OneJob, Depends(body_of(OneJob, JSON))]) -> AnyJob:
    return view_of(services.jobs.resume(_training(services, body.job_id).id), language)


@router.post("/stop", status_code=202, summary="End it; checkpoints stay", openapi_extra=documented(OneJob, JSON))
def stop(services: Wired, language: Language, body: Annotated[OneJob, Depends(body_of(OneJob, JSON))]) -> AnyJob:
    return view_of(services.jobs.cancel(_training(services, body.job_id).id), language)


@router.get("/status", summary="How a training goes")
def status(services: Wired, language: Language, job_id: str | None = None) -> TrainingState:
    job = _training(services, job_id) if job_id else _latest(services)
    if job is None:
        return TrainingState(job=None, **_gpu())
    rows = services.training.curve(job.params["run"], services.caller)
    metrics = {name: value for row in rows for name, value in row.items() if name != "step"}
    return TrainingState(job=view_of(job, language), step=rows[-1]["step"] if rows else None, metrics=metrics, **_gpu())


@router.get("/logs", summary="What a training told, by level")
def logs(
    services: Wired,
    job_id: str | None = None,
    level: Level = "info",
    lines: Annotated[int, Query(ge=1, le=2000)] = 100,
) -> list[LogLine]:
    job = _training(services, job_id)
    told: list[LogLine] = []
    last_id = 0
    while events := services.events.since(last_id, 500, job.id):
        last_id = events[-1].id
        for event in events:
            own: Any = LEVELS.get(event.kind, "info")
            if ORDER.index(own) >= ORDER.index(level):
                told.append(LogLine(at=iso(event.created_at), level=own, kind=event.kind, data=dict(event.data)))
    return told[-lines:]


@router.get("/curve", summary="Losses of each step")
def curve(services: Wired, run: str) -> list[dict[str, float]]:
    return services.training.curve(run, services.caller)


@router.get("/checkpoints", summary="What trainings kept")
def checkpoints(services: Wired, run: str | None = None) -> list[Checkpoint]:
    return [Checkpoint(**one) for one in services.training.checkpoints(services.caller, run)]


@router.get(
    "/checkpoints/{run}/{step}/download", summary="Adapters or weights of a checkpoint", response_class=FileResponse
)
def download(services: Wired, run: str, step: str) -> FileResponse:
    path = services.training.weights(run, step, services.caller)
    return FileResponse(path, filename=f"{run}-{step}-{path.name}", media_type="application/octet-stream")


@router.delete("/checkpoints/{run}/{step}", summary="Delete a checkpoint")
def delete_checkpoint(services: Wired, run: str, step: str) -> CheckpointDeleted:
    services.training.delete(run, step, services.caller)
    return CheckpointDeleted(message=f"{run}/{step} deleted", name=f"{run}/{step}")


def _training(services: Services, job_id: str | None) -> Job:
    """Raises Problem `job_not_found`, `not_a_training`, `no_training`."""
    job = services.jobs.get(job_id) if job_id else _latest(services)
    if job is None:
        raise Problem("no_training")
    if job.kind != TRAINING.name:
        raise Problem("not_a_training", job_id=job.id, kind=job.kind)
    return job


def _latest(services: Services) -> Job | None:
    _, jobs = services.jobs.list(limit=1, kind=TRAINING.name)
    return jobs[0] if jobs else None


def _gpu() -> dict[str, Any]:
    """Figures of the GPU as the driver's library tells them, without PyTorch; none where there is no GPU."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    query = ["--query-gpu=name,memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run([tool, *query], capture_output=True, text=True, timeout=5, check=True).stdout
        name, used, total = (part.strip() for part in said.splitlines()[0].split(","))
        return {"gpu": name, "gpu_memory_used_bytes": int(used) << 20, "gpu_memory_bytes": int(total) << 20}
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return {}
