"""The Training and Inference tabs as a person uses them, on a tiny network. Rows 6.1-28 to 6.1-71."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from browsing import AXE, opened
from built_datasets import write_dataset, write_trainable
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.api.page_libraries import LIBRARIES
from app.texts import catalogue
from bench.xtts_reference import recording
from conftest import _serving
from speech.audio import Audio, save

pytestmark = [pytest.mark.browser, pytest.mark.networks]
PT = catalogue("pt-BR")
JOB_MS = 300_000  # a new process brings PyTorch, on two busy cores
CONTROLS = {"epochs": (1, 100, 50), "batch_size": (1, 16, 2), "accumulation": (1, 8, 4), "save_every": (1, 10, 5)}
TEXTS = ("Bom dia.", "Como vai?")


@pytest.fixture(scope="module")
def training_service(
    installed: Callable[..., object], models_dir: Path, xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A service with a built dataset and a network that stops soon, without judges, who would take minutes."""
    installed(*LIBRARIES)
    folder = tmp_path_factory.mktemp("training")
    (folder / "models").mkdir()
    for name in LIBRARIES:
        (folder / "models" / name).symlink_to(models_dir / name)
    write_dataset(folder / "data" / "datasets" / "ana", seconds=3.2)
    checkpoint = write_trainable(xtts_tiny, folder / "xtts")
    more = {"PAPAGAIO_XTTS_DIR": str(checkpoint), "PAPAGAIO_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    with _serving(["-m", "app.cli", "serve"], folder / "models", folder, **more) as address:
        yield address


@pytest.fixture
def training_page(training_service: str, browser: Browser, faults: Faults) -> Iterator[Page]:
    with opened(browser, training_service, faults, "/webui#/training/training") as page:
        page.wait_for_selector("#tab-training [data-training-form], #tab-training [data-run-status]")
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield page


@pytest.mark.slow
def test_from_a_dataset_to_a_verdict(training_page: Page, faults: Faults, tmp_path: Path) -> None:
    """One walk, since each part needs what the one before made; a minute on idle cores, most of it PyTorch's."""
    page = training_page
    fill_in(page)
    pause_and_stop(page)
    train(page)
    look_at_checkpoints(page)
    speak(page, faults, tmp_path)
    compare(page)


def fill_in(page: Page) -> None:
    tabs = [each.get_attribute("data-tab") for each in page.locator("#trainingTabs .nav-link").all()]
    assert tabs == ["dataset", "training", "inference"]
    expect(page.locator("#dataset option")).to_have_count(1)
    for name, (least, most, default) in CONTROLS.items():
        control = page.locator(f"#{name}")
        assert control.get_attribute("min") == str(least) and control.get_attribute("max") == str(most)
        assert control.input_value() == str(default)
    assert page.locator("#learning_rate").input_value() == "1e-5"
    assert page.locator("#use_lora").is_checked() and not page.locator("#mixed_precision").is_checked()
    expect(page.locator("[data-fits=fits] [data-estimate=steps]")).to_have_text("50", timeout=JOB_MS)
    for name, value in {"epochs": "100", "batch_size": "1", "accumulation": "1"}.items():
        page.fill(f"#{name}", value)
    page.fill("#learning_rate", "1e-4")
    expect(page.locator("[data-estimate=steps]")).to_have_text("500")
    page.reload()
    expect(page.locator("#epochs")).to_have_value("100")


def pause_and_stop(page: Page) -> None:
    """Of a training that is long enough to be caught on the way."""
    page.locator("[data-start]").click()
    expect(page.locator("[data-epoch]")).to_have_attribute("data-epoch", re.compile("[1-9]"), timeout=JOB_MS)
    refused = page.request.post("/training/start", data={"dataset": "ana"})
    assert refused.status == 409 and refused.json()["code"] == "training_running"
    page.locator("[data-run=pause]").click()
    expect(page.locator("[data-run-status=paused]")).to_be_visible(timeout=JOB_MS)
    page.reload()
    place = page.locator("[data-step]")
    expect(page.locator(".chart figcaption").first).to_contain_text(PT["page.training.train_loss"])
    step = int(place.get_attribute("data-step") or 0)
    assert 0 < step < 500
    page.locator("[data-run=resume]").click()
    expect(page.locator("[data-left-s]")).to_be_visible(timeout=JOB_MS)
    expect(place).not_to_have_attribute("data-step", str(step), timeout=JOB_MS)
    page.goto("/webui#/speak")
    told = re.escape(PT["page.notice.epoch"]).replace(r"\{dataset\}", "ana").replace(r"\{epoch\}", r"\d+")
    expect(page.locator(".toast").first).to_contain_text(re.compile(told.replace(r"\{epochs\}", "100")), timeout=JOB_MS)
    page.goto("/webui#/training/training")
    page.locator("[data-run=stop]").click()
    page.locator("dialog.ask .btn-danger").click()
    expect(page.locator("[data-run-status=cancelled]")).to_be_visible(timeout=JOB_MS)


def train(page: Page) -> None:
    """To the end; its two checkpoints are heard."""
    for name, value in {"epochs": "4", "save_every": "2"}.items():
        page.fill(f"#{name}", value)
    expect(page.locator("[data-estimate=steps]")).to_have_text("20")
    before = page.locator("[data-run-name]").get_attribute("data-run-name")
    page.locator("[data-start]").click()
    expect(page.locator(f"[data-run-status=completed]:not([data-run-name='{before}'])")).to_be_visible(timeout=JOB_MS)
    expect(page.locator("[data-step]")).to_have_attribute("data-step", "20")
    assert page.locator("[data-epoch]").get_attribute("data-epoch") == "4"
    for name in ("train_loss", "validation_loss", "rate"):
        expect(page.locator(f"[data-metric={name}]")).not_to_have_text("–")
    expect(page.locator("[data-metric=gpu]")).to_have_text(PT["page.training.no_gpu"])
    expect(page.locator(".log [data-level=info]").last).to_contain_text(PT["training.log.completed"])
    end = page.locator(".log").evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight")
    assert end < 24
    page.locator("[data-log-level=info]").click()
    expect(page.locator(".log [data-level=info]")).to_have_count(0)


def look_at_checkpoints(page: Page) -> None:
    run = page.locator("[data-run-name]").get_attribute("data-run-name")
    rows = page.locator(f"[data-checkpoints] tr[data-checkpoint^='{run}/']")
    expect(rows).to_have_count(2)
    for column in ("epoch", "score", "pace", "loss", "date"):
        assert rows.locator(f"td[data-label='{PT[f'page.training.column.{column}']}']").count() == 2
    page.locator(f"[data-hear^='{run}/']").first.click()
    expect(page.locator("[data-player=playing], [data-player=ended]")).to_be_visible()
    link = str(rows.first.locator("[data-action=download]").get_attribute("href"))
    assert page.request.get(link).body()[8:9] == b"{"  # the header of safetensors
    rows.first.locator("[data-action=voice]").click()
    page.fill("#name", "Ana treinada")
    page.locator("[data-keep-voice]").click()
    expect(page.locator("#consent-error")).not_to_be_empty()
    page.check("#consent")
    page.locator("[data-keep-voice]").click()
    expect(page.locator("[data-toast=good]")).to_contain_text("Ana treinada", timeout=JOB_MS)
    assert "Ana treinada" in {voice["name"] for voice in page.request.get("/voices?limit=1000").json()["voices"]}
    rows.locator("[data-action=delete]").click()  # the best one stays
    page.locator("dialog.ask .btn-danger").click()
    expect(rows).to_have_count(1)


def speak(page: Page, faults: Faults, tmp_path: Path) -> None:
    page.locator("[data-checkpoints] tr[data-best=true] [data-action=load]").last.click()
    expect(page.locator("#tab-inference [data-loaded=true]")).to_be_visible(timeout=JOB_MS)
    page.fill("#text", "Bom dia.")
    page.locator("[data-generate]").click()
    sounds = page.locator("[data-sounds] [data-sound]")
    expect(sounds).to_have_count(1, timeout=JOB_MS)
    expect(page.locator("[data-player=playing], [data-player=ended]")).to_be_visible()
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    page.set_input_files("#speaker_wav", tmp_path / "bad.wav")
    page.locator("[data-generate]").click()
    expect(page.locator("#tab-inference .alert, #speaker_wav-error:not(:empty)").first).to_be_visible(timeout=JOB_MS)
    faults.expect("400 POST /training/inference/synthesize")
    page.locator("[data-reference] button").click()
    save(Audio(recording(4.0, 7), 22050), tmp_path / "voice.wav")
    page.set_input_files("#speaker_wav", tmp_path / "voice.wav")
    page.locator("[data-generate]").click()
    expect(sounds).to_have_count(2, timeout=JOB_MS)
    page.locator("[data-action=share]").first.click()
    page.click("#share-pass")
    expect(page.locator("[data-share-said]")).to_have_text(PT["page.share.copied"])
    copied = str(page.evaluate("navigator.clipboard.readText()"))
    page.keyboard.press("Escape")
    shared, first = page.request.get(f"{copied}/sample").body(), page.request.get(
        str(sounds.last.locator("a").get_attribute("href"))
    )
    assert shared.startswith(b"RIFF") and shared != first.body()


def compare(page: Page) -> None:
    page.fill("#texts", "\n".join(TEXTS))
    assert str(page.locator("#first").input_value()).endswith("/base")
    page.locator("[data-compare]").click()
    trial = page.locator("[data-trial]")
    expect(trial).to_have_attribute("data-waiting", "2", timeout=JOB_MS)
    assert "base" not in trial.inner_html() and "step-" not in trial.inner_html()
    for side in ("A", "B"):
        page.locator(f"[data-side={side}] [data-hear]").click()
        expect(page.locator("[data-player=playing], [data-player=ended]")).to_be_visible()
    page.locator("[data-vote=A]").click()
    expect(trial).to_have_attribute("data-waiting", "1")
    page.reload()
    page.locator("[data-vote=B]").click()
    expect(page.locator("[data-results] [data-verdict]")).to_contain_text("95 %")
    table = page.request.get(str(page.locator("[data-export]").get_attribute("href"))).text()
    assert len(table.strip().splitlines()) == 3
    page.reload()
    expect(page.locator("[data-results] [data-verdict]")).to_contain_text("95 %")
    expect(page.locator("[data-earlier] li")).to_have_count(1)


def test_voices_are_compared_without_a_checkpoint(training_page: Page) -> None:
    page = training_page
    page.goto("/webui#/training/inference")
    voices = page.locator(f"#second optgroup[label={PT['page.compare.voices']}] option")
    expect(voices.filter(has_text="Silence")).to_have_count(2)
    for side, voice in {"#first": "voice silence_female", "#second": "voice silence_male"}.items():
        page.select_option(side, voice)
    page.fill("#texts", TEXTS[0])
    page.locator("[data-compare]").click()
    expect(page.locator("[data-trial]")).to_have_attribute("data-waiting", "1", timeout=60_000)
    page.locator("[data-vote=none]").click()
    for voice in ("silence_female", "silence_male"):
        expect(page.locator("[data-results]")).to_contain_text(voice)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_tabs(
    training_service: str, browser: Browser, axe: Path, theme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(base_url=training_service, locale="pt-BR", color_scheme=theme, bypass_csp=True)
    page = context.new_page()
    found = {}
    for tab, selector in {"training": "[data-estimate]", "inference": "[data-compare-card]"}.items():
        page.goto(f"/webui#/training/{tab}")
        page.wait_for_selector(f"#tab-{tab} {selector}, #tab-{tab} .empty", timeout=JOB_MS)
        page.add_script_tag(path=axe)
        if violations := page.evaluate(AXE):
            found[tab] = violations
    context.close()
    assert found == {}
