from collections.abc import Iterator
from pathlib import Path

import pytest
from migrated import lay_schema

from app.storage.database import Database
from app.storage.files import Files


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A migrated SQLite file of its own."""
    database = Database(f"sqlite:///{lay_schema(tmp_path)}")
    yield database
    database.close()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "jobs")
