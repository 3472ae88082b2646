"""What ends where the reader does not see it is told, once; in a real browser on the real service."""

from __future__ import annotations

import time

import pytest
from browsing import add_job
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser
PT = catalogue("pt-BR")
QUIET_MS = 2500  # more than what is gathered
# Keeps what the browser would show, beside showing it.
RECORD = """() => {
  const Real = Notification;
  window.shown = [];
  window.Notification = class extends Real {
    constructor(title, options) { super(title, options); window.shown.push(options); }
  };
}"""
LOOK = """(state) => {
  Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def end_job(page: Page, text: str) -> str:
    """A text that another client gave, spoken to its end."""
    job_id = add_job(page, text)
    assert page.request.get(f"/jobs/{job_id}/download?timeout=60").ok
    return job_id


def test_one_job_is_told_by_name_and_many_in_one_sentence(page: Page) -> None:
    toasts = page.locator(".toast")
    end_job(page, "Longe daqui.")
    expect(toasts).to_have_count(1)
    expect(toasts).to_contain_text(PT["page.notice.completed"].format(what="Longe daqui."))
    assert page.locator(".toast-container").get_attribute("aria-live") == "polite"
    form = {"source_language": "pt-BR", "mode": "dubbing", "tts_engine": "silence"}
    ids = [page.request.post("/jobs", form=form | {"text": f"Frase {n}."}).json()["id"] for n in range(8)]
    for job_id in ids:
        page.request.get(f"/jobs/{job_id}/download?timeout=60")
    expect(toasts.last).to_contain_text(PT["page.notice.many"].format(done=8))
    toasts.last.get_by_role("button", name=PT["page.job.open"]).click()
    expect(page.locator(f"tr[data-job-id={ids[-1]}]")).to_be_visible()


def test_what_the_page_shows_is_not_told(page: Page) -> None:
    page.goto("/webui#/jobs")
    page.wait_for_selector("[data-notify]")
    job_id = end_job(page, "Está à vista.")
    expect(page.locator(f"tr[data-job-id={job_id}][data-status=completed]")).to_be_visible()
    page.wait_for_timeout(QUIET_MS)
    expect(page.locator(".toast")).to_have_count(0)


def test_a_hidden_tab_tells_by_the_browser_once_it_is_asked_to(page: Page) -> None:
    page.context.grant_permissions(["notifications"])
    page.evaluate(RECORD)
    page.goto("/webui#/jobs")
    button = page.locator("[data-notify]")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    page.evaluate(LOOK, "hidden")
    job_id = end_job(page, "Ninguém olha.")
    deadline = time.monotonic() + 15
    while not (shown := page.evaluate("window.shown")):
        assert time.monotonic() < deadline
        page.wait_for_timeout(100)
    body = PT["page.notice.completed"].format(what="Ninguém olha.")
    assert shown == [{"body": body, "tag": f"papagaio.{job_id}", "lang": "pt-BR"}]
    button.click()
    end_job(page, "Ainda ninguém.")
    page.wait_for_timeout(QUIET_MS)
    assert page.evaluate("window.shown.length") == 1
    expect(page.locator(".toast")).to_have_count(0)
    page.goto("/webui#/speak")
    page.wait_for_selector("#text")
    page.evaluate(LOOK, "visible")
    expect(page.locator(".toast")).to_contain_text("Ainda ninguém.")
