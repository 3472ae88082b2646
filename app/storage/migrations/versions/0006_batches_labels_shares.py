"""Batches of jobs, what somebody calls a voice, and links by which it is heard without an account."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_batches_user", "batches", ["user_id", "created_at"])
    op.create_table(
        "batch_rows",
        sa.Column("batch_id", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
    )
    op.create_index("ix_batch_rows_job", "batch_rows", ["job_id"])
    op.create_table(
        "voice_labels",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("voice_id", sa.String(80), primary_key=True),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("category", sa.String(16)),
    )
    op.create_table(
        "share_links",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("voice_id", sa.String(80), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("revoked_at", sa.Float),
    )
    op.create_index("ix_share_links_voice", "share_links", ["user_id", "voice_id"])


def downgrade() -> None:
    for table in ("share_links", "voice_labels", "batch_rows", "batches"):
        op.drop_table(table)
