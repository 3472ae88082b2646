"""A real service in its own process, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from page_faults import Faults
from playwright.sync_api import Browser, Page, sync_playwright

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
)
START_S = 30.0


def _missing(reason: str) -> NoReturn:
    if os.environ.get("PAPAGAIO_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def service(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `papagaio serve` on an empty data folder, with the engine of silence beside the embedded one."""
    if not ModelStore(models_dir).is_installed("bootstrap"):
        _missing("the page's style is not installed: papagaio models pull bootstrap")
    folder = tmp_path_factory.mktemp("service")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "PAPAGAIO_DATA_DIR": str(folder / "data"),
        "PAPAGAIO_MODELS_DIR": str(models_dir),
        "PAPAGAIO_PORT": str(port),
        "PAPAGAIO_DEFAULT_ENGINE": "silence",
        "PAPAGAIO_EXTRA_ENGINES": '{"silence": "speech.engines.silence:Silence"}',
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "app.cli", "serve"], env=environment, stdout=log, stderr=log)
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
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        _missing("Chromium is not installed: the page was not tested in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def page(service: str, browser: Browser, faults: Faults) -> Iterator[Page]:
    """The Speak page for a Brazilian reader. Afterwards nothing may be in `faults`: no error, no breach of the CSP."""
    context = browser.new_context(base_url=service, locale="pt-BR", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", faults.console)
    page.on("pageerror", lambda error: faults.found.append(str(error)))
    page.on("response", faults.answered)
    page.goto("/webui")
    page.wait_for_selector("#quality_profile_id")
    page.wait_for_selector("[data-live=open]", state="attached")
    yield page
    context.close()
    assert faults.found == []
