"""What was used, by whom and when: rows that outlive the jobs they are of."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, String, case, column, func, insert, select, true, values

from app.callers import LOCAL, Caller
from app.storage.database import Database
from app.storage.tables import usage

DAY_S = 86400.0
STREAM = "stream"  # kind of what is spoken without a job
TRANSCRIPTION = "transcription"  # of what is written down without one
_RECORD = insert(usage)


@dataclass(frozen=True)
class VoiceUse:
    """How often a voice spoke, and when last."""

    count: int
    last_at: float | None


UNUSED = VoiceUse(0, None)


def record(
    connection: Connection,
    *,
    user_id: str,
    kind: str,
    status: str,
    params: Mapping[str, Any],
    result: Mapping[str, Any] | None = None,
    compute_s: float | None = None,
    characters: int | None = None,
) -> None:
    """One use, in the transaction that ends it; `params` and `result` as a job has them. `characters` None: those of
    the texts in `params`."""
    made = result or {}
    row = {
        "user_id": user_id,
        "kind": kind,
        "status": status,
        "engine": made.get("engine", params.get("engine")),
        "voice": made.get("voice", params.get("voice")),
        "language": made.get("language", params.get("language")),
        "profile_id": params.get("quality_profile_id"),
        "model_id": params.get("rvc_model_id"),
        "characters": _characters(params) if characters is None else characters,
        "duration_s": made.get("duration_s"),
        "compute_s": made.get("synthesis_s", compute_s),
        "created_at": time.time(),
    }
    connection.execute(_RECORD, row)


class UsageStore:
    """Figures of what `caller` may see: their own, an admin's of everybody."""

    def __init__(self, database: Database, caller: Caller = LOCAL) -> None:
        self._database = database
        self._caller = caller

    def of(self, caller: Caller) -> UsageStore:
        return UsageStore(self._database, caller)

    def per_day(self, days: int) -> list[dict[str, Any]]:
        """For each of the last `days` days (UTC, today the last): date and how many ended in which status."""
        today = datetime.now(UTC).date()
        first = today - timedelta(days=days - 1)
        since = datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()
        day = func.floor((usage.c.created_at - since) / DAY_S)
        is_job = usage.c.kind.not_in((STREAM, TRANSCRIPTION))
        query = select(day, usage.c.status, func.count()).where(self._scope(), is_job, usage.c.created_at >= since)
        counts: dict[tuple[int, str], int] = {}
        with self._database.read() as connection:
            for number, status, count in connection.execute(query.group_by(day, usage.c.status)):
                counts[int(number), status] = count
        return [_day(first, number, counts) for number in range(days)]

    def since(self, start: float) -> tuple[int, float]:
        """Characters that were spoken, and seconds of work, from a moment on."""
        spoken = func.sum(case((usage.c.status == "completed", usage.c.characters), else_=0))
        query = select(spoken, func.sum(usage.c.compute_s)).where(
            usage.c.user_id == self._caller.user_id, usage.c.created_at >= start
        )
        with self._database.read() as connection:
            characters, compute_s = connection.execute(query).one()
        return int(characters or 0), float(compute_s or 0.0)

    def pace(self) -> dict[str, tuple[float, float]]:
        """Engine to the seconds of work and of sound for a character, of all that was spoken here."""
        sums = (func.sum(usage.c.characters), func.sum(usage.c.compute_s), func.sum(usage.c.duration_s))
        spoken = (usage.c.status == "completed") & (usage.c.characters > 0) & usage.c.duration_s.is_not(None)
        query = select(usage.c.engine, *sums).where(self._scope(), spoken, usage.c.engine.is_not(None))
        with self._database.read() as connection:
            rows = connection.execute(query.group_by(usage.c.engine)).all()
        return {engine: ((work_s or 0.0) / count, (sound_s or 0.0) / count) for engine, count, work_s, sound_s in rows}

    def by(self, column: str) -> list[dict[str, Any]]:
        """For each value of `column` (engine, profile_id, model_id): completed uses, characters, seconds of sound and
        of work, the most used first."""
        key = usage.c[column]
        totals = (func.count(), func.sum(usage.c.characters), func.sum(usage.c.duration_s), func.sum(usage.c.compute_s))
        ended = usage.c.status == "completed"
        query = select(key, *totals).where(self._scope(), ended, key.is_not(None)).group_by(key)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(func.count().desc(), key)).all()
        names = ("name", "uses", "characters", "duration_s", "compute_s")
        return [dict(zip(names, row)) for row in rows]

    def by_voice(self, since: Mapping[str, float], kinds: Collection[str]) -> dict[str, VoiceUse]:
        """Of the voices in `since`, each from its moment on, those that spoke; `kinds` are the uses that count."""
        if not since:
            return {}
        spoken = (usage.c.status == "completed") & usage.c.kind.in_(kinds)
        query = select(usage.c.voice, func.count(), func.max(usage.c.created_at)).group_by(usage.c.voice)
        query = query.where(self._scope(), spoken)
        later = {voice: start for voice, start in since.items() if start > 0}
        found = [query.where(usage.c.voice.in_([voice for voice in since if voice not in later]))]
        if later:  # SQLAlchemy keeps no text of a statement with such a table, which takes it milliseconds
            known = (
                values(column("voice", String), column("since", Float), name="known").data(list(later.items())).cte()
            )
            is_its_own = (usage.c.voice == known.c.voice) & (usage.c.created_at >= known.c.since)
            found.append(query.join(known, is_its_own))
        with self._database.read() as connection:
            rows = [row for one in found for row in connection.execute(one)]
        return {voice: VoiceUse(count, last_at) for voice, count, last_at in rows}

    def _scope(self) -> ColumnElement[bool]:
        return true() if self._caller.is_admin else usage.c.user_id == self._caller.user_id


def _characters(params: Mapping[str, Any]) -> int:
    """Of several texts their number is told in `characters`."""
    return int(params.get("characters") or len(params.get("text") or ""))


def _day(first: date, number: int, counts: Mapping[tuple[int, str], int]) -> dict[str, Any]:
    statuses = {status: counts.get((number, status), 0) for status in ("completed", "failed", "cancelled")}
    return {"date": (first + timedelta(days=number)).isoformat(), "total": sum(statuses.values()), **statuses}
