"""RVC models on the page: taken in with a verdict, refused with the reason, deleted; in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import open_from_menu
from page_faults import Faults
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")


def test_a_model_is_added_with_its_verdict_and_deleted(page: Page, rvc_tiny: Path) -> None:
    open_from_menu(page, "convert")
    page.fill("#rvc-name", "Ana")
    page.set_input_files("#rvc-pth_file", rvc_tiny / "v2-40k.pth")
    page.click(f"button:has-text('{PT['page.convert.add']}')")
    row = page.locator("tbody tr")
    expect(row).to_contain_text(PT["page.convert.status.valid_with_warnings"], timeout=60_000)
    expect(row).to_contain_text(PT["error.rvc_index_missing"])
    expect(page.locator("#convert-voice")).to_contain_text("Ana (RVC)")
    row.locator(f"button[aria-label^='{PT['page.convert.delete']}']").click()
    expect(page.locator(f"text={PT['page.convert.none']}")).to_be_visible()


def test_a_file_that_is_no_model_is_refused_with_the_reason(page: Page, faults: Faults, tmp_path: Path) -> None:
    (tmp_path / "nada.pth").write_bytes(b"<html>")
    open_from_menu(page, "convert")
    page.fill("#rvc-name", "Nada")
    page.set_input_files("#rvc-pth_file", tmp_path / "nada.pth")
    page.click(f"button:has-text('{PT['page.convert.add']}')")
    expect(page.locator("[role=alert]").first).to_contain_text("nada.pth", timeout=60_000)
    faults.expect("400 POST /rvc-models")
