"""Jobs, their events, and quality profiles."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_jobs()
    _create_job_events()
    _create_quality_profiles()


def downgrade() -> None:
    for table in ("quality_profiles", "job_events", "jobs"):
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("queue", sa.String(32), nullable=False),
        sa.Column("warm_key", sa.String(200), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("max_attempts", sa.Integer, nullable=False),
        sa.Column("ttl_s", sa.Float, nullable=False),
        sa.Column("cancel_requested_at", sa.Float),
        sa.Column("pause_requested_at", sa.Float),
        sa.Column("lease_token", sa.String(32)),
        sa.Column("lease_until", sa.Float),
        sa.Column("worker_id", sa.String(64)),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("completed_at", sa.Float),
        sa.Column("expires_at", sa.Float),
    )
    op.create_index("ix_jobs_claim", "jobs", ["status", "lease_until", "created_at"])
    op.create_index("ix_jobs_listing", "jobs", ["created_at", "id"])
    op.create_index("ix_jobs_expiry", "jobs", ["expires_at"])
    op.create_index("ix_jobs_worker", "jobs", ["worker_id", "status"])


def _create_job_events() -> None:
    op.create_table(
        "job_events",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_events_job", "job_events", ["job_id", "id"])


def _create_quality_profiles() -> None:
    op.create_table(
        "quality_profiles",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("engine", sa.String(64), nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_index("ix_quality_profiles_engine", "quality_profiles", ["engine", "name"])
