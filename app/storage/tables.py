"""The tables. Times are float seconds since the epoch, UTC; NULL where not yet."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

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

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("name_key", String(64), nullable=False, unique=True),  # casefolded: names that look the same are one
    Column("role", String(16), nullable=False),
    Column("password", String(200), nullable=False),  # Argon2id
    Column("version", Integer, nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    Column("characters_per_day", Integer),
    Column("compute_s_per_day", Float),
    Column("created_at", Float, nullable=False),
    Column("signed_in_at", Float),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("secret", String(64), nullable=False),  # SHA-256
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
    Index("ix_api_keys_user", "user_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("family", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),  # page or refresh
    Column("secret", String(64), nullable=False),  # SHA-256
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float),
    Column("revoked_at", Float),
    Index("ix_sessions_family", "family"),
    Index("ix_sessions_user", "user_id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target", String(200), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    sqlite_autoincrement=True,
)

# What was done, for figures and quotas; it outlives the jobs.
usage = Table(
    "usage",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("kind", String(64), nullable=False),  # of the job, or "stream"
    Column("status", String(16), nullable=False),
    Column("engine", String(64)),
    Column("voice", String(80)),
    Column("language", String(35)),
    Column("profile_id", String(80)),
    Column("model_id", String(80)),  # of a converter, such as an RVC model
    Column("characters", Integer, nullable=False),
    Column("duration_s", Float),  # of the sound
    Column("compute_s", Float),
    Column("created_at", Float, nullable=False),
    Index("ix_usage_time", "created_at"),
    Index("ix_usage_user", "user_id", "created_at"),
)
# The pronunciation dictionary: speech.text.dictionary.Entry, an entry a row; empty language or voice means every one.
pronunciations = Table(
    "pronunciations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user_id", String(64), nullable=False),
    Column("written", String(200), nullable=False),
    Column("spoken", String(400), nullable=False),
    Column("phonemes", String(400), nullable=False),
    Column("language", String(35), nullable=False),
    Column("voice", String(80), nullable=False),
    Column("is_pattern", Boolean, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("ix_pronunciations_same", "user_id", "written", "language", "voice", "is_pattern", unique=True),
    sqlite_autoincrement=True,
)

# Models of RVC; their files lie in `Settings.rvc_path`, a folder each.
rvc_models = Table(
    "rvc_models",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", String(500), nullable=False),
    Column("pth_file", String(200), nullable=False),  # what the uploaded files were called
    Column("index_file", String(200)),
    Column("size_bytes", Integer, nullable=False),  # of the uploaded files
    Column("verdict", JSON, nullable=False),  # speech.engines.rvc.intake.Verdict
    Column("checked_at", Float, nullable=False),
    Column("rating", Integer),  # 1 to 5, by its owner
    Column("review", Text),
    Column("created_at", Float, nullable=False),
    Index("ix_rvc_models_name", "user_id", "name", unique=True),
)

# Each accepted request that converts into a model.
rvc_uses = Table(
    "rvc_uses",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("model_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("purpose", String(16), nullable=False),  # job, conversion or preview
    Column("used_at", Float, nullable=False),
    Index("ix_rvc_uses_model", "model_id", "used_at"),
)

# Jobs that were asked for together; a row's job is another one after it was tried again.
batches = Table(
    "batches",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("title", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_batches_user", "user_id", "created_at"),
)
batch_rows = Table(
    "batch_rows",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the row that was sent, from 1
    Column("name", String(100), nullable=False),  # of its file, without the ending
    Column("job_id", String(64), nullable=False),
    Index("ix_batch_rows_job", "job_id"),
)

# What a user calls a voice, stock or their own.
voice_labels = Table(
    "voice_labels",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("voice_id", String(80), primary_key=True),
    Column("tags", JSON, nullable=False),
    Column("category", String(16)),
)

# Links by which a voice, or a sound by its name, is heard without an account; the signed text is nowhere kept.
share_links = Table(
    "share_links",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("voice_id", String(80), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked_at", Float),
    Index("ix_share_links_voice", "user_id", "voice_id"),
)

# What somebody voted on what was spoken; it outlives the jobs.
job_ratings = Table(
    "job_ratings",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("job_id", String(64), primary_key=True),
    Column("profile_id", String(80)),
    Column("stars", Integer, nullable=False),  # 1 to 5
    Column("rated_at", Float, nullable=False),
    Index("ix_job_ratings_profile", "profile_id"),
)

# What somebody said of working with the service, a row each time.
feedback = Table(
    "feedback",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("score", Integer, nullable=False),  # 1 to 10
    Column("comment", Text),
    Column("page", String(32)),  # of the web page, that it is about
    Column("given_at", Float, nullable=False),
    Index("ix_feedback_time", "given_at"),
)
