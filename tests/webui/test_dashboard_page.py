"""The Dashboard: the charts have the figures of /analytics, and a job that ends is there without a reload."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.texts import catalogue

PT = catalogue("pt-BR")
pytestmark = pytest.mark.browser
BODY = {"text": "O papagaio fala.", "mode": "dubbing", "voice_id": "silence_female", "source_language": "pt-BR"}


def do_job(page: Page) -> None:
    """Has a text spoken to its end."""
    answer = page.request.post("/jobs", form=BODY)
    assert answer.ok, answer.text()
    assert page.request.get(f"/jobs/{answer.json()['id']}/download?timeout=60").ok


def figures(page: Page, name: str) -> Any:
    return page.request.get(f"/analytics/{name}").json()


def told(page: Page, name: str) -> list[str]:
    """What the chart says in words."""
    return page.locator(f"[data-figure={name}] figcaption li").all_text_contents()


def test_a_job_that_ends_is_in_the_charts_at_once(page: Page) -> None:
    do_job(page)
    page.goto("/webui#/dashboard")
    expect(page.locator("[data-newest=jobs] li").first).to_contain_text(BODY["text"])
    expect(page.locator("[data-figure=days] canvas")).to_be_visible()
    before = told(page, "engines")
    do_job(page)
    [silence] = [one["uses"] for one in figures(page, "engines-usage") if one["name"] == "silence"]
    line = page.locator("[data-figure=engines] figcaption li", has_text="silence")
    expect(line).to_have_text(f"silence: {silence}")
    assert f"silence: {silence}" not in before
    today = figures(page, "jobs-per-day")[-1]["completed"]
    assert any(each.endswith(f": {today}") for each in told(page, "days"))


def test_the_languages_are_those_of_the_voices(page: Page) -> None:
    page.goto("/webui#/dashboard")
    expect(page.locator("[data-figure=languages] canvas")).to_be_visible()
    lines = told(page, "languages")
    counts = [one["voices"] for one in figures(page, "voices-by-language")]
    assert [int(line.rpartition(": ")[2]) for line in lines[: len(counts)]] == counts
    expect(page.locator("[data-figure=rvc]")).to_contain_text(PT["page.dashboard.no_rvc"])


@pytest.mark.parametrize(("begin", "address"), [("speak", "#/speak"), ("clone", "#/clone"), ("convert", "#/convert")])
def test_what_is_done_most_begins_here(page: Page, begin: str, address: str) -> None:
    page.goto("/webui#/dashboard")
    page.click(f"[data-begin={begin}]")
    expect(page).to_have_url(re.compile(f"{address}$"))
