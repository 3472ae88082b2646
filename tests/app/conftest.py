from collections.abc import Iterator
from pathlib import Path

import pytest

from app.storage.database import Database
from app.storage.files import Files


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite file of its own."""
    database = Database(f"sqlite:///{tmp_path / 'papagaio.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "jobs")
