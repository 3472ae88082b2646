"""A real service in its own process, and a real browser in front of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ContextManager
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from browsing import launched, opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from app.api.page_libraries import LIBRARIES
from speech.models import ModelStore

HERE = Path(__file__).parent
REHEARSING = str(HERE / "rehearsing_service.py")
START_S = 90.0


@pytest.fixture(scope="session")
def style_dir(installed: Callable[..., ModelStore]) -> Path:
    """The model store, with what the page is drawn with."""
    return installed(*LIBRARIES).root


@pytest.fixture(scope="session")
def service(style_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `papagaio serve` on an empty data folder, with the engine of silence beside the embedded one."""
    with _serving(["-m", "app.cli", "serve"], style_dir, tmp_path_factory.mktemp("service")) as address:
        yield address


@pytest.fixture(scope="session")
def rehearsing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `rehearsing` has its data folder."""
    return tmp_path_factory.mktemp("rehearsing")


@pytest.fixture(scope="session")
def rehearsing(style_dir: Path, rehearsing_folder: Path) -> Iterator[str]:
    """The same, but intake and fit are rehearsed."""
    with _serving([REHEARSING], style_dir, rehearsing_folder) as address:
        yield address


@pytest.fixture
def listening(style_dir: Path, tmp_path: Path) -> Iterator[str]:
    """The same, but only the fit is rehearsed."""
    with _serving([REHEARSING], style_dir, tmp_path, REAL_INTAKE="1") as address:
        yield address


@pytest.fixture
def serve_at(style_dir: Path, tmp_path: Path) -> Callable[[int], ContextManager[str]]:
    """Starts `papagaio serve` on a port of one's choice, again and again on the same data."""
    return lambda port: _serving(["-m", "app.cli", "serve"], style_dir, tmp_path, port)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _serving(
    command: Sequence[str], models_dir: Path, folder: Path, port: int | None = None, **more: str
) -> Iterator[str]:
    port = port or free_port()
    environment = os.environ | {
        "PAPAGAIO_DATA_DIR": str(folder / "data"),
        "PAPAGAIO_MODELS_DIR": str(models_dir),
        "PAPAGAIO_PORT": str(port),
        "PAPAGAIO_DEFAULT_ENGINE": "silence",
        "PAPAGAIO_EXTRA_ENGINES": '{"silence": "speech.engines.silence:Silence"}',
        "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent / "app", HERE.parents[1]))),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], env=environment | more, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as browser:
        yield browser


@pytest.fixture
def hearing(playwright: Playwright) -> Callable[[Path], ContextManager[Browser]]:
    """A browser whose microphone hears a WAV file, over and over."""
    return lambda path: launched(playwright, f"--use-file-for-fake-audio-capture={path}")


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def page(service: str, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Speak page for a Brazilian reader. Afterwards nothing may be in `faults`: no error, no breach of the CSP."""
    with opened(browser, service, faults, "/webui") as page:
        page.wait_for_selector("#quality_profile_id")
        yield page


@pytest.fixture
def clone_page(rehearsing: str, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Clone page of a service that rehearses, and the same promise."""
    with opened(browser, rehearsing, faults, "/webui#/clone?new=1") as page:
        page.wait_for_selector("[data-record]")
        yield page


@pytest.fixture
def sharing(style_dir: Path, tmp_path: Path) -> Callable[[str], ContextManager[str]]:
    """Starts `papagaio serve` for pages of an origin."""
    command = ["-m", "app.cli", "serve"]
    return lambda origin: _serving(command, style_dir, tmp_path, PAPAGAIO_ALLOWED_ORIGINS=f'["{origin}"]')


@pytest.fixture
def reaching_page(style_dir: Path, tmp_path: Path, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Speak page of a service whose links may lead to this machine."""
    more = {"PAPAGAIO_FETCH_PRIVATE_HOSTS": '["127.0.0.1"]'}
    with _serving(["-m", "app.cli", "serve"], style_dir, tmp_path, **more) as address:
        with opened(browser, address, faults, "/webui") as page:
            yield page


@pytest.fixture
def xtts_page(style_dir: Path, xtts_tiny: Path, tmp_path: Path, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Speak page of a service with XTTS on random weights that stop soon."""
    from xtts_brief import write_brief

    folder = write_brief(xtts_tiny, tmp_path / "checkpoint", 6.0)
    more = {"PAPAGAIO_XTTS_DIR": str(folder), "PAPAGAIO_DEVICE": "cpu"}
    with _serving(["-m", "app.cli", "serve"], style_dir, tmp_path, **more) as address:
        with opened(browser, address, faults, "/webui") as page:
            page.wait_for_selector("#quality_profile_id")
            yield page


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """axe-core by npm; without it the test is skipped."""
    folder = tmp_path_factory.mktemp("axe")
    command = [
        "npm",
        "install",
        "--prefix",
        str(folder),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "axe-core@4.14.1",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"axe-core is not to be had: {error}")
    return folder / "node_modules" / "axe-core" / "axe.min.js"
