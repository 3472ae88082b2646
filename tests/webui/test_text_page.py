"""How a text will be read, beside the field; and the dictionary's table, in a real browser."""

from __future__ import annotations

import json
import re

import pytest
from browsing import open_from_menu
from page_faults import Faults
from playwright.sync_api import Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")


def test_the_speak_page_shows_how_a_text_will_be_read(page: Page) -> None:
    page.fill("#text", "Custa R$ 5 na <b>loja</b>.")
    page.click(f"text={PT['page.reading.ask']}")
    expect(page.locator(".reading-sentences li")).to_contain_text("Custa cinco reais na loja.")
    expect(page.locator(".reading")).to_contain_text("marca de HTML ou SSML")
    page.fill("#text", "uma linha\noutra linha")
    page.select_option("#wrapping", "join")
    page.click(f"text={PT['page.reading.ask']}")
    expect(page.locator(".reading-sentences li")).to_have_count(1)
    page.select_option("#wrapping", "auto")


def test_an_entry_is_added_and_deleted_and_a_wrong_one_refused(page: Page, faults: Faults) -> None:
    open_from_menu(page, "dictionary")
    page.fill("#entry-written", "NASA")
    page.fill("#entry-spoken", "nássa")
    page.click(f"button:has-text('{PT['page.dictionary.add']}')")
    row = page.locator("tbody tr")
    expect(row).to_contain_text("nássa")
    delete = row.locator(f"button[aria-label^='{PT['page.dictionary.delete']}']")
    delete.click()
    none = page.locator("h1 ~ p", has_text=PT["page.dictionary.none"])
    expect(none).to_be_visible()
    expect(page.locator("h1")).to_be_focused()
    page.click(f".toast button:has-text('{PT['page.toast.undo']}')")
    expect(row).to_contain_text("nássa")
    delete.click()
    expect(none).to_be_visible()
    page.fill("#entry-written", "(")
    page.fill("#entry-spoken", "x")
    page.check("[name=is_pattern]")
    page.click(f"button:has-text('{PT['page.dictionary.add']}')")
    expect(page.locator("#page, main").first).to_contain_text("não pode ser lido")
    faults.expect("422 POST /text/dictionary")


@pytest.mark.usefixtures("model_store")
def test_an_entry_is_heard_with_the_voice_of_its_language(page: Page) -> None:
    open_from_menu(page, "dictionary")
    page.fill("#entry-written", "XPTO")
    page.fill("#entry-spoken", "xis pê tê ó")
    page.select_option("#entry-language", "pt-BR")
    page.click(f"button:has-text('{PT['page.dictionary.add']}')")
    row = page.locator("tbody tr", has_text="XPTO")
    with page.expect_response("**/v1/audio/speech", timeout=60_000) as answered:
        row.locator(f"button[aria-label^='{PT['page.dictionary.hear']}']").click()
    asked = json.loads(answered.value.request.post_data or "")
    sound = page.request.post("/v1/audio/speech", data={**asked}).body()
    assert asked["input"] == "XPTO" and asked["voice"].startswith("p")
    expect(page.locator(".player")).to_have_attribute("data-player", re.compile("playing|ended"))
    expect(page.locator(".player-title")).to_have_text("XPTO")
    row.locator(f"button[aria-label^='{PT['page.dictionary.delete']}']").click()
    expect(row).to_have_count(0)
    without = page.request.post("/v1/audio/speech", data={**asked}).body()
    assert len(sound) > 44 and sound != without
