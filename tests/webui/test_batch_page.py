"""The Batch page: a table is checked by row, spoken, tried again and had as a ZIP; in a real browser."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from browsing import open_from_menu, opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, Route, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")


def test_a_csv_is_checked_spoken_and_downloaded(page: Page, tmp_path: Path) -> None:
    table = tmp_path / "falas.csv"
    table.write_text("text,language,voice,name\nOlá.,pt-BR,,oi\nOi.,pt-BR,ninguém,\nHello.,en-US,,\n", encoding="utf-8")
    open_from_menu(page, "batch")
    page.set_input_files("#batch-file", table)
    page.click(f"button:has-text('{PT['page.batch.check']}')")
    rows = page.locator("tbody tr[data-row]")
    expect(rows).to_have_count(3)
    expect(page.locator("[data-below='2']")).to_contain_text("ninguém")
    expect(page.locator("#batch-start")).to_be_disabled()
    page.check("#batch-skip")
    page.click("#batch-start")
    expect(page.locator("[data-batch][data-ended=true]")).to_be_visible(timeout=60_000)
    with page.expect_download() as waiting:
        page.click("#batch-zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.namelist() == ["0001-oi.wav", "0003.wav", "manifest.json"]
        assert [file["language"] for file in json.loads(archive.read("manifest.json"))["files"]] == ["pt-BR", "en-US"]
    page.click("#batch-delete")
    page.click(f"dialog button:has-text('{PT['page.batch.delete']}')")
    expect(page.locator("[data-batch]")).to_have_count(0)


def test_lines_are_texts(page: Page) -> None:
    open_from_menu(page, "batch")
    page.fill("#batch-rows", "Um.\n\nDois, e três.\n")
    page.click(f"button:has-text('{PT['page.batch.check']}')")
    expect(page.locator("tbody tr[data-row]")).to_have_count(2)
    page.click("#batch-start")
    expect(page.locator("[data-batch][data-ended=true]")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-batch] tbody tr[data-row='2']")).to_contain_text("Dois, e três.")


def test_an_english_page_offers_the_language_it_sends(service: str, browser: Browser, faults: Faults) -> None:
    with opened(browser, service, faults, "/webui#/batch", locale="en-US") as page:
        expect(page.locator("#batch-language")).to_have_value("en-US")
        page.fill("#batch-rows", "Good morning.")
        with page.expect_request("**/jobs/batch") as asked:
            page.click("#batch-rows ~ .action-row [type=submit]")
        assert asked.value.post_data_json["language"] == "en-US"
        expect(page.locator("tbody tr[data-row] td[data-label=Language]")).to_have_text("en-US")


def test_a_csv_in_cp1252_is_refused(page: Page, faults: Faults, tmp_path: Path) -> None:
    table = tmp_path / "excel.csv"
    table.write_bytes("text;language\nOlá.;pt-BR\n".encode("cp1252"))
    open_from_menu(page, "batch")
    page.set_input_files("#batch-file", table)
    expect(page.locator("[role=alert]")).to_have_text(PT["error.input_not_utf8"].format(position=16))
    faults.expect("400 POST /jobs/batch")
    expect(page.locator("#batch-rows")).to_have_value("")
    table.write_text("text;language\nOlá.;pt-BR\n", encoding="utf-8-sig")
    page.set_input_files("#batch-file", table)
    expect(page.locator("[role=alert]")).to_have_count(0)
    expect(page.locator("#batch-rows")).to_have_value("text;language\nOlá.;pt-BR\n")


def test_each_row_speaks_with_its_own_voice(page: Page) -> None:
    open_from_menu(page, "batch")
    page.fill("#batch-rows", "text,voice\nUm.,silence_female\nDois.,silence_male")
    page.click(f"button:has-text('{PT['page.batch.check']}')")
    page.click("#batch-start")
    batch = page.locator("[data-batch][data-ended=true]")
    expect(batch).to_be_visible(timeout=60_000)
    batch_id = batch.get_attribute("data-batch")
    earlier = page.locator(f"section:has(#batch-earlier) li:has-text('{batch_id}')")
    expect(earlier).to_contain_text(PT["page.batch.done"].format(done=2, total=2))
    voices = batch.locator(f"tbody tr[data-row] td[data-label='{PT['page.batch.voice']}']")
    expect(voices).to_have_text(["silence_female", "silence_male"])
    with page.expect_download() as waiting:
        page.click("#batch-zip")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        files = json.loads(archive.read("manifest.json"))["files"]
    assert [file["voice"] for file in files] == ["silence_female", "silence_male"]


def test_looking_after_a_batch_takes_no_error_and_no_button(page: Page, faults: Faults) -> None:
    """While it runs; the service's answers say that it goes on."""
    open_from_menu(page, "batch")
    page.fill("#batch-rows", "Um.")
    page.click(f"button:has-text('{PT['page.batch.check']}')")
    page.click("#batch-start")
    expect(page.locator("[data-batch][data-ended=true]")).to_be_visible(timeout=60_000)
    batch_id = str(page.locator("[data-batch]").get_attribute("data-batch"))

    def running(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json=answer | {"is_ended": False, "counts": answer["counts"] | {"completed": 0, "failed": 1}})

    page.route(f"**/jobs/batch/{batch_id}", running)
    page.goto(f"/webui#/batch?id={batch_id}")
    page.click("#batch-retry")
    refused = page.locator("[role=alert]")
    expect(refused).to_be_visible()
    faults.expect(f"409 POST /jobs/batch/{batch_id}/retry")
    page.evaluate(
        """() => {
        const button = document.querySelector("#batch-retry");
        window.flickers = 0;
        new MutationObserver((found) => (window.flickers += found.length)).observe(button, { attributes: true });
    }"""
    )
    for _ in range(2):
        with page.expect_response(f"**/jobs/batch/{batch_id}"):
            pass
    page.wait_for_timeout(100)
    expect(refused).to_be_visible()
    assert page.evaluate("window.flickers") == 0


def test_a_batch_with_a_job_that_does_not_stop_stays_and_says_so(page: Page) -> None:
    """What the service answers then is held by `test_batch.py`; here what the page makes of it."""
    open_from_menu(page, "batch")
    page.fill("#batch-rows", "Um.")
    page.click("#batch-rows ~ .action-row [type=submit]")
    page.click("#batch-start")
    expect(page.locator("[data-batch][data-ended=true]")).to_be_visible(timeout=60_000)

    def stays(route: Route) -> None:
        if route.request.method != "DELETE":
            return route.fallback()
        answer = {"message": "", "batch_id": "b", "jobs_deleted": 0, "not_deleted": {"job_1": "job_still_running"}}
        route.fulfill(json=answer)

    page.route("**/jobs/batch/*", stays)
    page.click("#batch-delete")
    page.click(f"dialog button:has-text('{PT['page.batch.delete']}')")
    expect(page.locator("[role=alert]")).to_have_text(PT["page.batch.stays"].format(jobs="job_1"))
    expect(page.locator("[data-batch]")).to_be_visible()
