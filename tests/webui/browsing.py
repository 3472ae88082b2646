"""Chromium, and a page in it that a test opens."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from page_faults import Faults
from playwright.sync_api import Browser, Page, Playwright, expect

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
# What axe-core finds against WCAG 2.1 A and AA on the page that is shown, as lines.
AXE = """() => axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
  .then(({violations}) => violations.map(({id, nodes}) => `${id}: ${nodes.map(({target}) => target).join(" | ")}`))"""
WAIT_MS = 20_000  # a busy machine is slow; a page that never shows it fails
RUN = Path(__file__).parents[2] / "run"


def chromium() -> str:
    """Where it is. `./run test` (PAPAGAIO_TEST_INSTALL=1) installs it; else the test is skipped, or it fails where
    PAPAGAIO_REQUIRE_BROWSER=1.
    """
    if not _chromium() and os.environ.get("PAPAGAIO_TEST_INSTALL") == "1":
        subprocess.run([str(RUN), "browser"], stdin=subprocess.DEVNULL)
    path = _chromium()
    if path is None:
        reason = "Chromium is not installed: the page was not tested in a browser"
        pytest.fail(reason) if os.environ.get("PAPAGAIO_REQUIRE_BROWSER") == "1" else pytest.skip(reason)
    return path


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


@contextmanager
def launched(playwright: Playwright, *options: str) -> Iterator[Browser]:
    """Chromium, with `options` beside the usual ones."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=[*CHROMIUM_OPTIONS, *options])
    yield browser
    browser.close()


@contextmanager
def opened(browser: Browser, address: str, faults: Faults, path: str, locale: str = "pt-BR") -> Iterator[Page]:
    """A page for a reader, by default a Brazilian one, that hears the service live."""
    # Without the worker that keeps the page: tests answer some requests in its stead.
    context = browser.new_context(
        base_url=address, locale=locale, viewport={"width": 1280, "height": 800}, service_workers="block"
    )
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
    assert faults.found == [], faults.found


def add_job(page: Page, text: str) -> str:
    """A text given to the engine of silence by another client; the job's id."""
    form: dict[str, str | float | bool] = {
        "text": text,
        "source_language": "pt-BR",
        "mode": "dubbing",
        "tts_engine": "silence",
    }
    return str(page.request.post("/jobs", form=form).json()["id"])


def open_from_menu(page: Page, name: str) -> None:
    """A page whose link stands in one of the bar's menus."""
    link = f"nav .dropdown-menu a[href='#/{name}']"
    page.click(f"nav .dropdown:has(a[href='#/{name}']) > button")
    page.click(link)


def until(page: Page, selector: str, condition: str) -> None:
    """Wait for `condition` of the element; Playwright's own wait evaluates text in the page, which its CSP forbids."""
    deadline = time.monotonic() + 15
    while not page.eval_on_selector(selector, condition):
        assert time.monotonic() < deadline, f"never true of {selector}: {condition}"
        page.wait_for_timeout(50)
