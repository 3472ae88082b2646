"""Batches: many texts from JSON or CSV, checked by row before anything is written, and their sounds in one ZIP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, StreamingResponse

from app.api.archive import Entry, archive, checked_format, row_file_name
from app.api.batch_rows import MOST_CSV_BYTES, CheckedRow, checked_rows, rows_of_csv
from app.api.bodies import JSON, MULTIPART, Body, Upload, body_of, documented
from app.api.job_bulk import delete_jobs
from app.api.job_views import JobError, error_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Fetching, Services, Wired
from app.api.times import iso
from app.errors import FieldError, Problem
from app.jobs.job import STATUSES, Job
from app.jobs.kinds import SPEECH
from app.texts import render

if TYPE_CHECKING:
    from app.storage.batches import Batch, BatchRow, BatchStore

router = APIRouter(prefix="/jobs/batch", tags=["batch"], dependencies=[Depends(known_query)])

MOST_ERRORS = 200  # told at once
DEFAULTS = ("language", "voice", "engine", "profile")
Default = Annotated[str | None, Field(max_length=80)]


class NewBatch(Body):
    """One of `items` (objects of `text`, `language`, `voice`, `engine`, `profile`, `speed`, `name`), `texts`, or
    `file`, a CSV of the same columns in UTF-8. `language` to `profile`: of rows that do not say.

    `dry_run`: only look. `skip_bad`: take the good rows although others are not.
    """

    items: Annotated[list[dict[str, Any]], Field(max_length=1000)] = []
    texts: Annotated[list[str], Field(max_length=1000)] = []
    file: Upload | None = None
    title: Annotated[str, Field(max_length=200)] = ""
    language: Default = None
    voice: Default = None
    engine: Default = None
    profile: Default = None
    dry_run: bool = False
    skip_bad: bool = False


class RowError(BaseModel):
    row: int
    field: str
    code: str
    message: str


class RowView(BaseModel):
    """A row as it was read; what was chosen where it did not say."""

    row: int
    name: str
    text: str
    characters: int
    language: str | None
    voice: str | None
    engine: str | None
    profile: str | None
    is_good: bool


class Preview(BaseModel):
    """`estimate_s`: of work, by what such texts took here before; null where an engine has not spoken here yet."""

    rows: int
    good: int
    characters: int
    estimate_s: float | None
    estimate_audio_s: float | None
    items: list[RowView]
    errors: list[RowError]


class BatchItem(BaseModel):
    """`status` null: the job is deleted or past its time."""

    row: int
    name: str
    job_id: str
    status: str | None
    progress: float | None
    text: str | None
    voice: str | None
    engine: str | None
    language: str | None
    error: JobError | None = None
    error_message: str | None = None


class BatchView(BaseModel):
    id: str
    title: str
    created_at: str
    total: int
    counts: dict[str, int]  # of jobs by status; "gone": deleted or past their time
    progress: float
    is_ended: bool
    skipped: list[RowError] = []
    items: list[BatchItem] | None = None


class BatchList(BaseModel):
    total: int
    batches: list[BatchView]


class BatchDeleted(BaseModel):
    """`not_deleted`: id of a job to the code of why, such as `job_still_running`; while there is one the batch stays,
    to be deleted again."""

    message: str
    batch_id: str
    jobs_deleted: int
    not_deleted: dict[str, str]


class Retried(BaseModel):
    batch_id: str
    retried: int


@router.post(
    "",
    status_code=202,
    summary="Have many texts spoken, or look what would be",
    openapi_extra=documented(NewBatch, JSON, MULTIPART),
    responses={200: {"model": Preview, "description": "`dry_run`: what would be done, and what is wrong by row"}},
    response_model=BatchView,
)
def add_batch(
    services: Wired, reader: Language, body: Annotated[NewBatch, Depends(body_of(NewBatch, JSON, MULTIPART))]
) -> Any:
    """All rows or none, unless `skip_bad`. Raises Problem `batch_rows_bad` with the errors by row, `batch_empty`,
    `batch_too_many`, `batch_columns`, `quota_exceeded`, `too_many_requests`."""
    rows, strict = rows_of(body)
    checked = checked_rows(services, rows, defaults_of(body), strict=strict)
    if body.dry_run:
        return JSONResponse(preview_of(services, checked, reader).model_dump(mode="json"))
    good = [row for row in checked if row.params is not None]
    if len(good) < len(checked) and not (body.skip_bad and good):
        errors = [
            FieldError(f"{row.number}.{e.field}".rstrip("."), e.code, e.values) for row in checked for e in row.errors
        ]
        raise Problem("batch_rows_bad", bad=len(checked) - len(good), rows=len(checked), errors=errors[:MOST_ERRORS])
    characters = sum(row.characters for row in good)
    services.admit(characters)
    services.submit(characters)
    return _view(services, *_added(services, body.title, good), reader).model_copy(
        update={"skipped": row_errors(checked, reader)}
    )


@router.get("", summary="Batches, newest first")
def list_batches(
    services: Wired,
    reader: Language,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> BatchList:
    store = _store(services)
    total, found = store.list(limit, offset)
    views = [_view(services, *store.get(batch.id), reader) for batch in found]
    return BatchList(total=total, batches=[view.model_copy(update={"items": None}) for view in views])


@router.get("/{batch_id}", summary="One batch with its rows")
def one_batch(services: Wired, reader: Language, batch_id: str) -> BatchView:
    return _view(services, *_store(services).get(batch_id), reader)


@router.get(
    "/{batch_id}/download", summary="Every finished sound and a manifest, as ZIP", response_class=StreamingResponse
)
def download(services: Fetching, batch_id: str, format: str = "wav") -> Any:
    """Rows without a sound are in `manifest.json` under `missing`. Raises Problem `batch_without_sound`."""
    chosen = checked_format(format)
    batch, rows = _store(services).get(batch_id)
    jobs = _jobs(services, rows)
    if not any(job.status == "completed" for job in jobs.values()):
        raise Problem("batch_without_sound", batch_id=batch.id)
    entries = [Entry(row_file_name(row.number, row.name), row.job_id, jobs.get(row.job_id), row.number) for row in rows]
    return archive(services, entries, chosen, f"{batch.id}.zip", batch_id=batch.id, title=batch.title)


@router.post("/{batch_id}/retry", status_code=202, summary="Try the rows again that failed or were cancelled")
def retry(services: Wired, batch_id: str) -> Retried:
    """Each gets a new job. Raises Problem `batch_nothing_to_retry`."""
    store = _store(services)
    batch, rows = store.get(batch_id)
    jobs = _jobs(services, rows)
    failed = [row for row in rows if row.job_id in jobs and jobs[row.job_id].status in ("failed", "cancelled")]
    if not failed:
        raise Problem("batch_nothing_to_retry", batch_id=batch.id)
    characters = sum(len(jobs[row.job_id].params["text"]) for row in failed)
    services.admit(characters)
    services.submit(characters)
    with services.database.write():
        for row in failed:
            before = jobs[row.job_id]
            store.put_job(batch.id, row.number, services.jobs.add(SPEECH, before.params, warm_key=before.warm_key).id)
    return Retried(batch_id=batch.id, retried=len(failed))


@router.post("/{batch_id}/cancel", status_code=202, summary="Stop what has not ended")
def cancel(services: Wired, reader: Language, batch_id: str) -> BatchView:
    batch, rows = _store(services).get(batch_id)
    for job in _jobs(services, rows).values():
        if not job.is_ended:
            _cancelled(services, job.id)
    return _view(services, batch, rows, reader)


@router.delete("/{batch_id}", summary="Delete a batch with its jobs and files")
def delete(services: Wired, batch_id: str) -> BatchDeleted:
    """What runs is cancelled and waited for; what does not stop in time is told, and the rest is deleted."""
    store = _store(services)
    batch, rows = store.get(batch_id)
    done = delete_jobs(services, list(_jobs(services, rows)))
    left = {job_id: code for job_id, code in done.not_deleted.items() if code != "job_not_found"}  # by somebody else
    if not left:
        store.delete(batch_id)
    services.note("batch_deleted", batch.id, jobs=len(done.deleted), not_deleted=list(left))
    message = f"{batch.id} stays: {len(left)} still running" if left else f"{batch.id} deleted"
    return BatchDeleted(message=message, batch_id=batch.id, jobs_deleted=len(done.deleted), not_deleted=left)


def rows_of(body: NewBatch) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """The rows, and whether they are JSON's, whose numbers are numbers."""
    given = [name for name in ("items", "texts", "file") if getattr(body, name)]
    if len(given) > 1:
        raise Problem("invalid_request", errors=[FieldError(given[1], "fields_exclusive", {"names": given})])
    if body.file is not None:
        return rows_of_csv(body.file.file.read(MOST_CSV_BYTES + 1)), False
    return body.items or [{"text": text} for text in body.texts], True


def defaults_of(body: NewBatch) -> dict[str, str]:
    """Of rows that do not say."""
    return {name: value for name in DEFAULTS if (value := getattr(body, name))}


def _added(services: Services, title: str, good: Sequence[CheckedRow]) -> tuple[Batch, list[BatchRow]]:
    """The batch and its jobs, in one transaction."""
    from app.storage.batches import BatchRow

    rows: list[BatchRow] = []
    with services.database.write():
        for row in good:
            assert row.params is not None
            job = services.jobs.add(SPEECH, row.params, warm_key=row.params["engine"])
            rows.append(BatchRow(row.number, row.name, job.id))
        return _store(services).add(title, rows), rows


def preview_of(services: Services, checked: Sequence[CheckedRow], reader: str) -> Preview:
    """What would be done, and what is wrong by row in the language of `reader`."""
    good = [row for row in checked if row.params is not None]
    work_s, audio_s = _estimate(services, good)
    return Preview(
        rows=len(checked),
        good=len(good),
        characters=sum(row.characters for row in good),
        estimate_s=work_s,
        estimate_audio_s=audio_s,
        items=[_row_view(row) for row in checked],
        errors=row_errors(checked, reader),
    )


def _estimate(services: Services, good: Sequence[CheckedRow]) -> tuple[float | None, float | None]:
    """Seconds of work and of sound, by the characters that each engine has spoken here so far."""
    from app.storage.usage import UsageStore

    rates = UsageStore(services.database).pace()
    wanted: Counter[str] = Counter()
    for row in good:
        assert row.params is not None
        wanted[row.params["engine"]] += row.characters
    if not wanted or any(engine not in rates for engine in wanted):
        return None, None
    work_s = sum(count * rates[engine][0] for engine, count in wanted.items())
    return round(work_s, 1), round(sum(count * rates[engine][1] for engine, count in wanted.items()), 1)


def _row_view(row: CheckedRow) -> RowView:
    given, params = row.given, row.params or {}
    told = {
        "language": params.get("language", given.get("language")),
        "voice": params.get("voice", given.get("voice")),
        "engine": params.get("engine", given.get("engine")),
        "profile": params.get("quality_profile_id", given.get("profile")),
    }
    return RowView(
        row=row.number,
        name=row.name,
        text=str(given.get("text") or "")[:10_000],
        characters=row.characters,
        is_good=row.params is not None,
        **{name: None if value is None else str(value)[:80] for name, value in told.items()},
    )


def row_errors(checked: Sequence[CheckedRow], reader: str) -> list[RowError]:
    """What is wrong with the rows, in the language of `reader`."""
    return [
        RowError(row=row.number, field=e.field, code=e.code, message=render(f"error.{e.code}", reader, e.values))
        for row in checked
        for e in row.errors
    ]


def _view(services: Services, batch: Batch, rows: Sequence[BatchRow], reader: str) -> BatchView:
    jobs = _jobs(services, rows)
    counts = Counter(jobs[row.job_id].status if row.job_id in jobs else "gone" for row in rows)
    done = sum(jobs[row.job_id].progress if row.job_id in jobs else 100.0 for row in rows)
    return BatchView(
        id=batch.id,
        title=batch.title,
        created_at=iso(batch.created_at),
        total=len(rows),
        counts={status: counts[status] for status in (*STATUSES, "gone")},
        progress=round(done / max(1, len(rows)), 1),
        is_ended=all(job.is_ended for job in jobs.values()),
        items=[_item(row, jobs.get(row.job_id), reader) for row in rows],
    )


def _item(row: BatchRow, job: Job | None, reader: str) -> BatchItem:
    params: Mapping[str, Any] = job.params if job else {}
    error = error_of(job) if job else None
    return BatchItem(
        row=row.number,
        name=row.name,
        job_id=row.job_id,
        status=job.status if job else None,
        progress=job.progress if job else None,
        error=error,
        error_message=error.details[reader] if error else None,
        **{name: params.get(name) for name in ("text", "voice", "engine", "language")},
    )


def _jobs(services: Services, rows: Sequence[BatchRow]) -> dict[str, Job]:
    """Those that are still there, by id, in the order of the rows."""
    found = {job.id: job for job in services.jobs.some([row.job_id for row in rows])}
    return {row.job_id: found[row.job_id] for row in rows if row.job_id in found}


def _cancelled(services: Services, job_id: str) -> None:
    try:
        job = services.jobs.cancel(job_id)
    except Problem:  # it ended meanwhile
        return
    if job.is_ended:
        services.files.delete(job_id)


def _store(services: Services) -> BatchStore:
    from app.storage.batches import BatchStore

    return BatchStore(services.database, services.caller)
