"""What an operator asks for (base API B5): clean-up and figures."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(known_query)])


class Cleaned(BaseModel):
    message: str
    deep: bool
    jobs_removed: int
    jobs_kept: int
    bytes_freed: int


class VoiceStats(BaseModel):
    total: int
    active: int
    expired: int
    usage: int


class Stats(BaseModel):
    jobs: dict[str, int]
    total_jobs: int
    voices: VoiceStats
    quality_profiles: dict[str, int]
    files_bytes: int
    samples_bytes: int
    database_bytes: int


@router.post("/cleanup", summary="Remove expired jobs; `deep`: every job that is not running, and cached samples")
def cleanup(services: Wired, deep: bool = False) -> Cleaned:
    """Quality profiles, models and running jobs stay in any case."""
    from app.jobs.expiry import sweep

    before = services.files.size_bytes() + services.samples.size_bytes()
    removed = sweep(services.database, services.files)
    if deep:
        removed += _remove_all(services)
        services.samples.sweep((), min_age_s=0)
    freed = before - services.files.size_bytes() - services.samples.size_bytes()
    kept = sum(services.jobs.counts().values())
    return Cleaned(
        message=f"{removed} jobs removed", deep=deep, jobs_removed=removed, jobs_kept=kept, bytes_freed=max(0, freed)
    )


@router.get("/stats", summary="Jobs by status, voices, bytes on the disk")
def stats(services: Wired) -> Stats:
    counts = services.jobs.counts()
    stock = len(services.synthesizer.voices())
    profiles = {engine: len(services.profiles.list(engine)) for engine in services.profiles.engines}
    return Stats(
        jobs=counts,
        total_jobs=sum(counts.values()),
        voices=VoiceStats(total=stock, active=stock, expired=0, usage=counts["completed"]),
        quality_profiles=profiles,
        files_bytes=services.files.size_bytes(),
        samples_bytes=services.samples.size_bytes(),
        database_bytes=services.database.size_bytes(),
    )


def _remove_all(services: Services) -> int:
    count = 0
    for status in ("completed", "failed", "cancelled", "pending", "paused"):
        while jobs := services.jobs.list(limit=500, status=status)[1]:
            count += sum(_remove(services, job.id) for job in jobs)
    return count


def _remove(services: Services, job_id: str) -> bool:
    try:
        services.jobs.delete(job_id)
    except Problem:  # somebody else deleted it meanwhile
        return False
    services.files.delete(job_id)
    return True
