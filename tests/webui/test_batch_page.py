"""The Batch page: a table is checked by row, spoken, tried again and had as a ZIP; in a real browser."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from browsing import open_from_menu
from playwright.sync_api import Page, expect

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
