"""Server-sent events over the durable log (WHATWG HTML §9.2): a client that says its last id misses nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.api.queries import known_query
from app.api.services import Services, Wired
from app.jobs.wake import Wake

if TYPE_CHECKING:
    from app.jobs.events import Event

router = APIRouter(tags=["events"], dependencies=[Depends(known_query)])

KEEP_ALIVE_S = 15.0
PAGE = 500
Id = Annotated[int | None, Query(ge=0)]


@router.get("/events", summary="What happens to jobs, as server-sent events", response_class=StreamingResponse)
async def events(
    services: Wired,
    last_event_id: Id = None,
    job_id: str | None = None,
    last_event_id_header: Annotated[int | None, Header(alias="Last-Event-ID", ge=0)] = None,
) -> StreamingResponse:
    """Without a last id: from now on. The header, which a browser sends when it reconnects, wins."""
    given = last_event_id if last_event_id_header is None else last_event_id_header
    newest = await run_in_threadpool(services.events.last_id)
    start = newest if given is None else min(given, newest)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_frames(services, start, job_id), media_type="text/event-stream", headers=headers)


async def _frames(services: Services, last_id: int, job_id: str | None) -> AsyncIterator[str]:
    yield ": connected\n\n"
    wake = Wake(services.database, services.settings.poll_s)
    while True:
        batch = await run_in_threadpool(services.events.since, last_id, PAGE, job_id)
        for event in batch:
            yield _frame(event)
            last_id = event.id
        if len(batch) < PAGE and not await wake.wait_async(KEEP_ALIVE_S):
            yield ": keep-alive\n\n"


def _frame(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.kind}\ndata: {json.dumps(data_of(event), ensure_ascii=False)}\n\n"


def data_of(event: Event) -> dict[str, Any]:
    """What a client hears of an event, beside its kind."""
    about = {"id": event.id, "job_id": event.job_id, "user_id": event.user_id, "created_at": event.created_at}
    return {**event.data, **about}
