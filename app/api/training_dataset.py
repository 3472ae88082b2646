"""Datasets: recordings taken in, stages run as jobs, figures. Their clips: `training_samples`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import HTMLResponse

from app.api.bodies import JSON, MULTIPART, Body, Upload, body_of, documented
from app.api.dataset_stats import DatasetStats, DatasetVersion
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.uploads import add_with_recordings
from app.errors import Problem
from app.jobs.kinds import DATASET
from app.texts import render
from speech.errors import SpeechError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.jobs.job import Job
    from train.dataset.folder import DatasetFolder
    from train.dataset.records import Source

router = APIRouter(prefix="/training/dataset", tags=["training"], dependencies=[Depends(known_query)])

DEFAULT = "main"  # the dataset of a request that names none
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Speaker = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]
Dataset = Annotated[Name, Query(description="the dataset; main where none is named")]
Options = dict[str, dict[str, Any]]


class NewDataset(Body):
    name: Name
    language: Annotated[str, Field(min_length=2, max_length=35)]


class VideoLink(Body):
    """A recording to fetch. `youtube_url`: its site must be one of those that the operator allows."""

    youtube_url: Annotated[str, Field(min_length=8, max_length=2000)]
    name: Annotated[str, Field(max_length=60)] = ""
    description: Annotated[str, Field(max_length=500)] = ""
    speaker: Speaker = ""
    emotion: Annotated[str, Field(max_length=40)] = ""
    language: Annotated[str, Field(max_length=35)] = ""
    split: Literal["", "train", "val"] = ""


class QueuedVideo(VideoLink):
    dataset: Name = DEFAULT


class StageRequest(Body):
    """`options`: sections of dataset_config.yaml with the fields that are to differ in this run."""

    dataset: Name = DEFAULT
    options: Options = {}


class DownloadRequest(StageRequest):
    """`videos` are added to the queue first; without them what waits there, and `videos.csv`, is fetched."""

    videos: Annotated[list[VideoLink], Field(max_length=500)] = []


class RunRequest(StageRequest):
    first: Literal["download", "clean", "segment", "transcribe", "quality", "build"] = "download"


class Uploads(Body):
    file: Annotated[list[Upload], Field(min_length=1, max_length=10)]
    dataset: Name = DEFAULT
    speaker: Speaker = ""


class SpeakerNames(Body):
    dataset: Name = DEFAULT
    names: dict[str, Annotated[str, Field(min_length=1, max_length=80)]]


class DatasetView(BaseModel):
    """`hours`: of what was built last; `version` and `sha256` of that."""

    name: str
    language: str
    recordings: int
    segments: int
    transcriptions: int
    samples: int
    hours: float
    version: int | None
    sha256: str | None


class SourceView(BaseModel):
    """A recording: `status` is waiting, ready or failed; `error_message` says why."""

    id: str
    origin: str
    speaker: str
    emotion: str
    language: str
    split: str
    notes: str
    status: Literal["waiting", "ready", "failed"]
    duration_s: float
    error: str | None
    error_message: str | None


@router.get("", summary="The datasets, and what is in each")
def datasets(services: Wired) -> list[DatasetView]:
    found = services.datasets
    return [_view(found.open(name, services.caller)) for name in found.names(services.caller)]


@router.post("", status_code=201, summary="Begin a dataset", openapi_extra=documented(NewDataset, JSON))
def create(services: Wired, body: Annotated[NewDataset, Depends(body_of(NewDataset, JSON))]) -> DatasetView:
    """Raises SpeechError `dataset_exists`, `unknown_dataset_language`."""
    return _view(services.datasets.create(body.name, body.language, services.caller))


@router.delete("/{dataset}", summary="Delete a dataset with all its files")
def delete(services: Wired, dataset: str) -> dict[str, str]:
    """Raises SpeechError `unknown_dataset`, `dataset_busy`."""
    services.datasets.delete(services.datasets.open(dataset[:80], services.caller))
    services.note("dataset_deleted", dataset)
    return {"message": f"{dataset} deleted"}


@router.get("/queue", summary="The recordings of a dataset: waiting, ready and failed")
def queue(services: Wired, reader: Language, dataset: Dataset = DEFAULT) -> list[SourceView]:
    return [_source_view(source, reader) for source in opened(services, dataset).sources()]


@router.post("/queue", status_code=201, summary="Add a link to the queue", openapi_extra=documented(QueuedVideo, JSON))
def enqueue(
    services: Wired, reader: Language, body: Annotated[QueuedVideo, Depends(body_of(QueuedVideo, JSON))]
) -> SourceView:
    """Raises Problem `link_refused` for what is no http or https address of an allowed site."""
    return _source_view(_enqueued(services, opened(services, body.dataset), body), reader)


@router.delete("/queue/{source_id}", summary="Take a recording out of a dataset")
def dequeue(services: Wired, source_id: str, dataset: Dataset = DEFAULT) -> dict[str, str]:
    """Its clips go with the next segmentation. Raises Problem `source_not_found`."""
    folder = opened(services, dataset)
    with folder.editing():
        sources = folder.sources()
        if source_id not in {source.source_id for source in sources}:
            raise Problem("source_not_found", source=source_id[:80])
        folder.save_sources(source for source in sources if source.source_id != source_id)
    (folder.raw / f"{source_id}.wav").unlink(missing_ok=True)
    services.note("dataset_recording_deleted", source_id, dataset=dataset)
    return {"message": f"{source_id} removed"}


@router.post(
    "/upload",
    status_code=202,
    summary="Take recordings, a zip or a videos.csv in",
    openapi_extra=documented(Uploads, MULTIPART),
)
def upload(
    services: Working, reader: Language, body: Annotated[Uploads, Depends(body_of(Uploads, MULTIPART))]
) -> AnyJob:
    opened(services, body.dataset)
    params = _params(services, body.dataset, "add", "add") | {"speaker": body.speaker}
    with _alone(body.dataset):
        job = add_with_recordings(
            services, DATASET, params, body.file, reserves=f"dataset:{body.dataset}", sound_only=False
        )
    return view_of(job, reader)


@router.post("/download", status_code=202, summary="Fetch what waits", openapi_extra=documented(DownloadRequest, JSON))
def download(
    services: Working, reader: Language, body: Annotated[DownloadRequest, Depends(body_of(DownloadRequest, JSON))]
) -> AnyJob:
    folder = opened(services, body.dataset)
    for video in body.videos:
        _enqueued(services, folder, video)
    return view_of(_add(services, body, "download", "download"), reader)


@router.post(
    "/segment",
    status_code=202,
    summary="Cut the recordings into clips of 7 to 12 s",
    openapi_extra=documented(StageRequest, JSON),
)
def segment(
    services: Working, reader: Language, body: Annotated[StageRequest, Depends(body_of(StageRequest, JSON))]
) -> AnyJob:
    return view_of(_add(services, body, "clean", "segment"), reader)


@router.post(
    "/transcribe",
    status_code=202,
    summary="Write down and judge the clips",
    openapi_extra=documented(StageRequest, JSON),
)
def transcribe(
    services: Working, reader: Language, body: Annotated[StageRequest, Depends(body_of(StageRequest, JSON))]
) -> AnyJob:
    return view_of(_add(services, body, "transcribe", "quality"), reader)


@router.post(
    "/build", status_code=202, summary="Build the LJSpeech dataset", openapi_extra=documented(StageRequest, JSON)
)
def build(
    services: Working, reader: Language, body: Annotated[StageRequest, Depends(body_of(StageRequest, JSON))]
) -> AnyJob:
    return view_of(_add(services, body, "build", "build"), reader)


@router.post(
    "/run", status_code=202, summary="All stages, from any of them on", openapi_extra=documented(RunRequest, JSON)
)
def run(services: Working, reader: Language, body: Annotated[RunRequest, Depends(body_of(RunRequest, JSON))]) -> AnyJob:
    return view_of(_add(services, body, body.first, "build"), reader)


@router.get("/stats", summary="What a dataset holds, measured")
def stats(services: Wired, dataset: Dataset = DEFAULT) -> DatasetStats:
    from train.dataset.report import report

    return DatasetStats.model_validate(report(opened(services, dataset)))


@router.get("/report", summary="The same as a page with plots", response_class=HTMLResponse)
def report_page(services: Wired, reader: Language, dataset: Dataset = DEFAULT) -> HTMLResponse:
    from train.dataset.report import page, report

    told = report(opened(services, dataset))
    return HTMLResponse(page(told, lambda code: render(code, reader, {}), reader))


@router.get("/versions", summary="What was built, oldest first")
def versions(services: Wired, dataset: Dataset = DEFAULT) -> list[DatasetVersion]:
    return [DatasetVersion(**row) for row in opened(services, dataset).versions()]


@router.put("/speakers", summary="Names for the speakers of a dataset", openapi_extra=documented(SpeakerNames, JSON))
def name_speakers(
    services: Wired, body: Annotated[SpeakerNames, Depends(body_of(SpeakerNames, JSON))]
) -> dict[str, str]:
    from train.dataset.speakers import rename

    folder = opened(services, body.dataset)
    rename(folder, body.names)
    return dict(folder.description()["speakers"])


def opened(services: Services, name: str) -> DatasetFolder:
    """The caller's dataset; the default one is begun when it is first asked for.

    Raises Problem `datasets_not_installed`, SpeechError `unknown_dataset`.
    """
    services.datasets.check_modules()
    try:
        return services.datasets.open(name, services.caller)
    except SpeechError:
        if name != DEFAULT:
            raise
    try:
        return services.datasets.create(name, "pt-BR", services.caller)
    except SpeechError:  # somebody else's, or another request was first
        return services.datasets.open(name, services.caller)


def _params(services: Services, dataset: str, first: str, last: str) -> dict[str, Any]:
    return {
        "mode": "dataset",
        "dataset": dataset,
        "first": first,
        "last": last,
        "user_id": services.caller.user_id,
    }


def _add(services: Services, body: StageRequest, first: str, last: str) -> Job:
    """The job of some stages; all is checked before anything is written.

    Raises Problem `cloning_models_missing`, `datasets_not_installed`, SpeechError `dataset_busy`, `bad_dataset_option`.
    """
    from train.dataset.options import changed

    folder = opened(services, body.dataset)
    services.datasets.check()
    changed(folder.options(), body.options)
    if "allowed_hosts" in body.options.get("download", {}):
        raise SpeechError("bad_dataset_option", option="download.allowed_hosts", reason="the operator sets it")
    params = _params(services, body.dataset, first, last) | {"options": body.options}
    with _alone(body.dataset):
        return services.jobs.add(DATASET, params, reserves=f"dataset:{body.dataset}")


@contextmanager
def _alone(dataset: str) -> Iterator[None]:
    """Raises SpeechError `dataset_busy` where another job, not ended yet, works on it."""
    from app.jobs.store import NameReserved

    try:
        yield
    except NameReserved as error:
        raise SpeechError("dataset_busy", name=dataset) from error


def _enqueued(services: Services, folder: DatasetFolder, video: VideoLink) -> Source:
    """Raises Problem `link_refused`."""
    from urllib.parse import urlsplit

    from train.dataset.sources import enqueue
    from train.dataset.videos import is_link

    hosts = services.datasets.options(folder).download.allowed_hosts
    if not is_link(video.youtube_url) or (urlsplit(video.youtube_url).hostname or "").lower() not in hosts:
        raise Problem("link_refused", url=video.youtube_url[:200], choices=list(hosts))
    return enqueue(
        folder,
        video.youtube_url,
        video.name,
        notes=video.description,
        speaker=video.speaker,
        emotion=video.emotion,
        language=video.language,
        split=video.split,
    )


def _view(folder: DatasetFolder) -> DatasetView:
    from train.dataset.report import quick_status

    last = next(iter(folder.versions()[::-1]), {})
    return DatasetView(
        name=folder.name,
        language=folder.language,
        version=last.get("number"),
        sha256=last.get("sha256"),
        **quick_status(folder),
    )


def _source_view(source: Source, reader: str) -> SourceView:
    message = f"{render(f'dataset.source.{source.error}', reader, {})}: {source.reason}" if source.error else None
    return SourceView(
        id=source.source_id,
        origin=source.origin,
        speaker=source.speaker,
        emotion=source.emotion,
        language=source.language,
        split=source.split,
        notes=source.notes,
        status="failed" if source.error else "ready" if source.is_ready else "waiting",
        duration_s=source.duration_s,
        error=source.error or None,
        error_message=message,
    )
