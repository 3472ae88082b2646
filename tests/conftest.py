"""What every test may ask for: the real weights, fetched once by `./run test`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import Service, running

from app.settings import load_settings
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The model store of this user; tests never write to it."""
    return load_settings().models_path


@pytest.fixture(scope="session")
def model_store(models_dir: Path) -> ModelStore:
    """Skips, or fails when PAPAGAIO_REQUIRE_MODELS=1, while the embedded voice is not installed."""
    store = ModelStore(models_dir)
    missing = [name for name in ("kokoro-int8", "kokoro-voices") if not store.is_installed(name)]
    if missing:
        reason = f"weights not installed: papagaio models pull {' '.join(missing)}"
        pytest.fail(reason) if os.environ.get("PAPAGAIO_REQUIRE_MODELS") == "1" else pytest.skip(reason)
    return store


@pytest.fixture(scope="session")
def synthesizer(model_store: ModelStore) -> Iterator[Synthesizer]:
    """The real engines, kept loaded for the whole session."""
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root))
    yield synthesizer
    synthesizer.close()


@pytest.fixture(scope="session")
def xtts_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of XTTS-v2 in the hub's layout: seeded random weights, two layers of 64. Tests never write to it."""
    pytest.importorskip("torch")
    from bench.xtts_weights import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("xtts_tiny"), "tiny")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own that speaks with the engine of silence."""
    with running(tmp_path) as service:
        yield service
