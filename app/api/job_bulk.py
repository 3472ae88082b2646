"""Several jobs at once: their sounds as a ZIP, their deletion, and the list as a table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import StreamingResponse

from app.api.archive import Entry, archive, checked_format
from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_views import error_of
from app.api.jobs import Filter, filters_of, find_job
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Fetching, Services, Wired
from app.api.times import iso
from app.errors import FieldError, Problem
from app.jobs.job import Job
from speech.text.csv_text import csv_lines

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=[Depends(known_query)])

MOST = 200
PAGE = 500
WAIT_S = 5.0  # for jobs that run to stop
HEADER = ("id", "kind", "status", "created_at", "started_at", "completed_at", "language", "engine", "voice", "text")
MORE = ("characters", "duration_s", "synthesis_s", "seed", "error", "error_message")


class JobIds(Body):
    job_ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=80)]], Field(min_length=1, max_length=MOST)]


class BulkDeleted(BaseModel):
    """`not_deleted`: id to the code of why, such as `job_still_running`."""

    deleted: list[str]
    files_deleted: int
    not_deleted: dict[str, str]


@router.get("/archive", summary="The sounds of several jobs and a manifest, as ZIP", response_class=StreamingResponse)
def download_many(
    services: Fetching, ids: Annotated[str, Query(min_length=1, max_length=MOST * 81)], format: str = "wav"
) -> Any:
    """`ids`: with commas between. Raises Problem `job_not_found`, `job_expired` where one is none or is past its time,
    before anything is sent."""
    chosen = checked_format(format)
    jobs = [find_job(services, job_id) for job_id in _distinct(ids.split(","))]
    entries = [Entry(f"dubbed_{job.id}", job.id, job) for job in jobs]
    return archive(services, entries, chosen, "papagaio.zip")


@router.post("/delete", summary="Delete several jobs and their files", openapi_extra=documented(JobIds, JSON))
def delete_many(services: Wired, body: Annotated[JobIds, Depends(body_of(JobIds, JSON))]) -> BulkDeleted:
    """Raises Problem `job_not_found` where one is none, before anything is deleted."""
    ids = _distinct(body.job_ids)
    for job_id in ids:
        services.jobs.get(job_id)
    done = delete_jobs(services, ids)
    services.note("jobs_deleted", "", job_ids=done.deleted)
    return done


@router.get("/export", summary="The list of jobs as CSV", response_class=StreamingResponse)
def export(
    services: Wired,
    reader: Language,
    status: Filter | None = None,
    engine: str | None = None,
    language: str | None = None,
    created_from: datetime | None = None,
    created_until: datetime | None = None,
) -> StreamingResponse:
    """The same filters as the list; a cell that begins like a formula gets an apostrophe before it."""
    wanted = filters_of(status, engine, language, created_from, created_until)
    lines = csv_lines(HEADER + MORE, (_cells(job, reader) for job in all_jobs(services, wanted)))
    headers = {"Content-Disposition": 'attachment; filename="jobs.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def delete_jobs(services: Services, ids: Sequence[str]) -> BulkDeleted:
    """Those that do not run at once; those that do are cancelled, and all of them together waited for `WAIT_S`."""
    deleted, files, kept = set(), 0, dict.fromkeys(ids, "")
    for wait_s in (0.0, WAIT_S):
        deadline = time.monotonic() + wait_s
        for job_id in list(kept):
            try:
                services.jobs.delete(job_id, wait_s=max(0.0, deadline - time.monotonic()))
            except Problem as problem:
                kept[job_id] = problem.code
                continue
            files += services.files.delete(job_id)
            deleted.add(job_id)
            del kept[job_id]
    return BulkDeleted(deleted=[one for one in ids if one in deleted], files_deleted=files, not_deleted=kept)


def all_jobs(services: Services, wanted: dict[str, Any]) -> Iterator[Job]:
    """Those that `filters_of` wants, newest first, as there are when it begins; one that is deleted meanwhile may be
    left out, and no other is."""
    wanted = {**wanted, "created_until": min(wanted["created_until"] or time.time(), time.time())}
    last: Job | None = None
    while jobs := services.jobs.list(limit=PAGE, after=last, **wanted)[1]:
        yield from jobs
        last = jobs[-1]


def _cells(job: Job, reader: str) -> list[object]:
    params, result, error = job.params, job.result or {}, error_of(job)
    about = [job.id, job.kind, job.status, iso(job.created_at), iso(job.started_at), iso(job.completed_at)]
    said = [params.get("language"), params.get("engine"), params.get("voice"), params.get("text")]
    figures = [len(params.get("text") or ""), result.get("duration_s"), result.get("synthesis_s"), params.get("seed")]
    return [*about, *said, *figures, error.code if error else None, error.details[reader] if error else None]


def _distinct(ids: Sequence[str]) -> list[str]:
    found = [job_id.strip() for job_id in dict.fromkeys(ids) if job_id.strip()]
    if not 1 <= len(found) <= MOST:
        raise Problem(
            "invalid_request",
            errors=[FieldError("ids", "field_range", {"value": len(found), "minimum": 1, "maximum": MOST})],
        )
    return found
