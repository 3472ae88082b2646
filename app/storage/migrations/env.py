"""Run by Alembic, with the connection that `Database.migrate` hands over; one transaction around all steps."""

from alembic import context

from app.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
