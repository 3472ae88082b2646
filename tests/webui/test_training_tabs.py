"""The tabs of the Training page and what lies on them, without a network: clips, a log that grows, the form's boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import opened, until
from built_datasets import write_dataset
from page_faults import Faults
from playwright.sync_api import Browser, Page, Route, expect

from app.texts import catalogue
from conftest import _serving
from speech.audio import Audio, save
from train.dataset.folder import DatasetFolder
from train.dataset.records import Sample

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
TABS = {"dataset": "[data-queue]", "training": "[data-training-form]", "inference": "[data-compare-card]"}
CLIPS, A_PAGE = 30, 25
LINK = re.compile(r"http://127\.0\.0\.1:\d+/shared/[0-9a-f]{16}\.[\w-]{43}")
CHECKPOINT = {
    "name": "ana/step-000001",
    "run": "ana",
    "step": 1,
    "epoch": 1,
    "method": "lora",
    "language": "pt-BR",
    "losses": {"loss": 2.5},
    "train_loss": 2.6,
    "evidence": None,
    "rank": 1,
    "is_best": True,
    "size_bytes": 1,
    "created_at": 1.0,
    "samples": [],
}
LEARNING = {"run": "ana", "job": {"id": "job_ana", "kind": "training", "status": "processing", "progress": 10.0}}
AT_END = "log => log.scrollTop > 0 && log.scrollHeight - log.scrollTop - log.clientHeight < 24"


@pytest.fixture(scope="module")
def datasets(style_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with a built dataset, and one of clips of 1 to 10 s."""
    folder = tmp_path_factory.mktemp("datasets")
    write_dataset(folder / "data" / "datasets" / "ana")
    write_clips(folder / "data" / "datasets" / "clipes")
    with _serving(["-m", "app.cli", "serve"], style_dir, folder) as address:
        yield address


def write_clips(root: Path) -> None:
    folder = DatasetFolder.create(root, "pt-BR")
    folder.wavs.mkdir(parents=True)
    save(Audio(np.random.default_rng(0).normal(0, 0.05, 22050).astype(np.float32), 22050), folder.wavs / "c.wav")
    path = (folder.wavs / "c.wav").relative_to(folder.root).as_posix()
    folder.save_samples(
        Sample(f"c{n:02d}", path, "talk", "ana", "pt-BR", ((0.0, 1.0),), 1.0 + n % 10, f"Fala {n}.", decision="keep")
        for n in range(CLIPS)
    )


@pytest.fixture
def dataset_page(datasets: str, browser: Browser, faults: Faults) -> Iterator[Page]:
    with opened(browser, datasets, faults, "/webui#/training/dataset") as page:
        page.select_option("#dataset", "clipes")
        expect(page.locator("[data-total]")).to_have_attribute("data-total", str(CLIPS))
        yield page


def test_the_page_is_found_in_the_bar_and_its_tabs_are_clicked(page: Page) -> None:
    link = page.locator("nav.pages a[href='#/training']")
    expect(link).to_have_text(PT["page.nav.training"])
    expect(link.locator("[data-icon=cpu]")).to_be_visible()
    link.click()
    expect(page.locator("h1")).to_have_text(PT["page.training.title"])
    expect(page.locator("h1")).to_contain_text("XTTS-v2")
    for tab, content in TABS.items():
        link = page.locator(f"#trainingTabs [data-tab={tab}]")
        expect(link.locator(f"[data-icon={tab}]")).to_be_visible()
        link.click()
        expect(page.locator(f"#tab-{tab} {content}")).to_be_visible()
        expect(page.locator("#trainingTabs [aria-current=page]")).to_have_attribute("data-tab", tab)
        expect(page.locator(".tab-pane")).to_have_count(1)  # the others are drawn when they are opened


def test_clips_are_leafed_through_and_heard(dataset_page: Page) -> None:
    page = dataset_page
    rows = page.locator("[data-samples] tr[data-row]")
    expect(rows).to_have_count(A_PAGE)
    expect(rows.first).to_have_attribute("data-row", "c00")
    pager = page.locator("[data-samples] nav.pager")
    pager.get_by_role("button", name=PT["page.table.after"]).click()
    expect(rows).to_have_count(CLIPS - A_PAGE)
    expect(rows.first).to_have_attribute("data-row", f"c{A_PAGE}")
    hear = rows.first.locator("[data-hear]")
    with page.expect_response("**/training/dataset/samples/c25/audio*") as sound:
        hear.click()
    assert sound.value.body().startswith(b"RIFF")
    expect(page.locator("[data-player=playing], [data-player=ended]")).to_have_attribute("data-key", "sample c25")
    until(page, ".player audio", "audio => audio.currentTime > 0")
    pager.get_by_role("button", name=PT["page.table.before"]).click()
    expect(rows.first).to_have_attribute("data-row", "c00")


def test_clips_are_filtered_by_their_length(dataset_page: Page) -> None:
    page = dataset_page
    total = page.locator("[data-total]")
    page.fill("[data-filter=min_duration]", "9")
    expect(total).to_have_attribute("data-total", "6")  # of 9 and 10 s
    page.fill("[data-filter=max_duration]", "9.5")
    expect(total).to_have_attribute("data-total", "3")
    lengths = page.locator(f"[data-samples] td[data-label='{PT['page.dataset.column.length']}']")
    expect(lengths).to_have_text([PT["page.fact.seconds"].format(seconds="9,0")] * 3)
    page.fill("[data-filter=min_duration]", "")
    expect(total).to_have_attribute("data-total", str(CLIPS - 3))


def test_both_boxes_of_the_form_reach_the_service(datasets: str, browser: Browser, faults: Faults) -> None:
    with opened(browser, datasets, faults, "/webui#/training/training") as page:
        page.wait_for_selector("[data-training-form]")
        page.select_option("#dataset", "ana")
        answer = {"status": 409, "json": {"code": "training_running", "detail": "Já se treina.", "errors": []}}
        page.route("**/training/start", lambda route: route.fulfill(**answer))
        boxes = {"mixed_precision": False, "use_lora": True}
        assert {name: page.is_checked(f"#{name}") for name in boxes} == boxes
        for name in (None, *boxes):
            if name:
                boxes[name] = not boxes[name]
                page.set_checked(f"#{name}", boxes[name])
            with page.expect_request("**/training/start") as asked:
                page.click("[data-start]")
            assert {name: asked.value.post_data_json[name] for name in boxes} == boxes
            expect(page.locator("[data-start]")).to_be_enabled()
        without_weights(faults)


def test_the_log_follows_its_end_until_that_is_switched_off(datasets: str, browser: Browser, faults: Faults) -> None:
    """The service's answers are those of a training that says more and more; without its events the page asks."""
    with opened(browser, datasets, faults, "/webui#/training/training") as page:
        page.route(re.compile(r"/events(\?|$)"), lambda route: route.abort())
        page.route("**/training/status*", lambda route: route.fulfill(json=route.fetch().json() | LEARNING))
        page.route("**/training/curve*", lambda route: route.fulfill(json=[]))
        page.route("**/training/logs*", Growing())
        page.reload()
        page.wait_for_selector("[data-run-status=processing] .log [data-level=info]")
        log = page.locator(".log")
        until(page, ".log", AT_END)
        page.uncheck("[data-log-follow]")
        before = log.evaluate("log => log.scrollTop")
        grows(page)
        assert log.evaluate("log => log.scrollTop") == before
        page.check("[data-log-follow]")
        until(page, ".log", AT_END)
        grows(page)
        until(page, ".log", AT_END)
        without_weights(faults)


def without_weights(faults: Faults) -> None:
    """What a training is refused for where XTTS is not installed is none of the page's faults."""
    faults.found[:] = [fault for fault in faults.found if not fault.endswith(("/start", "/estimate"))]


class Growing:
    """Answers with more lines at each request."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, route: Route) -> None:
        self.count += 40
        line = {"at": "2026-01-01T00:00:00Z", "level": "info", "kind": "job.log", "data": {}}
        route.fulfill(json=[line | {"id": number, "text": f"linha {number}"} for number in range(self.count)])


def grows(page: Page) -> None:
    """Wait until the page shows more lines."""
    shown = page.locator(".log [data-level=info]").count()
    until(page, ".log", f"log => log.children.length > {shown}")
    page.wait_for_timeout(50)


def test_a_sound_that_was_made_is_shared_with_who_has_not_signed_in(
    datasets: str, browser: Browser, faults: Faults
) -> None:
    """No checkpoint is here: a voice speaks in its place."""
    with opened(browser, datasets, faults, "/webui#/speak") as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        said = {"text": "Bom dia.", "voice": "silence_female"}
        page.route("**/training/checkpoints", lambda route: route.fulfill(json=[CHECKPOINT]))
        page.route(
            "**/training/inference/synthesize",
            lambda route: route.fulfill(response=page.request.post("/training/inference/synthesize", data=said)),
        )
        page.goto("/webui#/training/inference")
        page.fill("#text", said["text"])
        page.click("[data-generate]")
        page.click("[data-sound] [data-action=share]")
        link = page.locator("#share-url").input_value()
        assert LINK.fullmatch(link)
        expect(page.locator("#share-qr")).to_be_visible()
        page.click("#share-pass")
        expect(page.locator("[data-share-said]")).to_have_text(PT["page.share.copied"])
        assert page.evaluate("navigator.clipboard.readText()") == link
        stranger = browser.new_context().new_page()
        stranger.goto(link)
        stranger.locator("audio").evaluate("audio => audio.play()")
        until(stranger, "audio", "audio => audio.currentTime > 0")
        page.click("#share-end")
        page.click("dialog .btn-danger:not(#share-end)")
        expect(page.locator("#share-url")).to_have_count(0)
        assert stranger.request.get(f"{link}/sample").status == 410
        stranger.context.close()
