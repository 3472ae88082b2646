"""The pronunciation dictionary, an entry a row."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "pronunciations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("written", sa.String(200), nullable=False),
        sa.Column("spoken", sa.String(400), nullable=False),
        sa.Column("phonemes", sa.String(400), nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
        sa.Column("voice", sa.String(80), nullable=False),
        sa.Column("is_pattern", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    same = ["user_id", "written", "language", "voice", "is_pattern"]
    op.create_index("ix_pronunciations_same", "pronunciations", same, unique=True)


def downgrade() -> None:
    op.drop_table("pronunciations")
