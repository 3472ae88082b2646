"""What an account may have spoken in a day (UTC): characters, and seconds of work."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.callers import Caller
from app.errors import Problem
from app.settings import Settings
from app.storage.database import Database
from app.storage.tables import jobs, users
from app.storage.usage import DAY_S, STREAM, TRANSCRIPTION, UsageStore, record
from speech.asr import Segment
from speech.metering import Use, timed

WAITING = ("pending", "processing", "paused")


@dataclass(frozen=True)
class Standing:
    """Bounds are None where there are none; `waiting`: characters of jobs that have not ended."""

    characters: int
    waiting: int
    compute_s: float
    characters_per_day: int | None
    compute_s_per_day: float | None
    reset_s: int


class Quotas:
    """An account's own bounds, or those of the settings for accounts without; an admin without has none."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings

    def standing(self, caller: Caller) -> Standing:
        now = time.time()
        begun = now // DAY_S * DAY_S
        characters, compute_s = UsageStore(self._database, caller).since(begun)
        bounds = self._bounds(caller)
        return Standing(characters, self._waiting(caller), compute_s, *bounds, max(1, round(begun + DAY_S - now)))

    def admit(self, caller: Caller, characters: int) -> None:
        """`characters` 0: of work that no text measures. Raises Problem `quota_exceeded` where so many more would be
        too many, or all work of the day is done."""
        if self._bounds(caller) == (None, None):
            return
        now = self.standing(caller)
        used = now.characters + now.waiting
        if characters and now.characters_per_day is not None and used + characters > now.characters_per_day:
            raise _exceeded(used, now.characters_per_day, "characters", now.reset_s)
        if now.compute_s_per_day is not None and now.compute_s >= now.compute_s_per_day:
            raise _exceeded(round(now.compute_s), round(now.compute_s_per_day), "s", now.reset_s)

    def _bounds(self, caller: Caller) -> tuple[int | None, float | None]:
        columns = (users.c.role, users.c.characters_per_day, users.c.compute_s_per_day)
        with self._database.read() as connection:
            row = connection.execute(select(*columns).where(users.c.id == caller.user_id)).one_or_none()
        if row is None:
            return None, None
        general: tuple[int | None, float | None] = (None, None)
        if row[0] != "admin":
            general = self._settings.characters_per_day or None, self._settings.compute_s_per_day or None
        own = row[1], row[2]
        return (
            general[0] if own[0] is None else own[0],
            general[1] if own[1] is None else own[1],
        )

    def _waiting(self, caller: Caller) -> int:
        text, told = jobs.c.params["text"].as_string(), jobs.c.params["characters"].as_integer()
        query = select(func.sum(func.coalesce(told, func.length(text)))).where(
            jobs.c.user_id == caller.user_id, jobs.c.status.in_(WAITING)
        )
        with self._database.read() as connection:
            return int(connection.scalar(query) or 0)


@dataclass(frozen=True)
class AccountMeter:
    """The `SpeechMeter` of a caller: what is spoken for them without a job is kept as a job's use is."""

    quotas: Quotas
    database: Database
    caller: Caller

    def admit(self, characters: int) -> None:
        """Raises Problem `quota_exceeded`."""
        self.quotas.admit(self.caller, characters)

    def spoken(self, use: Use) -> None:
        plan = use.plan
        params = {"engine": plan.engine, "voice": plan.voice.voice_id, "language": plan.language}
        self._keep(STREAM, use.status, params, use.duration_s, use.compute_s, use.characters)

    def listened(self, segments: Generator[Segment, None, None], duration_s: float) -> Generator[Segment, None, None]:
        """The same segments of a recording; what listening to it takes is kept, whichever way it ends."""
        return timed(segments, lambda status, used_s: self._keep(TRANSCRIPTION, status, {}, duration_s, used_s, 0))

    def _keep(
        self, kind: str, status: str, params: dict[str, Any], duration_s: float, compute_s: float, characters: int
    ) -> None:
        with self.database.write() as connection:
            record(
                connection,
                user_id=self.caller.user_id,
                kind=kind,
                status=status,
                params=params,
                result={"duration_s": duration_s},
                compute_s=compute_s,
                characters=characters,
            )


def _exceeded(used: int, allowed: int, unit: str, seconds: int) -> Problem:
    headers = {"Retry-After": str(seconds)}
    return Problem("quota_exceeded", used=used, allowed=allowed, unit=unit, seconds=seconds, headers=headers)
