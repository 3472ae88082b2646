"""Votes on what was spoken; they outlive the jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "job_ratings",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("job_id", sa.String(64), primary_key=True),
        sa.Column("profile_id", sa.String(80)),
        sa.Column("stars", sa.Integer, nullable=False),
        sa.Column("rated_at", sa.Float, nullable=False),
    )
    op.create_index("ix_job_ratings_profile", "job_ratings", ["profile_id"])


def downgrade() -> None:
    op.drop_table("job_ratings")
