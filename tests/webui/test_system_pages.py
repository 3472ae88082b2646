"""Components and accounts in the browser, on the real service."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.texts import catalogue

PT = catalogue("pt-BR")
pytestmark = pytest.mark.browser


def test_components_say_what_they_need(page: Page, service: str) -> None:
    page.goto(f"{service}/webui#/components")
    xtts = page.locator("[data-component=xtts]")
    expect(xtts).to_contain_text("MB")
    bring = xtts.get_by_role("button", name=PT["page.components.bring"])
    expect(bring).to_be_disabled()
    xtts.get_by_label(PT["page.components.agree"]).check()
    expect(bring).to_be_enabled()


def test_without_accounts_the_page_says_so(page: Page, service: str) -> None:
    page.goto(f"{service}/webui#/account")
    expect(page.locator("[data-no-accounts]")).to_be_visible()
    shown: Any = page.evaluate("fetch('/auth/me').then((answer) => answer.json())")
    assert shown["has_accounts"] is False
