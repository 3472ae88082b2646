"""A dataset that was built becomes a voice from the page, with a rehearsed fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from built_datasets import write_dataset
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
JOB_MS = 180_000  # the first job of a service waits for its process to start, on two busy cores


def test_a_built_dataset_becomes_a_voice(clone_page: Page, rehearsing_folder: Path) -> None:
    """From the Dataset tab, with no recording; the table says which checkpoint speaks."""
    page = clone_page
    write_dataset(rehearsing_folder / "data" / "datasets" / "main", seconds=3.0)
    page.goto("/webui#/training/dataset")
    page.click("[data-make-voice]")
    expect(page.locator("[data-dataset=main]")).to_contain_text("0:18")
    expect(page.locator(".steps li")).to_have_count(3)
    page.fill("#name", "Do conjunto")
    page.check("#consent")
    page.click("form.clone-name [type=submit]")
    page.wait_for_selector(".report[data-voice-id=do_conjunto]", timeout=JOB_MS)
    table = page.locator("[data-checkpoint-table]")
    expect(table.locator("[data-kept=true] th")).to_contain_text("80")
    expect(table.locator("[data-kept=true] audio")).to_have_count(1)
    expect(table).to_contain_text(PT["training.hint.stop_worse"].format(step=80))
    expect(page.locator(".report")).to_contain_text("eres2net não escolheu nada")
    job = page.request.get("/jobs?limit=50").json()["jobs"][0]
    assert (job["dataset"], job["steps"]) == ("main", 240)
