"""What a job is."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from app.jobs.kinds import KINDS

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

STATUSES = ("pending", "processing", "paused", "completed", "failed", "cancelled")
ENDED = ("completed", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One row as it was when read. Times: float seconds since the epoch, UTC; None where not yet."""

    id: str
    kind: str
    status: str  # one of STATUSES
    queue: str
    warm_key: str  # what must be in memory to run it; "" when nothing
    user_id: str
    params: Mapping[str, Any]
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None  # {"code": of the catalogue, "values": that fill its text}
    progress: float  # 0 to 100
    attempt: int  # times it was started
    max_attempts: int
    cancel_requested_at: float | None
    pause_requested_at: float | None
    lease_token: str | None
    lease_until: float | None
    worker_id: str | None
    created_at: float
    started_at: float | None
    completed_at: float | None  # when it ended, in whichever way
    expires_at: float | None

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def can_pause(self) -> bool:
        return self.kind in KINDS and KINDS[self.kind].can_pause and not self.is_ended

    @property
    def makes_sound(self) -> bool:
        return self.kind in KINDS and KINDS[self.kind].makes_sound

    @classmethod
    def of(cls, row: RowMapping) -> Job:
        return cls(**{field.name: row[field.name] for field in fields(cls)})


def new_job_id() -> str:
    return f"job_{secrets.token_hex(6)}"
