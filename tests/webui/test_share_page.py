"""Tags of a voice, and its link with a QR code, on the Voices page; in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import meta
from playwright.sync_api import Page, expect

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


def test_a_cloned_voice_is_shared(page: Page, tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path / "voices")
    library.add(meta("ana_de_fora"), {"style": np.zeros((510, 256), np.float32)}, {})
    library.export("ana_de_fora", tmp_path / "ana.safetensors")
    page.click("a[href='#/voices']")
    page.set_input_files("#voice-file", tmp_path / "ana.safetensors")
    page.click("[data-share='ana_de_fora']")
    expect(page.locator("#share-url")).to_have_value(LINK)
    page.click("#share-end")
    expect(page.locator("#share-url")).to_have_count(0)
