"""A migrated database for tests: the schema is made once a process, and then copied."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.storage.database import Database

NAME = "papagaio.db"  # as app.settings has it


@cache
def _schema() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / NAME
        database = Database(f"sqlite:///{file}")
        database.migrate()
        database.close()
        return file.read_bytes()


def lay_schema(folder: Path) -> Path:
    """The database of a data folder, with all tables; one that is there stays as it is."""
    file = folder / NAME
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_schema())
    return file
