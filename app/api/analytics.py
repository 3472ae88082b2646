"""Figures of use, from a store that outlives expired jobs."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from app.api.queries import known_query
from app.api.services import Wired
from app.storage.ratings import RatingStore, Score
from app.storage.usage import UsageStore
from speech.profiles import QualityProfile

router = APIRouter(prefix="/analytics", tags=["analytics"], dependencies=[Depends(known_query)])
Days = Annotated[int, Query(ge=1, le=366)]


class Day(BaseModel):
    date: str
    total: int
    completed: int
    failed: int
    cancelled: int


class Use(BaseModel):
    """`duration_s` of sound, `compute_s` of work; null where nothing of it was measured."""

    name: str
    uses: int
    characters: int
    duration_s: float | None
    compute_s: float | None


class ProfileUse(Use):
    """`name` is the profile's id; `engine` and `title` are null of one that is gone, `stars` where nobody voted."""

    engine: str | None
    title: str | None
    stars: float | None  # mean of the votes, 1 to 5
    votes: int


class VoiceCount(BaseModel):
    language: str
    voices: int
    cloned: int


class Allowance(BaseModel):
    """Of today (UTC). Bounds are null where there are none; `characters_waiting`: of jobs that have not ended."""

    characters: int
    characters_waiting: int
    characters_per_day: int | None
    compute_s: float
    compute_s_per_day: float | None
    reset_s: int


@router.get("/allowance", summary="What one has had spoken today, and how much more one may")
def allowance(services: Wired) -> Allowance:
    now = services.quotas.standing(services.caller)
    return Allowance(
        characters=now.characters,
        characters_waiting=now.waiting,
        characters_per_day=now.characters_per_day,
        compute_s=now.compute_s,
        compute_s_per_day=now.compute_s_per_day,
        reset_s=now.reset_s,
    )


@router.get("/jobs-per-day", summary="Jobs that ended on each of the last days, by status")
def jobs_per_day(services: Wired, days: Days = 30) -> list[Day]:
    return [Day(**day) for day in _usage(services).per_day(days)]


@router.get("/engines-usage", summary="How much each engine was used")
def engines_usage(services: Wired) -> list[Use]:
    return [Use(**use) for use in _usage(services).by("engine")]


@router.get("/profiles-usage", summary="How much each quality profile was used, and what was voted on it")
def profiles_usage(services: Wired) -> list[ProfileUse]:
    known = {one.profile_id: one for profiles in services.profiles.by_engine().values() for one in profiles}
    scores = RatingStore(services.database, services.caller).by_profile()
    return [
        _profile_use(use, known.get(use["name"]), scores.get(use["name"])) for use in _usage(services).by("profile_id")
    ]


@router.get("/voices-by-language", summary="Voices of each language")
def voices_by_language(services: Wired) -> list[VoiceCount]:
    voices = services.synthesizer.voices()
    total, cloned = Counter(v.language for v in voices), Counter(v.language for v in voices if not v.is_stock)
    return [VoiceCount(language=name, voices=count, cloned=cloned[name]) for name, count in total.most_common()]


def _profile_use(use: dict[str, Any], profile: QualityProfile | None, score: Score | None) -> ProfileUse:
    return ProfileUse(
        **use,
        engine=profile.engine if profile else None,
        title=profile.name if profile else None,
        stars=round(score.stars, 2) if score else None,
        votes=score.votes if score else 0,
    )


def _usage(services: Wired) -> UsageStore:
    return UsageStore(services.database, services.caller)
