"""Several jobs at once in the Jobs page, in a real browser on the real service."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
# What docs/CLIENTS.md shows, and a job whose end it hears.
HEAR = """async (body) => {
  const { io } = await import("/webui/vendor/socket-io-client/socket.io.esm.min.js");
  const socket = io();
  await new Promise((resolve) => socket.on("connect", resolve));
  const heard = new Promise((resolve) => socket.on("job.completed", resolve));
  const headers = { "Content-Type": "application/json" };
  const job = await (await fetch("/jobs", { method: "POST", headers, body: JSON.stringify(body) })).json();
  const event = await heard;
  socket.close();
  return [job.id, event.job_id];
}"""
TEXTS = ("Uma.", "Duas.", "Três.")


@pytest.fixture
def jobs(page: Page) -> list[str]:
    """Three jobs that are done, shown in the page."""
    ids = []
    for text in TEXTS:
        form: dict[str, Any] = {"text": text, "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "silence"}
        ids.append(page.request.post("/jobs", form=form).json()["id"])
    page.click("a[href='#/jobs']")
    for job_id in ids:
        page.wait_for_selector(f"tr[data-job-id={job_id}][data-status=completed]")
    return ids


def test_what_is_selected_is_had_as_a_zip_and_deleted(page: Page, jobs: list[str]) -> None:
    first, second, third = jobs
    assert page.locator(".table-bulk").count() == 0
    for job_id in (first, third):
        page.check(f"tr[data-job-id={job_id}] input[type=checkbox]")
    expect(page.locator(".table-bulk")).to_contain_text("2")
    page.click(f".table-bulk button:has-text('{PT['page.jobs.zip']}')")
    with page.expect_download() as waiting:
        page.click(".table-bulk .dropdown-menu a:has-text('FLAC')")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert sorted(archive.namelist()) == sorted([f"dubbed_{first}.flac", f"dubbed_{third}.flac", "manifest.json"])
        assert {one["text"] for one in json.loads(archive.read("manifest.json"))["files"]} == {"Uma.", "Três."}
    page.click("[data-bulk=delete]")
    expect(page.locator("dialog")).to_contain_text("2")
    page.keyboard.press("Escape")
    assert page.request.get(f"/jobs/{first}").status == 200
    page.click("[data-bulk=delete]")
    page.click("dialog .btn-danger")
    for job_id in (first, third):
        expect(page.locator(f"tr[data-job-id={job_id}]")).to_have_count(0)
        assert page.request.get(f"/jobs/{job_id}").status == 404
    expect(page.locator(f"tr[data-job-id={second}]")).to_have_count(1)
    expect(page.locator(".table-bulk")).to_have_count(0)


def test_the_list_is_had_as_a_table(page: Page, jobs: list[str]) -> None:
    with page.expect_download() as waiting:
        page.click("a[download='jobs.csv']")
    rows = list(csv.DictReader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()))
    assert set(jobs) <= {row["id"] for row in rows}
    page.set_viewport_size({"width": 390, "height": 844})
    page.check(f"tr[data-job-id={jobs[0]}] input[type=checkbox]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_filters_are_in_the_address_and_the_table_follows_them(page: Page, jobs: list[str]) -> None:
    form: dict[str, Any] = {"text": "One.", "source_language": "en-US", "mode": "dubbing", "tts_engine": "silence"}
    english = page.request.post("/jobs", form=form).json()["id"]
    rows = page.locator("tr[data-job-id]")
    expect(page.locator(f"tr[data-job-id={english}]")).to_be_visible()
    page.select_option("[data-filter=language]", "en-US")
    page.focus("[data-filter=engine]")
    page.select_option("[data-filter=engine]", "silence")
    expect(page.locator("[data-filter=engine]")).to_be_focused()
    page.fill("[data-filter=from]", "2020-02-01")
    expect(page.locator(f"tr[data-job-id={jobs[0]}]")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"#/jobs\?engine=silence&language=en-US&from=2020-02-01$"))
    page.reload()
    expect(page.locator(f"tr[data-job-id={english}]")).to_be_visible()
    expect(page.locator(f"tr[data-job-id={jobs[0]}]")).to_have_count(0)
    with page.expect_download() as waiting:
        page.click("a[download='jobs.csv']")
    table = list(csv.DictReader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()))
    assert english in {row["id"] for row in table} and {row["language"] for row in table} == {"en-US"}
    page.fill("[data-filter=until]", "2020-02-01")
    expect(page.locator(".empty")).to_contain_text(PT["page.jobs.none_such"])
    page.go_back()
    expect(page.locator(f"tr[data-job-id={english}]")).to_be_visible()
    expect(page.locator("[data-filter=until]")).to_have_value("")
    page.select_option("[data-filter=status]", "failed")
    page.click("[data-empty-action]")
    expect(page.locator(f"tr[data-job-id={jobs[0]}]")).to_be_visible()
    expect(page.locator("h1")).to_be_focused()
    assert rows.count() >= 4 and page.url.endswith("#/jobs")


def test_a_file_is_named_after_its_text_and_the_format_is_remembered(page: Page, jobs: list[str]) -> None:
    row = page.locator(f"tr[data-job-id={jobs[2]}]")
    row.locator("[data-bs-toggle=dropdown]").click()
    expect(row.locator(".dropdown-item").first).to_have_text("WAV")
    with page.expect_download() as waiting:
        row.locator(".dropdown-item:has-text('FLAC')").click()
    assert waiting.value.suggested_filename == "tres.flac"
    page.reload()
    expect(row.locator(".dropdown-item").first).to_have_text("FLAC")
    expect(page.locator("[data-kept-h='24']")).to_contain_text("24 horas")
    assert row.locator(f"[title^='{PT['page.jobs.expires'].partition('{')[0]}']").count() == 1


def test_the_log_of_a_job_is_had(page: Page, jobs: list[str]) -> None:
    link = page.locator(f"tr[data-job-id={jobs[0]}] [data-action=log]")
    expect(link).to_have_attribute("aria-label", PT["page.job.log"])
    with page.expect_download() as waiting:
        link.click()
    assert waiting.value.suggested_filename == f"{jobs[0]}.txt"
    kinds = [line.split()[1] for line in Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()]
    assert kinds[0] == "job.created" and kinds[-1] == "job.completed"


def test_a_page_hears_the_end_of_a_job_by_socket_io(page: Page) -> None:
    body = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "silence"}
    asked, heard = page.evaluate(HEAR, body)
    assert asked == heard
