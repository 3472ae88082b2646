"""Take the documents' pictures of the page.

`python tests/webui/screenshot.py http://127.0.0.1:8005 docs/images [PAGE …]`, of all pages where none is named. Needs a
running service with the embedded voice, and Chromium. What is shown is what the service has: speak, make a voice and a
dataset before.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from browsing import launched
from playwright.sync_api import Page, sync_playwright

# File to the page's address; `speak` is spoken first, so that there is something to see.
PAGES = {
    "speak": "speak",
    "jobs": "jobs",
    "voices": "voices",
    "clone": "clone",
    "training-dataset": "training/dataset",
    "training": "training/training",
    "dashboard": "dashboard",
    "components": "components",
}
WIDTH, HEIGHT = 1280, 800  # pixels
SETTLE_MS = 4000  # until what is asked for after a page is drawn is there
TEXT = "The parrot learns one word a day, and at night it tells them all. Whoever listens calmly learns them too."


def take(address: str, folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """A light picture of each page in English, as PNG. Raises KeyError for a page that is not known."""
    made = []
    with sync_playwright() as playwright, launched(playwright) as browser:
        size = {"width": WIDTH, "height": HEIGHT}
        page = browser.new_page(viewport=size, locale="en-US", color_scheme="light", reduced_motion="reduce")
        for name in names or PAGES:
            page.goto(f"{address}/webui#/{PAGES[name]}")
            page.reload()
            page.wait_for_selector("[data-live=open]", state="attached")
            page.wait_for_selector("main h1")
            page.wait_for_function("() => !document.querySelector('main .spinner-border, main [aria-busy=true]')")
            if name == "speak":
                _speak(page)
            page.wait_for_timeout(SETTLE_MS)
            page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
            made.append(folder / f"{name}.png")
            page.screenshot(path=made[-1])
    return made


def _speak(page: Page) -> None:
    page.wait_for_selector("#quality_profile_id")
    page.fill("#text", TEXT)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".result[data-status=completed] [data-hear]", timeout=120_000)
    page.wait_for_selector(".player[data-player=ended]", timeout=120_000)


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"), Path(sys.argv[2]), sys.argv[3:])
