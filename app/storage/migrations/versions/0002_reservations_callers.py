"""What a running job reserves; whose profiles are, and which one each user chose as the default of an engine."""

import json
import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    reservations = op.create_table(
        "reservations",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("job_id", sa.String(64), nullable=False),
    )
    op.create_index("ix_reservations_job", "reservations", ["job_id"])
    _reserve_voices_being_made(reservations)
    defaults = op.create_table(
        "default_profiles",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("engine", sa.String(64), primary_key=True),
        sa.Column("profile_id", sa.String(80), nullable=False),
    )
    _keep_defaults(defaults)
    with op.batch_alter_table("quality_profiles") as batch:
        batch.add_column(sa.Column("user_id", sa.String(64), nullable=False, server_default="local"))
        batch.drop_column("is_default")


def downgrade() -> None:
    with op.batch_alter_table("quality_profiles") as batch:
        batch.drop_column("user_id")
        batch.add_column(sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()))
    chosen = sa.text("SELECT engine, profile_id FROM default_profiles WHERE user_id = 'local'")
    for engine, profile_id in op.get_bind().execute(chosen).all():
        _mark_default(engine, profile_id)
    for table in ("default_profiles", "reservations"):
        op.drop_table(table)


def _reserve_voices_being_made(reservations: sa.Table) -> None:
    running = sa.text(
        "SELECT id, params FROM jobs WHERE kind = 'clone_voice' AND status IN ('pending', 'processing', 'paused')"
        " ORDER BY created_at"
    )
    taken: set[str] = set()
    for job_id, params in op.get_bind().execute(running).all():
        voice = (json.loads(params) if isinstance(params, str) else params).get("voice")
        if voice and voice not in taken:
            taken.add(voice)
            op.bulk_insert(reservations, [{"name": f"voice:{voice}", "job_id": job_id}])


def _keep_defaults(defaults: sa.Table) -> None:
    """A row without a name only marked that a built-in profile is the default."""
    chosen = op.get_bind().execute(sa.text("SELECT engine, id FROM quality_profiles WHERE is_default")).all()
    op.bulk_insert(defaults, [{"user_id": "local", "engine": engine, "profile_id": id_} for engine, id_ in chosen])
    op.execute("DELETE FROM quality_profiles WHERE name = ''")


def _mark_default(engine: str, profile_id: str) -> None:
    connection, values = op.get_bind(), {"id": profile_id, "engine": engine, "now": time.time()}
    marked = connection.execute(sa.text("UPDATE quality_profiles SET is_default = true WHERE id = :id"), values)
    if not marked.rowcount:
        connection.execute(
            sa.text(
                "INSERT INTO quality_profiles (id, name, description, engine, is_default, parameters, created_at,"
                " updated_at) VALUES (:id, '', '', :engine, true, '{}', :now, :now)"
            ),
            values,
        )
