"""Fine-tuning (plan, part 6.1): started, paused, resumed, stopped; its state, log, curve and checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Fetching, Services, Wired, Working
from app.api.training_log import Level, LogLine, last_lines
from app.api.wav_file import WavFile
from app.errors import Problem
from app.jobs.kinds import TRAINING

if TYPE_CHECKING:
    from app.jobs.job import Job

router = APIRouter(prefix="/training", tags=["training"], dependencies=[Depends(known_query)])

LEARNING, JUDGING = "training.stage.learning", "training.stage.judging"
DEVICE = "training:device"  # what one training at a time holds
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


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


class Hint(BaseModel):
    code: str  # go_on, stop_worse, stop_no_gain, not_measured
    step: int | None  # of the best checkpoint


class Ranking(BaseModel):
    """Evidence of the checkpoints there are, the best first, and whether to go on."""

    checkpoints: list[dict[str, float | None]]
    hint: Hint


class TrainingState(BaseModel):
    """`metrics`: the last of each figure."""

    job: AnyJob | None
    run: str | None = None
    dataset: str | None = None
    options: dict[str, dict[str, Any]] = {}  # sections of train_config.yaml that differ, as it was started
    stage: str | None = None  # what it does now: a code of the text catalogue; null while it does not run
    epoch: int | None = None  # that it is in, from 1
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None  # in all; null until it has begun to learn
    left_s: float | None = None  # by the pace of the last steps; null until there is one, or while it does not learn
    metrics: dict[str, float] = {}
    ranking: Ranking | None = None  # of what was heard so far; null before
    devices: list[str] | None = None  # that a training may have; null: workers elsewhere, whose are not known here
    gpu: str | None = None  # name of the device; null: there is no GPU
    gpu_memory_used_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    gpu_temperature_c: int | None = None


class Checkpoint(BaseModel):
    name: str  # RUN/STEP
    run: str
    step: int
    epoch: int | None  # that it ended; null of one that an older version kept
    method: str
    language: str
    losses: dict[str, float]  # of held-out clips
    train_loss: float | None  # mean of the steps since the validation before; null where the curve is lost
    evidence: dict[str, float | None] | None  # what was heard of it; null: not judged
    rank: int  # in its run, 1 is the best: by what was heard, and what was not judged by validation loss
    is_best: bool
    size_bytes: int
    created_at: float  # seconds since 1970
    samples: list[str]  # names of sounds that were judged


class CheckpointDeleted(BaseModel):
    message: str
    name: str


@router.post("/start", status_code=202, summary="Fine-tune on a dataset", openapi_extra=documented(NewTraining, JSON))
def start(
    services: Working, language: Language, body: Annotated[NewTraining, Depends(body_of(NewTraining, JSON))]
) -> AnyJob:
    """One training at a time holds the device. Raises Problem `training_running` with the job that does; SpeechError
    `device_missing` where this machine trains and has no such device."""
    from app.jobs.job import new_job_id
    from app.jobs.store import NameReserved
    from app.tasks.training_estimate import check_device

    services.datasets.open(body.dataset, services.caller)
    services.training.check()
    services.training.dataset(body.dataset)
    sections = body.sections()
    options = services.training.options(sections)
    check_device(services.settings, services.training.engine, options.run.device)
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
def resume(services: Working, language: Language, body: Annotated[OneJob, Depends(body_of(OneJob, JSON))]) -> AnyJob:
    """Raises SpeechError `device_missing` as `start` does, for a service that was moved to another machine."""
    from app.tasks.training_estimate import check_device

    job = _training(services, body.job_id)
    device = services.training.options(job.params["options"]).run.device
    check_device(services.settings, services.training.engine, device)
    return view_of(services.jobs.resume(job.id), language)


@router.post("/stop", status_code=202, summary="End it; checkpoints stay", openapi_extra=documented(OneJob, JSON))
def stop(services: Wired, language: Language, body: Annotated[OneJob, Depends(body_of(OneJob, JSON))]) -> AnyJob:
    return view_of(services.jobs.cancel(_training(services, body.job_id).id), language)


@router.get("/status", summary="How a training goes")
def status(services: Wired, language: Language, job_id: str | None = None) -> TrainingState:
    job = _training(services, job_id) if job_id else _latest(services)
    if job is None:
        return TrainingState(job=None, **_devices(services))
    rows = services.training.curve(job.params["run"], services.caller)
    ranking = services.training.ranking(job.params["run"], services.caller)
    metrics = {name: value for row in rows for name, value in row.items() if name != "step"}
    return TrainingState(
        job=view_of(job, language),
        run=job.params["run"],
        dataset=job.params["dataset"],
        options=job.params["options"],
        metrics=metrics,
        ranking=None if ranking is None else Ranking.model_validate(ranking),
        **_place(services, job, rows[-1]["step"] if rows else None),
        **_devices(services),
    )


@router.get("/logs", summary="What a training told, by level")
def logs(
    services: Wired,
    language: Language,
    job_id: str | None = None,
    level: Level = "info",
    lines: Annotated[int, Query(ge=1, le=2000)] = 100,
    after: Annotated[int, Query(ge=0)] = 0,
) -> list[LogLine]:
    """Lines of `level` and graver ones, the last so many, oldest first; only those with an id greater than `after`,
    which is how a reader gets what is new without the whole log."""
    return last_lines(services.events, _training(services, job_id).id, level, language, lines, after)


@router.get("/curve", summary="Losses of each step")
def curve(services: Wired, run: str, after: Annotated[int, Query(ge=0)] = 0) -> list[dict[str, float]]:
    """Rows of steps later than `after`; with a row's figures of learning come `rate`, the learning rate, and with one
    of a validation those of held-out clips."""
    return services.training.curve(run, services.caller, after)


@router.get("/checkpoints", summary="What trainings kept")
def checkpoints(services: Wired, run: str | None = None) -> list[Checkpoint]:
    return [Checkpoint(**one) for one in services.training.checkpoints(services.caller, run)]


@router.get(
    "/checkpoints/{run}/{step}/download", summary="Adapters or weights of a checkpoint", response_class=FileResponse
)
def download(services: Fetching, run: str, step: str) -> FileResponse:
    path = services.training.weights(run, step, services.caller)
    return FileResponse(path, filename=f"{run}-{step}-{path.name}", media_type="application/octet-stream")


@router.get("/checkpoints/{run}/{step}/samples/{name}", summary="What a checkpoint said", response_class=WavFile)
def checkpoint_sample(services: Wired, run: str, step: str, name: str) -> FileResponse:
    return FileResponse(services.training.sample(run, step, name, services.caller), media_type="audio/wav")


@router.delete("/checkpoints/{run}/{step}", summary="Delete a checkpoint")
def delete_checkpoint(services: Wired, run: str, step: str) -> CheckpointDeleted:
    services.training.delete(run, step, services.caller)
    services.note("checkpoint_deleted", f"{run}/{step}")
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


def _place(services: Services, job: Job, step: int | None) -> dict[str, Any]:
    """Epoch and step of a training, and the seconds that are left."""
    from app.tasks.training_estimate import RECENT, seconds_left

    epochs = job.params["options"]["run"]["epochs"]  # not by TrainOptions, which would bring PyTorch into the service
    done: dict[str, Any] = {"epochs": epochs, "step": step}
    told = services.events.newest(job.id, "job.progress", RECENT)
    is_running = job.status == "processing" and bool(told)
    done["stage"] = told[0].data["note"] if is_running else None
    learning = [one for one in told if one.data["note"] in (LEARNING, JUDGING)]  # which stands still among the steps
    if not learning:
        return done
    steps = learning[0].data["total"]
    done |= {"steps": steps, "epoch": min(epochs, 1 + max(0, (step or 0) - 1) * epochs // steps) if step else 1}
    if done["stage"] != LEARNING:
        return done
    measured = reversed(services.events.newest(job.id, "job.metric", RECENT))
    times = [one.created_at for one in measured if "rate" in one.data["values"]]
    return done | {"left_s": seconds_left(times, steps - (step or 0))}


def _devices(services: Services) -> dict[str, Any]:
    """What trainings may run on, and figures of the first GPU, of this machine or else of the engine hosts; none of
    those where there is no GPU."""
    from app.host.client import HostedSynthesizer
    from app.observability.gpu import gpus
    from app.tasks.training_estimate import training_devices

    known = {"devices": training_devices(services.settings)}

    cards = gpus()
    if not cards and isinstance(services.synthesizer, HostedSynthesizer):
        cards = [card for host in services.synthesizer.hosts() for card in host.gpus]
    if not cards:
        return known
    used = {"gpu_memory_used_bytes": cards[0].memory_used_bytes, "gpu_memory_bytes": cards[0].memory_total_bytes}
    return {**known, "gpu": cards[0].name, **used, "gpu_temperature_c": cards[0].temperature_c}
