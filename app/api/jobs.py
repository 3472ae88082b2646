"""Jobs (base API B1): ask for speech, look, pause, cancel, delete."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import PlainTextResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_requests import NewJob, add_speech, params_of
from app.api.job_views import AnyJob, JobList, view_of, views_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.times import iso
from app.errors import Problem
from app.jobs.job import Job
from speech.text.csv_text import csv_lines

if TYPE_CHECKING:
    from app.jobs.events import Event

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=[Depends(known_query)])

FORMATS = ("wav", "mp3", "ogg", "flac", "m4a", "opus")
Filter = Annotated[
    Literal["queued", "pending", "processing", "paused", "completed", "failed", "cancelled"],
    BeforeValidator(str.lower),
]


class JobFormats(BaseModel):
    job_id: str
    formats: list[str]
    download_url_template: str


class Vote(Body):
    """1: poor, 5: excellent."""

    stars: Annotated[int, Field(ge=1, le=5)]


class Deleted(BaseModel):
    message: str
    job_id: str
    files_deleted: int


@router.post("", status_code=202, summary="Have a text spoken", openapi_extra=documented(NewJob))
def add_job(services: Wired, language: Language, body: Annotated[NewJob, Depends(body_of(NewJob))]) -> AnyJob:
    return view_of(add_speech(services, params_of(services, body)), language)


@router.get("", summary="Jobs, newest first")
def list_jobs(
    services: Wired,
    reader: Language,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    status: Filter | None = None,
    engine: str | None = None,
    language: str | None = None,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
) -> JobList:
    """`language`: `pt` finds `pt-BR`. Times are RFC 3339, UTC where they do not say; `created_until` is left out."""
    wanted = filters_of(status, engine, language, created_from, created_until)
    total, jobs = services.jobs.list(limit=limit, offset=offset, **wanted)
    return JobList(total=total, jobs=views_of(services, jobs, reader))


@router.get("/{job_id}", summary="One job")
def one_job(services: Wired, language: Language, job_id: str) -> AnyJob:
    return views_of(services, [find_job(services, job_id)], language)[0]


@router.get("/{job_id}/formats", summary="Formats to download in")
def formats(services: Wired, job_id: str) -> JobFormats:
    ready(find_sounding(services, job_id))
    template = f"/jobs/{job_id}/download?format={{format}}"
    return JobFormats(job_id=job_id, formats=list(FORMATS), download_url_template=template)


@router.get("/{job_id}/log", summary="What happened to a job, as text", response_class=PlainTextResponse)
def log(services: Wired, job_id: str, format: Literal["text", "csv"] = "text") -> PlainTextResponse:
    """`csv`: a cell that begins like a formula gets an apostrophe before it."""
    find_job(services, job_id)
    if format == "csv":
        rows = ((event.id, iso(event.created_at), event.kind, _data(event)) for event in _events(services, job_id))
        headers = {"Content-Disposition": f'attachment; filename="{job_id}.csv"'}
        lines = csv_lines(("id", "created_at", "kind", "data"), rows)
        return PlainTextResponse("".join(lines), media_type="text/csv", headers=headers)
    return PlainTextResponse("".join(_lines(services, job_id)))


@router.delete("/{job_id}", summary="Delete a job and its files; a running one is cancelled first")
def delete_job(services: Wired, job_id: str) -> Deleted:
    job = services.jobs.delete(job_id)
    services.note("job_deleted", job.id, kind=job.kind)
    return Deleted(message=f"{job.id} deleted", job_id=job.id, files_deleted=services.files.delete(job.id))


@router.put("/{job_id}/rating", summary="Vote on a sound, 1 to 5", openapi_extra=documented(Vote, JSON))
def rate_job(
    services: Wired, language: Language, job_id: str, body: Annotated[Vote, Depends(body_of(Vote, JSON))]
) -> AnyJob:
    """Takes the place of one's earlier vote. Raises Problem as the download does."""
    from app.storage.ratings import RatingStore

    job = ready(find_sounding(services, job_id))
    RatingStore(services.database, services.caller).rate(job.id, job.params.get("quality_profile_id"), body.stars)
    return views_of(services, [job], language)[0]


@router.post("/{job_id}/cancel", status_code=202, summary="Stop a job")
def cancel_job(services: Wired, language: Language, job_id: str) -> AnyJob:
    job = services.jobs.cancel(job_id)
    if job.is_ended:  # nobody runs it, who would tidy up
        services.files.delete(job_id)
    return view_of(job, language)


@router.post("/{job_id}/pause", status_code=202, summary="Set a fit aside; it saves and holds no memory")
def pause_job(services: Wired, language: Language, job_id: str) -> AnyJob:
    return view_of(services.jobs.pause(job_id), language)


@router.post("/{job_id}/resume", status_code=202, summary="Go on with a paused job from where it was")
def resume_job(services: Working, language: Language, job_id: str) -> AnyJob:
    return view_of(services.jobs.resume(job_id), language)


def filters_of(
    status: str | None, engine: str | None, language: str | None, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    """As `JobStore.list` takes them; a time without a zone is UTC."""
    return {
        "status": "pending" if status == "queued" else status,
        "engine": engine,
        "language": language,
        "created_from": _moment(since),
        "created_until": _moment(until),
    }


def find_job(services: Services, job_id: str) -> Job:
    """Raises Problem `job_not_found`, `job_expired`."""
    return unexpired(services.jobs.get(job_id))


def unexpired(job: Job) -> Job:
    """One past its time is as one that is gone, whether or not it was removed. Raises Problem `job_expired`."""
    if job.expires_at is not None and job.expires_at <= time.time():
        raise Problem("job_expired", job_id=job.id, expires_at=iso(job.expires_at))
    return job


def find_sounding(services: Services, job_id: str) -> Job:
    """A job whose result is sound. Raises Problem as `find_job`, and `job_makes_no_sound`."""
    job = find_job(services, job_id)
    if not job.makes_sound:
        raise Problem("job_makes_no_sound", job_id=job_id, kind=job.kind)
    return job


def ready(job: Job) -> Job:
    """Raises Problem `job_not_ready` while it may still get its sound, `job_without_sound` when it never will."""
    if not job.is_ended:
        raise Problem("job_not_ready", job_id=job.id, status=job.status, headers={"Retry-After": "1"})
    if job.status != "completed":
        raise Problem("job_without_sound", job_id=job.id, status=job.status)
    return job


def _moment(given: datetime | None) -> float | None:
    if given is None:
        return None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def _events(services: Services, job_id: str) -> Iterator[Event]:
    last_id = 0
    while events := services.events.since(last_id, 500, job_id):
        last_id = events[-1].id
        yield from events


def _lines(services: Services, job_id: str) -> Iterator[str]:
    for event in _events(services, job_id):
        yield f"{iso(event.created_at)} {event.kind} {_data(event)}\n"


def _data(event: Event) -> str:
    return json.dumps(dict(event.data), ensure_ascii=False)
