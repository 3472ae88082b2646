"""RVC models on the page: taken in with a verdict, refused with the reason, deleted; in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ContextManager

import numpy as np
import pytest
from browsing import open_from_menu, opened
from page_faults import Faults
from playwright.sync_api import Browser, Locator, Page, expect

from app.texts import catalogue
from speech.audio import Audio, join, save, to_bytes
from speech.models import ModelStore
from speech.synthesis import Synthesizer

pytestmark = pytest.mark.browser

SILENCE = Audio(np.zeros(24_000, np.float32), 24_000)
PARAMETERS = ("pitch", "index_rate", "filter_radius", "rms_mix_rate", "protect", "f0_method")
PT = catalogue("pt-BR")
# The browser does not tell a test what is in a form with a file.
KEPT_FORM = """const send = window.fetch;
window.fetch = (path, init) => {
  if (init?.body instanceof FormData) window.sentForm = init.body;
  return send(path, init);
};"""
JOB_MS = 120_000  # the first job of a kind waits for its process and its models
FILE = {"url": "https://files.example/a.pth", "size_bytes": 10, "sha256": "0" * 64}
LISTED = {"id": "ana", "name": "Ana", "licence": "CC-BY-4.0", "model": FILE}  # of a gallery


def its_parameters_are_sent(page: Page) -> None:
    """With the conversion; the service lacks what converts, and says so."""
    page.click(f"summary:has-text('{PT['page.convert.more']}')")
    shown = [page.input_value(f"#convert-{name}") for name in PARAMETERS]
    assert shown == ["0", "0.75", "3", "0.25", "0.33", "fcpe"]
    page.fill("#convert-protect", "0.5")
    page.select_option("#convert-f0_method", "pm")
    page.set_input_files(
        "#convert-file", {"name": "fala.wav", "mimeType": "audio/wav", "buffer": to_bytes(SILENCE, "wav")}
    )
    sent = dict(
        page.eval_on_selector("#convert-form", "form => [...new FormData(form)].filter(([, one]) => !one.size)")
    )
    assert {name: sent[name] for name in PARAMETERS} == dict(zip(PARAMETERS, ("0", "0.75", "3", "0.25", "0.5", "pm")))
    with page.expect_response("**/voices/convert"):
        page.click(f"#convert-form button:has-text('{PT['page.convert.go']}')")


def rate_and_review(page: Page, part: Locator, route: str) -> None:
    """Stars, then words, which stay when the stars change."""
    part.locator("summary").click()
    save = part.locator(f"button:has-text('{PT['page.gallery.save_review']}')")
    expect(save).to_be_disabled()
    part.locator(f"button[aria-label^='{PT['page.gallery.stars'].format(count=4)}']").click()
    expect(save).to_be_enabled()
    part.locator("textarea").fill("Clara e calma.")
    save.click()
    expect(part.locator("summary")).to_have_text("Clara e calma.")
    five = part.locator(f"button[aria-label^='{PT['page.gallery.stars'].format(count=5)}']")
    five.click()
    expect(five).to_have_attribute("aria-pressed", "true")
    [kept] = page.request.get(route).json()["models"]
    assert (kept["rating"], kept["review"]) == (5, "Clara e calma.")


def what_is_spoken_is_sent_to_the_model(page: Page) -> None:
    """From the Speak page; the service lacks what converts, and offers it."""
    page.click("nav a[href='#/speak']")
    page.fill("#text", "Bom dia.")
    expect(page.locator("#rvc_pitch")).to_have_count(0)
    page.select_option("#rvc_model_id", label="Ana")
    page.fill("#rvc_pitch", "-3")
    with page.expect_request("**/jobs") as asked:
        page.click(".speak-button")
    sent = asked.value.post_data_json
    [model] = page.request.get("/rvc/models").json()["models"]
    assert (sent["enable_rvc"], sent["rvc_model_id"], sent["rvc_pitch"]) == (True, model["id"], -3)
    expect(page.locator("[data-lacking=convert-rvc]")).to_be_visible()


def test_a_model_is_added_with_its_verdict_and_deleted(page: Page, faults: Faults, rvc_tiny: Path) -> None:
    open_from_menu(page, "convert")
    expect(page.locator("#convert-index_rate")).to_have_count(0)
    page.fill("#rvc-name", "Ana")
    page.fill("#rvc-description", "Uma voz clara")
    page.set_input_files("#rvc-pth_file", rvc_tiny / "v2-40k.pth")
    page.click(f"button:has-text('{PT['page.convert.add']}')")
    row = page.locator("tbody tr")
    expect(row).to_contain_text(PT["page.convert.status.valid_with_warnings"], timeout=60_000)
    expect(row).to_contain_text(PT["error.rvc_index_missing"])
    expect(row).to_contain_text("Uma voz clara")
    expect(page.locator("#convert-voice")).to_contain_text("Ana (RVC)")
    expect(page.locator("#convert-voice option:checked")).to_have_text("Ana (RVC)")
    expect(page.locator("#convert-language")).to_have_count(0)
    its_parameters_are_sent(page)
    faults.expect("503 POST /voices/convert")
    what_is_spoken_is_sent_to_the_model(page)
    faults.expect("503 POST /jobs")
    open_from_menu(page, "convert")
    rate_and_review(page, row, "/rvc/models")
    delete = row.locator(f"button[aria-label^='{PT['page.convert.delete']}']")
    delete.click()
    expect(page.locator("dialog")).to_contain_text(PT["page.convert.delete_question"].format(name="Ana"))
    page.keyboard.press("Escape")
    expect(row).to_contain_text("Ana")
    delete.click()
    page.click("dialog .btn-danger")
    expect(page.locator(f"text={PT['page.convert.none']}")).to_be_visible()
    expect(page.locator("h1")).to_be_focused()


def test_the_language_of_a_recording_is_recognised_or_chosen(page: Page, faults: Faults) -> None:
    """Of a voice whose converter needs the words; the service lacks what hears them, and says so."""
    page.add_init_script(KEPT_FORM)
    page.reload()
    open_from_menu(page, "convert")
    page.select_option("#convert-voice", "pm_alex")
    language = page.locator("#convert-language")
    expect(language).to_have_value("")
    expect(language.locator("option:checked")).to_have_text(PT["page.convert.recognise"])
    file = {"name": "fala.wav", "mimeType": "audio/wav", "buffer": to_bytes(SILENCE, "wav")}
    page.set_input_files("#convert-file", file)
    for chosen in ("", "en-US"):
        language.select_option(chosen)
        with page.expect_response("**/voices/convert") as answered:
            page.click("#convert-form [type=submit]")
        assert page.evaluate("window.sentForm.get('language')") == (chosen or None)
        if answered.value.status == 503:
            faults.expect("503 POST /voices/convert")


def test_a_file_that_is_no_model_is_refused_with_the_reason(page: Page, faults: Faults, tmp_path: Path) -> None:
    (tmp_path / "nada.pth").write_bytes(b"<html>")
    open_from_menu(page, "convert")
    page.fill("#rvc-name", "Nada")
    page.set_input_files("#rvc-pth_file", tmp_path / "nada.pth")
    page.click(f"button:has-text('{PT['page.convert.add']}')")
    expect(page.locator("[role=alert]").first).to_contain_text("nada.pth", timeout=60_000)
    faults.expect("400 POST /rvc-models")


def test_a_gallery_is_rated_and_one_of_a_file_cannot_be_fetched_again(page: Page, tmp_path: Path) -> None:
    (tmp_path / "lista.json").write_text(json.dumps({"format": 1, "title": "Vozes", "models": [LISTED]}))
    open_from_menu(page, "convert")
    page.set_input_files("#gallery-file", tmp_path / "lista.json")
    page.click(f"button:has-text('{PT['page.gallery.add']}')")
    card = page.locator("[data-gallery-item=ana]")
    rate_and_review(page, card, "/rvc/gallery")
    assert page.locator(f"button[aria-label^='{PT['page.gallery.refresh']}']").count() == 0
    page.click(f"button[aria-label='{PT['page.gallery.forget']}: Vozes']")
    expect(page.locator("dialog")).to_contain_text(PT["page.gallery.remove_cost"])
    page.click("dialog .btn-danger")
    expect(card).to_have_count(0)
    expect(page.locator("h1")).to_be_focused()


def test_a_gallery_of_an_address_is_fetched_again(reaching_page: Page, tmp_path: Path) -> None:
    page, index = reaching_page, tmp_path / "lista.json"
    index.write_text(json.dumps({"format": 1, "title": "Vozes", "models": [LISTED]}))
    with serving_files(tmp_path) as address:
        open_from_menu(page, "convert")
        page.fill("#gallery-url", f"{address}/lista.json")
        page.click(f"button:has-text('{PT['page.gallery.add']}')")
        expect(page.locator("[data-gallery-item]")).to_have_count(1)
        index.write_text(json.dumps({"format": 1, "title": "Vozes", "models": [LISTED, LISTED | {"id": "bea"}]}))
        page.click(f"button[aria-label='{PT['page.gallery.refresh']}: Vozes']")
        expect(page.locator("[data-gallery-item]")).to_have_count(2)


@contextmanager
def serving_files(folder: Path) -> Iterator[str]:
    """The address of a web server on this machine, with the files of `folder`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow  # Whisper and a conversion by the embedded engine, in processes that start for them
def test_what_the_microphone_heard_is_said_by_another_voice(
    service: str,
    synthesizer: Synthesizer,
    installed: Callable[..., ModelStore],
    hearing: Callable[[Path], ContextManager[Browser]],
    faults: Faults,
    tmp_path: Path,
) -> None:
    installed("whisper-base")
    plan = synthesizer.plan("Bom dia, tudo bem com vocês?", engine="kokoro", language="pt-BR", voice="pf_dora")
    save(join(synthesizer.speak(plan)), tmp_path / "said.wav")
    with hearing(tmp_path / "said.wav") as browser, opened(browser, service, faults, "/webui#/convert") as page:
        page.click("[data-record=idle]")
        page.wait_for_selector("[data-record=recording]")
        page.wait_for_timeout(3000)
        page.click("[data-record=recording]")
        expect(page.locator("[data-recorded]")).to_be_visible()
        page.select_option("#convert-voice", "pm_alex")
        page.click("#convert-form [type=submit]")
        expect(page.locator("#convert-result audio")).to_have_count(2, timeout=JOB_MS)
