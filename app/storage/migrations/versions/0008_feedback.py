"""What people say of working with the service."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("page", sa.String(32)),
        sa.Column("given_at", sa.Float, nullable=False),
    )
    op.create_index("ix_feedback_time", "feedback", ["given_at"])


def downgrade() -> None:
    op.drop_table("feedback")
