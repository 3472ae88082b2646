"""Take the README's picture of the Speak page.

`python tests/webui/screenshot.py http://127.0.0.1:8005 docs/images/speak.png`.
Needs a running service with the embedded voice, and Chromium.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
TEXT = "The parrot learns one word a day, and at night it tells them all. Whoever listens calmly learns them too."


def take(address: str, path: Path) -> None:
    """A light picture of 1280 x 800 pixels, after the text was spoken to its end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="en-US", color_scheme="light")
        page.goto(f"{address}/webui")
        page.wait_for_selector("#quality_profile_id")
        page.wait_for_selector("[data-live=open]", state="attached")
        page.fill("#text", TEXT)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector(".result[data-status=completed] [data-hear]", timeout=120_000)
        page.wait_for_selector(".player[data-player=ended]", timeout=120_000)
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
