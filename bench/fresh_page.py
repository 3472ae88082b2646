"""A person who has nothing yet, by the page alone: conversion is brought and a recording converted, then cloning.

`./run bench fresh_page [--keep FOLDER]` clones the checkout's HEAD into a temporary folder, starts `./run studio` there
with an empty home (it makes its own environment and brings the voice), and walks with Chromium: the Components page
brings conversion, whose progress is watched; the Convert page says a recording with another voice in the same service,
and the sound is decoded; the Clone page offers what it lacks, brings it and goes on at its first step. It prints and
writes to `results/fresh_page.json` the seconds of each, how many shares of progress were seen and how far it fell back.
It fails where a step does not come.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

from bench.record import write
from bench.servers import free_port
from speech.audio import load

ROOT = Path(__file__).parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
START_S, BRING_S, JOB_S = 1800.0, 2400.0, 600.0
LEAST_SHARES = 3  # of progress, that are seen on the way
SAID = "Bom dia, tudo bem com vocês? Esta gravação vai ser dita por outra voz."
CONVERSION, CLONING = "convert-kokoro", "cloning"
# Of a component's card in one look: what went wrong, percent, stage, whether it is here or the card has gone.
SEEN = """(selector) => {
  const card = document.querySelector(selector), bar = card?.querySelector("progress[value]");
  const told = (element) => element?.textContent.trim() ?? "";
  return [told(document.querySelector(".alert-danger")), bar ? Number(bar.getAttribute("value")) : null,
          told(card?.querySelector(".progress-stage")), !card || card.querySelector("[data-installed]") !== null];
}"""


def card_of(name: str) -> str:
    return f"[data-component={name}]"


class Walk:
    """One browser before one service; what it finds is in `figures`."""

    def __init__(self, page: Page, address: str, folder: Path) -> None:
        self.page, self.address, self.folder = page, address, folder
        self.figures: dict[str, Any] = {}

    def components(self) -> None:
        """The Components page brings conversion, and its progress moves."""
        self.page.goto(f"{self.address}/webui#/components")
        self.figures["conversion"] = self.bring(CONVERSION)

    def bring(self, name: str) -> dict[str, Any]:
        """By its card's button, until it says that it is here or is gone; the shares and stages that were seen."""
        started = time.monotonic()
        self.page.click(f"{card_of(name)} button.btn-primary", timeout=60_000)
        shares: list[float] = []
        stages: list[str] = []
        while time.monotonic() < started + BRING_S:
            alert, value, stage, is_done = self.page.evaluate(SEEN, card_of(name))
            if alert:
                raise SystemExit(alert)
            if value is not None and shares[-1:] != [value]:
                shares.append(value)
            if stage and stage not in stages:
                stages.append(stage)
            if is_done:
                back = max((before - after for before, after in pairwise(shares)), default=0.0)
                moved = {"shares_seen": len(shares), "largest_step_back": round(max(0.0, back), 1)}
                return {"seconds": round(time.monotonic() - started, 1), **moved, "stages_seen": stages}
            self.page.wait_for_timeout(200)
        raise SystemExit(f"{name} was not brought within {BRING_S:g} s")

    def convert(self, recording: Path) -> None:
        """The Convert page says `recording` with another voice; the sound is decoded."""
        self.page.goto(f"{self.address}/webui#/convert")
        self.page.set_input_files("#convert-file", recording)
        self.page.select_option("#convert-voice", "pm_alex")
        started = time.monotonic()
        self.page.click("#convert-form [type=submit]")
        heard = self.page.locator("#convert-result audio").nth(1)
        heard.wait_for(state="attached", timeout=JOB_S * 1000)
        made = self.folder / "converted.wav"
        made.write_bytes(fetched(f"{self.address}{heard.get_attribute('src')}"))
        sound = load(made)
        if not sound.duration_s > 0:
            raise SystemExit("the converted sound is empty")
        seconds = round(time.monotonic() - started, 1)
        self.figures["converted"] = {"seconds": seconds, "sound_s": round(sound.duration_s, 2)}

    def clone(self) -> None:
        """The Clone page offers what it lacks, brings it, and goes on at its first step."""
        self.page.goto(f"{self.address}/webui#/clone")
        self.page.wait_for_selector(".clone[data-step=lacking]", timeout=60_000)
        self.figures["cloning"] = self.bring(CLONING)
        self.page.wait_for_selector(".clone[data-step=record] form", timeout=60_000)


def fetched(url: str, body: Any = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}), timeout=JOB_S) as response:
        return bytes(response.read())


def spoken(address: str, path: Path) -> Path:
    """A recording of somebody: what the embedded voice says."""
    body = {"input": SAID, "model": "kokoro", "voice": "pf_dora", "response_format": "wav"}
    path.write_bytes(fetched(f"{address}/v1/audio/speech", body))
    return path


@contextmanager
def studio(checkout: Path, home: Path) -> Iterator[tuple[str, int]]:
    """The address of `./run studio` and the process id of the service, on a home where there is nothing."""
    port = free_port()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PAPAGAIO_", "PYTHON", "VIRTUAL"))
    }
    environment = kept | {"HOME": str(home), "PAPAGAIO_PORT": str(port)}
    with (home / "studio.log").open("wb") as log:
        command = [str(checkout / "run"), "studio"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        until_answers(f"http://127.0.0.1:{port}/", process, home / "studio.log")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(url, timeout=5).close()
            return
        except (URLError, TimeoutError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"the service did not come:\n{log.read_text(errors='replace')[-3000:]}")


def walk(folder: Path) -> dict[str, Any]:
    checkout, home = folder / "papagaio", folder / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(checkout)], check=True)
    started = time.monotonic()
    with studio(checkout, home) as (address, pid), sync_playwright() as playwright:
        start_s = round(time.monotonic() - started, 1)
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*OPTIONS])
        page = browser.new_context(locale="pt-BR", viewport={"width": 1280, "height": 800}).new_page()
        taken = Walk(page, address, folder)
        taken.components()
        taken.convert(spoken(address, folder / "said.wav"))
        taken.clone()
        page.screenshot(path=folder / "clone.png")
        browser.close()
        os.kill(pid, 0)  # the service that was started is the one that converted
    return {"first_start_s": start_s, **taken.figures}


def chromium() -> str:
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        raise SystemExit("no Chromium: ./run browser")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="a new folder for the checkout, its home and the sounds")
    options = parser.parse_args()
    with TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder: Path = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = walk(folder)
    if min(figures[name]["shares_seen"] for name in ("conversion", "cloning")) < LEAST_SHARES:
        raise SystemExit(f"the progress did not move: {figures}")
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    print(write("fresh_page", {"load_average": os.getloadavg(), **figures}))


if __name__ == "__main__":
    main()
