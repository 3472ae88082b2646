"""Jobs as tests need them: of any kind, in any queue, with their own limits."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.callers import Caller
from app.jobs.job import Job
from app.jobs.kinds import KINDS, Kind
from app.jobs.store import JobPolicy, JobStore
from app.storage.database import Database


def add_job(
    database: Database,
    kind: str,
    params: Mapping[str, Any],
    *,
    queue: str,
    max_attempts: int,
    ttl_s: float,
    user_id: str = "local",
    **options: Any,
) -> Job:
    store = JobStore(database, JobPolicy(max_attempts, ttl_s), Caller(user_id))
    return store.add(replace(KINDS.get(kind, Kind(kind, queue)), queue=queue), params, **options)
