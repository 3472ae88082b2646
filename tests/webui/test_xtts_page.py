"""XTTS in the page: its voices are offered for every language it speaks, and its licence is said before and after."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytest.importorskip("torch")
pytest.importorskip("tokenizers")
pytestmark = pytest.mark.browser
PT = catalogue("pt-BR")
NON_COMMERCIAL = PT["page.licence.noncommercial"]


def test_a_studio_voice_is_chosen_and_speaks(xtts_page: Page) -> None:
    page = xtts_page
    for language in ("de", "pt-BR"):
        page.select_option("#source_language", language)
        page.select_option("#voice_id", "xtts_luis_moray")
    expect(page.locator("[data-licence=LicenseRef-CPML]")).to_contain_text(NON_COMMERCIAL)
    page.wait_for_selector("#quality_profile_id option[value=xtts_expressive]", state="attached")
    page.fill("#text", "Bom dia.")
    page.click(".speak-button")
    page.wait_for_selector(".result[data-status=completed] [data-hear]", timeout=60_000)
    facts = page.inner_text(".facts")
    assert "xtts" in facts and NON_COMMERCIAL in facts and PT["page.fact.seed"] in facts
    page.select_option("#voice_id", "silence_female")
    expect(page.locator("[data-licence]")).to_have_count(0)
    page.goto("/webui#/voices")
    card = page.locator("[data-voice-id=xtts_alma_maria]")
    expect(card).to_contain_text(NON_COMMERCIAL)
    expect(card.locator("a[href*=LICENSE]")).to_have_count(1)
