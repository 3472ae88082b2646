"""Models of RVC, and each use of one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "rvc_models",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("pth_file", sa.String(200), nullable=False),
        sa.Column("index_file", sa.String(200)),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("verdict", sa.JSON, nullable=False),
        sa.Column("checked_at", sa.Float, nullable=False),
        sa.Column("rating", sa.Integer),
        sa.Column("review", sa.Text),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_rvc_models_name", "rvc_models", ["user_id", "name"], unique=True)
    op.create_table(
        "rvc_uses",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("model_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("used_at", sa.Float, nullable=False),
    )
    op.create_index("ix_rvc_uses_model", "rvc_uses", ["model_id", "used_at"])


def downgrade() -> None:
    for table in ("rvc_uses", "rvc_models"):
        op.drop_table(table)
