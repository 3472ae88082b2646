"""What an operator asks for (base API B5): clean-up and figures."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.voice_facts import made_at, uses_of
from app.errors import Problem
from app.storage.usage import UNUSED

router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[Depends(known_query)])

IDLE_S = 30 * 86400.0  # after which a voice that nobody used had expired in the base API


class Cleaned(BaseModel):
    message: str
    deep: bool
    jobs_removed: int
    jobs_kept: int
    bytes_freed: int


class VoiceStats(BaseModel):
    """Of cloned voices. `active` were made or used in the last 30 days, `expired` were not; none is deleted for that.
    `usage`: how often they spoke."""

    total: int
    active: int
    expired: int
    usage: int


class Stats(BaseModel):
    """`redis_keys`: those of limits, of workers that say they are there and of Celery's queues; null where there is no
    Redis, or it is away."""

    jobs: dict[str, int]
    total_jobs: int
    voices: VoiceStats
    quality_profiles: dict[str, int]
    files_bytes: int
    samples_bytes: int
    database_bytes: int
    redis_keys: int | None


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
    services.note("cleaned_up", "", deep=deep, jobs=removed)
    kept = sum(services.jobs.counts().values())
    return Cleaned(
        message=f"{removed} jobs removed", deep=deep, jobs_removed=removed, jobs_kept=kept, bytes_freed=max(0, freed)
    )


@router.get("/stats", summary="Jobs by status, voices, bytes on the disk, keys in Redis")
def stats(services: Wired) -> Stats:
    from app.jobs.presence import keys_in

    counts, redis_url = services.jobs.counts(), services.settings.redis_url
    profiles = {engine: len(profiles) for engine, profiles in services.profiles.by_engine().items()}
    return Stats(
        jobs=counts,
        total_jobs=sum(counts.values()),
        voices=_voice_stats(services),
        quality_profiles=profiles,
        files_bytes=services.files.size_bytes(),
        samples_bytes=services.samples.size_bytes(),
        database_bytes=services.database.size_bytes(),
        redis_keys=keys_in(redis_url) if redis_url else None,
    )


def _voice_stats(services: Services) -> VoiceStats:
    made = {meta.voice_id: meta for meta in services.cloning.library().list()}
    voices = [voice.voice_id for voice in services.synthesizer.voices() if voice.voice_id in made]
    uses = uses_of(services, voices, [made[voice] for voice in voices])
    limit = time.time() - IDLE_S
    latest = [max(made_at(made[voice]), uses.get(voice, UNUSED).last_at or 0.0) for voice in voices]
    active = sum(moment >= limit for moment in latest)
    usage = sum(use.count for use in uses.values())
    return VoiceStats(total=len(voices), active=active, expired=len(voices) - active, usage=usage)


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
