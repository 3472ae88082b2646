"""What every test may ask for, here for `tests/` and `train/test/` alike: weights, and things made once for all.

`--quick` leaves out what computes with weights, real or random, and what needs a browser or a service in a process of
its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from app.settings import load_settings
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions

EMBEDDED_VOICE = ("kokoro-int8", "kokoro-voices")
# Whoever asks for the fixture, directly or through another one, has the marker.
TINY = ("xtts_tiny", "f5_tiny", "rvc_tiny", "pocket_tiny")
MARKED_BY_FIXTURE = {"installed": "models", "browser": "browser"} | dict.fromkeys(TINY, "networks")
LEFT_OUT_OF_QUICK = frozenset({"models", "networks", "browser", "processes", "slow"})
# `make(folder)` fills an empty folder.
MakeOnce = Callable[[str, Callable[[Path], object]], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    names = ", ".join(sorted(LEFT_OUT_OF_QUICK))
    parser.addoption("--quick", action="store_true", help=f"leave out the tests that are marked {names}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for fixture, marker in MARKED_BY_FIXTURE.items():
            if fixture in fixtures:
                item.add_marker(marker)
    if config.getoption("--quick"):
        slow = [item for item in items if LEFT_OUT_OF_QUICK & {mark.name for mark in item.iter_markers()}]
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in set(slow)]
    _slowest_files_first(items)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Byte code of what tests wrote is of no use to the next ones."""
    if sys.pycache_prefix and "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(sys.pycache_prefix + tempfile.gettempdir(), ignore_errors=True)


def _slowest_files_first(items: list[pytest.Item]) -> None:
    """So that side by side no process is left with one long file while the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def missing(reason: str) -> NoReturn:
    """Skip, or fail where nothing may be skipped."""
    if os.environ.get("PAPAGAIO_REQUIRE_MODELS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The model store of this user; tests never write to it."""
    return load_settings().models_path


@pytest.fixture(scope="session")
def installed(models_dir: Path) -> Callable[..., ModelStore]:
    """`installed("whisper-base", …)` is the model store with these weights in it.

    `./run test` (PAPAGAIO_TEST_INSTALL=1) brings what is missing. Else the test is skipped, or it fails where
    PAPAGAIO_REQUIRE_MODELS=1.
    """
    store = ModelStore(models_dir)

    def ask(*names: str) -> ModelStore:
        lacking = [name for name in names if not store.is_installed(name)]
        command = ["-m", "app.cli", "models", "pull", *lacking]
        if lacking and os.environ.get("PAPAGAIO_TEST_INSTALL") == "1":
            subprocess.run([sys.executable, *command], stdin=subprocess.DEVNULL)
        if not all(map(store.is_installed, names)):
            missing(f"weights not installed: papagaio models pull {' '.join(lacking)}")
        return store

    return ask


@pytest.fixture(scope="session")
def model_store(installed: Callable[..., ModelStore]) -> ModelStore:
    """With the embedded voice."""
    return installed(*EMBEDDED_VOICE)


@pytest.fixture(scope="session")
def synthesizer(model_store: ModelStore) -> Iterator[Synthesizer]:
    """The real engines, kept loaded for the whole session."""
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root))
    yield synthesizer
    synthesizer.close()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """`made_once(name, make)` is a folder filled by the first process that asks; the others wait for it.

    Tests never write to it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def once(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = shared / f"shared-{name}", shared / f"shared-{name}.done"
        with (shared / f"shared-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return once


@pytest.fixture(scope="session")
def xtts_tiny(made_once: MakeOnce) -> Path:
    """A folder of XTTS-v2 in the hub's layout: seeded random weights, two layers of 64. Tests never write to it."""
    pytest.importorskip("torch")
    from bench.xtts_weights import write_checkpoint

    return made_once("xtts_tiny", lambda folder: write_checkpoint(folder, "tiny"))
