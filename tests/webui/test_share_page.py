"""Tags of a voice, and its link with a QR code, on the Voices page; in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import meta
from playwright.sync_api import Page, expect
from qr import decoded, modules_of

from app.texts import catalogue
from speech.voice_library import VoiceLibrary

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
LINK = re.compile(r"http://127\.0\.0\.1:\d+/shared/[0-9a-f]{16}\.[\w-]{43}$")


def test_a_voice_is_tagged_and_found(page: Page) -> None:
    page.click("a[href='#/voices']")
    page.click("[data-tags='silence_male']")
    page.fill("#voice-tags", "rádio, teste")
    page.select_option("#voice-category", "narrator")
    page.click(f"dialog button:has-text('{PT['page.voices.save']}')")
    card = page.locator("[data-voice-id='silence_male']")
    expect(card.locator(".badge:has-text('rádio')")).to_be_visible()
    expect(card).to_contain_text(PT["page.voices.category.narrator"])
    found = page.locator("[data-voice-id]")
    for word in ("rádio", "narracao masculina teste"):
        page.fill("[role=search] input[type=search]", word)
        expect(found).to_have_count(1)
    page.fill("[role=search] input[type=search]", "")
    page.select_option("[data-filter=tag]", "rádio")
    expect(found).to_have_count(1)
    page.select_option("[data-filter=category]", "child")
    page.click(f"button:has-text('{PT['page.voices.clear']}')")
    page.select_option("[data-filter=category]", "narrator")
    expect(found).to_have_count(1)


@pytest.fixture
def ana(page: Page, tmp_path: Path) -> Page:
    """The Voices page with a cloned voice."""
    library = VoiceLibrary(tmp_path / "voices")
    library.add(meta("ana_de_fora"), {"style": np.zeros((510, 256), np.float32)}, {})
    library.export("ana_de_fora", tmp_path / "ana.safetensors")
    page.click("a[href='#/voices']")
    if page.request.get("/voices/ana_de_fora").status == 404:
        page.set_input_files("#voice-file", tmp_path / "ana.safetensors")
    expect(page.locator("[data-share='ana_de_fora']")).to_be_visible()
    return page


def test_a_cloned_voice_is_shared_and_its_qr_code_leads_there(ana: Page) -> None:
    ana.click("[data-share='ana_de_fora']")
    expect(ana.locator("#share-url")).to_have_value(LINK)
    code = ana.locator("#share-qr")
    path = code.locator("path").get_attribute("d") or ""
    width = int((code.get_attribute("viewBox") or "").split()[2])
    assert decoded(modules_of(path, width)) == ana.locator("#share-url").input_value()
    ana.click("#share-end")
    question = ana.locator("dialog", has_text=PT["page.voices.share_cost"])
    question.locator(".btn-quiet").click()
    expect(ana.locator("#share-url")).to_be_visible()
    ana.click("#share-end")
    question.locator(".btn-danger").click()
    expect(ana.locator("#share-url")).to_have_count(0)


def test_a_qr_code_that_cannot_be_drawn_is_told(ana: Page) -> None:
    ana.route("**/qrcode-generator/**", lambda route: route.abort())
    ana.click("[data-share='ana_de_fora']")
    expect(ana.locator("#share-url")).to_have_value(LINK)
    expect(ana.locator("dialog .alert")).to_contain_text(PT["page.voices.no_qr"].partition("{")[0])


def test_fine_tuned_weights_are_offered_as_no_file(ana: Page) -> None:
    voices = ana.request.get("/voices?limit=1000").json()
    tuned = [one | {"has_weights": one["id"] == "ana_de_fora"} for one in voices["voices"]]
    ana.route("**/voices?limit=1000", lambda route: route.fulfill(json=voices | {"voices": tuned}))
    expect(ana.locator("[data-export='ana_de_fora']")).to_be_visible()
    ana.reload()
    expect(ana.locator("[data-no-file='ana_de_fora']")).to_contain_text(PT["page.voices.no_file"])
    expect(ana.locator("[data-export-json='ana_de_fora']")).to_be_visible()
    expect(ana.locator("[data-export='ana_de_fora']")).to_have_count(0)


def test_after_a_voice_is_deleted_the_next_has_the_focus(ana: Page) -> None:
    ana.click("[data-delete='ana_de_fora']")
    ana.click("dialog .btn-danger")
    expect(ana.locator("[data-voice-id='ana_de_fora']")).to_have_count(0)
    expect(ana.locator(".voice-card button:focus")).to_have_count(1)
