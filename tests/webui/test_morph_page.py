"""Two voices mixed on the page: a cell is heard, and the mixture is kept as a voice; in a real browser."""

from __future__ import annotations

import pytest
from browsing import until
from page_faults import Faults
from playwright.sync_api import Page, expect

from speech.models import ModelStore

pytestmark = pytest.mark.browser
FIRST_SOUND_MS = 120_000  # the engine is loaded for it, on two busy cores


@pytest.fixture
def morph_page(model_store: ModelStore, page: Page) -> Page:
    page.goto("/webui#/morph")
    page.wait_for_selector("#morph-form")
    return page


def test_a_cell_is_heard_and_the_mixture_is_kept_as_a_voice(morph_page: Page) -> None:
    page = morph_page
    page.fill("#morph-text", "Bom dia.")
    page.select_option("#morph-first", "pf_dora")
    page.select_option("#morph-second", "pm_alex")
    page.click("[data-cell='0.25 0.75']")
    page.wait_for_selector(".player audio", state="attached")
    until(page, ".player audio", "audio => audio.duration > 0.5")
    expect(page.locator("[data-cell='0.25 0.75']")).to_have_attribute("aria-pressed", "true")
    page.fill("#name", "Mista da página")
    page.click("#morph-form button[type=submit]")
    expect(page.locator("#morph-form [role=status]")).to_contain_text("Mista da página")
    page.click("#morph-form [role=status] a")
    expect(page.locator("main")).to_contain_text("Mista da página")


def test_a_voice_is_mixed_with_those_of_its_engine_alone(morph_page: Page) -> None:
    offered = set(morph_page.locator("#morph-first option").evaluate_all("all => all.map(({ value }) => value)"))
    others = morph_page.locator("#morph-second option").evaluate_all("all => all.map(({ value }) => value)")
    assert {"pf_dora", "pm_alex"} <= offered and "silence" not in offered
    assert set(others) == offered - {morph_page.locator("#morph-first").input_value()}


def test_a_name_that_is_taken_is_refused_at_the_form(morph_page: Page, faults: Faults) -> None:
    kept, refused = morph_page.locator("#morph-form [role=status]"), morph_page.locator("#morph-form [role=alert]")
    for shown in (kept, refused):
        morph_page.fill("#name", "Dita duas vezes")
        morph_page.click("#morph-form button[type=submit]")
        expect(shown).to_be_visible()
    expect(kept).to_have_count(0)
    faults.expect("409 POST /voices/morph")


def test_a_style_is_heard_and_kept_and_a_path_is_heard(morph_page: Page) -> None:
    page = morph_page
    page.fill("#morph-text", "Bom dia.")
    page.select_option("#morph-first", "pf_dora")
    page.select_option("#morph-second", "pm_alex")
    page.click("[data-style=path]")
    page.wait_for_selector(".player audio", state="attached", timeout=FIRST_SOUND_MS)
    until(page, ".player audio", "audio => audio.duration > 0.5")
    page.select_option("#style-timbre", "pf_dora")
    page.select_option("#style-prosody", "pm_santa")
    page.click("[data-style=hear]")
    expect(page.locator(".player")).to_contain_text("Santa", timeout=FIRST_SOUND_MS)
    page.fill("#style-name", "Dora no jeito de Santa")
    page.click("#style-form button[type=submit]")
    expect(page.locator("#style-form [role=status]")).to_contain_text("Dora no jeito de Santa")
    page.click("#style-form [role=status] a")
    expect(page.locator("main")).to_contain_text("Dora no jeito de Santa")
