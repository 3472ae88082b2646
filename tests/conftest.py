"""What the tests of all rooms share, beside the weights of the outer `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from api_service import Service, running


@pytest.fixture(scope="session")
def xtts_tiny(made_once: Callable[..., Path]) -> Path:
    """A folder of XTTS-v2 in the hub's layout: seeded random weights, two layers of 64. Tests never write to it."""
    pytest.importorskip("torch")
    from bench.xtts_weights import write_checkpoint

    return made_once("xtts_tiny", lambda folder: write_checkpoint(folder, "tiny"))


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


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own that speaks with the engine of silence."""
    with running(tmp_path) as service:
        yield service
