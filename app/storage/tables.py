"""The tables. Times are float seconds since the epoch, UTC; NULL where not yet."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("queue", String(32), nullable=False),
    Column("warm_key", String(200), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("params", JSON, nullable=False),
    Column("result", JSON(none_as_null=True)),
    Column("error", JSON(none_as_null=True)),
    Column("progress", Float, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("ttl_s", Float, nullable=False),
    Column("cancel_requested_at", Float),
    Column("pause_requested_at", Float),
    Column("lease_token", String(32)),  # of the running attempt; after completion of the one whose files count
    Column("lease_until", Float),
    Column("worker_id", String(64)),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("completed_at", Float),
    Column("expires_at", Float),
    Index("ix_jobs_claim", "status", "lease_until", "created_at"),
    Index("ix_jobs_listing", "created_at", "id"),
    Index("ix_jobs_expiry", "expires_at"),
    Index("ix_jobs_worker", "worker_id", "status"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_job_events_job", "job_id", "id"),
    sqlite_autoincrement=True,  # an id never comes back, so that "after the last I saw" stays true after deletions
)

# What only one job at a time may make, such as the voice of a name; released with the job.
reservations = Table(
    "reservations",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("job_id", String(64), nullable=False),
    Index("ix_reservations_job", "job_id"),
)

quality_profiles = Table(
    "quality_profiles",
    metadata,
    Column("id", String(80), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("engine", String(64), nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("user_id", String(64), nullable=False, server_default="local"),
    Index("ix_quality_profiles_engine", "engine", "name"),
)

# The profile, built-in or custom, that a user's requests without one get.
default_profiles = Table(
    "default_profiles",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("engine", String(64), primary_key=True),
    Column("profile_id", String(80), nullable=False),
)
