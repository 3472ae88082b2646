"""The Dataset tab as a person uses it: from a link to a dataset, clips mended on the way. Rows 6.1-1 to 6.1-22."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from browsing import opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.tasks.dataset_service import MODELS
from app.texts import catalogue
from conftest import _serving
from speech.audio import Audio, join, resample, save
from speech.models import ModelStore
from speech.synthesis import Synthesizer

PT = catalogue("pt-BR")
pytestmark = [pytest.mark.browser, pytest.mark.models]
TEXTS = (
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho que toda a vizinhança pedia.",
    "As ondas batiam com força nas pedras perto do farol.",
)
JOB_MS = 180_000  # three models are loaded by a new process, on two busy cores


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def link(tmp_path: Path, synthesizer: Synthesizer) -> Iterator[str]:
    """The address of most of a minute of speech."""
    pause = Audio(np.random.default_rng(0).normal(0, 3e-4, 14400).astype(np.float32), 24000)
    spoken = []
    for text in TEXTS:
        plan = synthesizer.plan(text, engine="kokoro", language="pt-BR", voice="pf_dora")
        spoken.append(join(synthesizer.speak(plan)))
    slower = [resample(Audio(each.samples, 22600), 24000) for each in spoken]  # said again, not a copy
    parts = [pause, *(part for each in (*spoken, *slower) for part in (each, pause))]
    folder = tmp_path / "site"
    folder.mkdir()
    save(join(parts), folder / "talk.wav")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/talk.wav"
    server.shutdown()
    server.server_close()


@pytest.fixture
def dataset_page(
    installed: Callable[..., ModelStore], style_dir: Path, tmp_path: Path, browser: Browser, faults: Faults
) -> Iterator[Page]:
    installed(*MODELS)
    hosts = {"PAPAGAIO_DATASET_HOSTS": '["127.0.0.1"]'}
    with _serving(["-m", "app.cli", "serve"], style_dir, tmp_path, **hosts) as address:
        with opened(browser, address, faults, "/webui#/training/dataset") as page:
            page.wait_for_selector("#section-training #tab-dataset [data-queue]")
            yield page


def done(page: Page, stage: str) -> None:
    page.locator(f"[data-stage={stage}]").click()
    expect(page.locator("[data-job-status=completed]")).to_be_visible(timeout=JOB_MS)


def figure(page: Page, name: str) -> int:
    return int(page.locator(f"[data-figure={name}]").inner_text())


@pytest.mark.slow
def test_from_a_link_to_a_dataset(link: str, dataset_page: Page, faults: Faults) -> None:
    """With yt-dlp, Silero, Whisper and the speaker encoder themselves: a minute on idle cores."""
    page = dataset_page
    assert page.locator("#trainingTabs .nav-link.active").get_attribute("data-tab") == "dataset"
    page.fill("#youtube_url", "https://example.org/x")
    page.locator("[data-add]").click()
    expect(page.locator("[data-problem] .alert")).to_contain_text("127.0.0.1")
    faults.expect("422 POST /training/dataset/queue")
    page.fill("#youtube_url", link)
    page.fill("#name", "Aula")
    page.locator("[data-add]").click()
    expect(page.locator("[data-queue] tr[data-row=Aula]")).to_be_visible()
    page.reload()
    expect(page.locator("[data-queue] tr[data-row=Aula]")).to_be_visible()
    done(page, "download")
    expect(page.locator("[data-figure=recordings]")).to_have_text("1")
    page.locator("[data-stage=segment]").click()
    page.reload()  # in the middle: nothing is lost
    expect(page.locator("[data-figure=segments]")).not_to_have_text("0", timeout=JOB_MS)
    expect(page.locator("[data-stage=transcribe]")).to_be_enabled(timeout=JOB_MS)
    done(page, "transcribe")
    expect(page.locator("[data-figure=transcriptions]")).not_to_have_text("0")
    clips = figure(page, "transcriptions")
    assert clips >= 3
    rows = page.locator("[data-samples] tr[data-row]")
    for index in (0, 1):
        box = rows.nth(index).locator("textarea")
        box.fill(f"texto mudado {index}")
        box.blur()
        expect(page.locator("[data-undo]")).to_be_enabled()
        expect(rows.nth(index).locator("textarea")).to_have_value(f"texto mudado {index}")
    rows.nth(2).locator("[data-action=open]").click()
    page.locator("[data-split='3']").click()
    expect(page.locator("[data-total]")).to_have_attribute("data-total", str(clips + 1))
    rows.nth(0).locator(".actions button").first.focus()
    page.keyboard.press("d")
    expect(rows.nth(0)).to_have_attribute("data-decision", "drop")
    page.keyboard.press("Control+z")
    expect(rows.nth(0)).not_to_have_attribute("data-decision", "drop")
    page.locator("[data-filter=text]").fill("mudado 1")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", "1")
    page.locator("[data-filter=text]").fill("")
    expect(page.locator("[data-total]")).to_have_attribute("data-total", str(clips + 1))
    done(page, "build")
    expect(page.locator("[data-figure=samples]")).not_to_have_text("0")
    assert figure(page, "samples") >= clips - 1
    page.locator("[data-stage=stats]").click()
    expect(page.locator("[data-stats]")).to_be_visible()
    page.click("[data-queue] tr[data-row=Aula] [data-action=remove]")
    expect(page.locator("dialog")).to_contain_text(PT["page.dataset.remove_cost"])
    page.click("dialog .btn-danger")
    expect(page.locator("[data-queue] tr[data-row=Aula]")).to_have_count(0)
