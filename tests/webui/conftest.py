"""A real service in its own process, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ContextManager, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from page_faults import Faults
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from speech.models import ModelStore

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No GPU, no network of its own, and sound without a real click first.
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # A microphone that hears beeps, and a person who allows it.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)
HERE = Path(__file__).parent
REHEARSING = str(HERE / "rehearsing_service.py")
START_S = 30.0
WAIT_MS = 20_000  # a busy machine is slow; a page that never shows it fails


def _missing(reason: str) -> NoReturn:
    if os.environ.get("PAPAGAIO_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def service(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `papagaio serve` on an empty data folder, with the engine of silence beside the embedded one."""
    with _serving(["-m", "app.cli", "serve"], models_dir, tmp_path_factory.mktemp("service")) as address:
        yield address


@pytest.fixture(scope="session")
def rehearsing(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same, but intake and fit are rehearsed."""
    with _serving([REHEARSING], models_dir, tmp_path_factory.mktemp("rehearsing")) as address:
        yield address


@pytest.fixture
def listening(models_dir: Path, tmp_path: Path) -> Iterator[str]:
    """The same, but only the fit is rehearsed."""
    with _serving([REHEARSING], models_dir, tmp_path, REAL_INTAKE="1") as address:
        yield address


@contextmanager
def _serving(command: Sequence[str], models_dir: Path, folder: Path, **more: str) -> Iterator[str]:
    if not ModelStore(models_dir).is_installed("bootstrap"):
        _missing("the page's style is not installed: papagaio models pull bootstrap")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
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


@contextmanager
def launched(playwright: Playwright, *options: str) -> Iterator[Browser]:
    """Chromium, with `options` beside the usual ones."""
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        _missing("Chromium is not installed: the page was not tested in a browser")
    browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_OPTIONS, *options])
    yield browser
    browser.close()


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
def xtts_page(models_dir: Path, xtts_tiny: Path, tmp_path: Path, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Speak page of a service with XTTS on random weights that stop soon."""
    from xtts_brief import write_brief

    folder = write_brief(xtts_tiny, tmp_path / "checkpoint", 6.0)
    more = {"PAPAGAIO_XTTS_DIR": str(folder), "PAPAGAIO_DEVICE": "cpu"}
    with _serving(["-m", "app.cli", "serve"], models_dir, tmp_path, **more) as address:
        with opened(browser, address, faults, "/webui") as page:
            page.wait_for_selector("#quality_profile_id")
            yield page


@contextmanager
def opened(browser: Browser, address: str, faults: Faults, path: str) -> Iterator[Page]:
    """A page for a Brazilian reader, that hears the service live."""
    context = browser.new_context(base_url=address, locale="pt-BR", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    page.on("console", faults.console)
    page.on("pageerror", lambda error: faults.found.append(str(error)))
    page.on("response", faults.answered)
    page.goto(path)
    page.wait_for_selector("[data-live=open]", state="attached")
    yield page
    context.close()
    assert faults.found == []
