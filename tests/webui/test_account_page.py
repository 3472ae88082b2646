"""Accounts on the page of a real service: the first one, keys, other people's accounts, and the audit log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ContextManager

import pytest
from browsing import opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
PASSWORD = "correct horse battery"


def set_up(page: Page, token: str) -> None:
    page.goto(f"/webui#/account?token={token}")
    page.fill("[data-form=setup] [name=name]", "ana")
    page.fill("[data-form=setup] [name=password]", PASSWORD)
    page.click("[data-form=setup] button")
    expect(page.locator("[data-allowance]")).to_be_visible()


def a_key_for_figures(page: Page) -> None:
    """What docs/OPERATIONS.md asks for: of the scope `admin`, that ends."""
    expect(page.locator("[name=scopes]:checked")).to_have_count(2)
    page.fill("[data-form=key] [name=name]", "prometheus")
    for scope in ("read", "speak"):
        page.uncheck(f"#scope-{scope}")
    page.check("#scope-admin")
    page.fill("[name=expires_in_days]", "30")
    page.click("[data-form=key] button")
    expect(page.locator("li[data-key]")).to_contain_text("admin")
    key = page.locator("[data-new-key] code").text_content()
    figures = page.request.get("/metrics", headers={"Authorization": f"Bearer {key}"})
    assert figures.status == 200 and "papagaio_jobs" in figures.text()


def another_account(page: Page) -> None:
    page.click("[data-tab=users]")
    page.fill("[data-form=new-user] [name=name]", "bea")
    page.fill("[data-form=new-user] [name=password]", PASSWORD)
    page.click("[data-form=new-user] button")
    page.click(f"[aria-label='{PT['page.account.users.edit']}: bea']")
    page.select_option("[data-form=user] [name=role]", "listener")
    page.fill("[data-form=user] [name=characters_per_day]", "1000")
    page.check("#is_disabled")
    page.click("[data-form=user] .btn-primary")
    row = page.locator("tbody tr", has_text="bea")
    expect(row).to_contain_text(PT["page.account.users.disabled"])
    expect(row).to_contain_text(PT["page.account.role.listener"])
    bea = next(user for user in page.request.get("/users").json() if user["name"] == "bea")
    told = (bea["role"], bea["is_disabled"], bea["characters_per_day"], bea["compute_s_per_day"])
    assert told == ("listener", True, 1000, None)


def test_an_admin_makes_keys_keeps_accounts_and_reads_what_was_done(
    serve_at: Callable[[int], ContextManager[str]], browser: Browser, faults: Faults, tmp_path: Path
) -> None:
    with serve_at(0) as address, opened(browser, address, faults, "/webui#/account") as page:
        set_up(page, (tmp_path / "data" / "setup-token").read_text())
        a_key_for_figures(page)
        another_account(page)
        page.click(f"[aria-label='{PT['page.account.users.edit']}: ana']")  # the last admin stays one
        page.select_option("[data-form=user] [name=role]", "maker")
        page.click("[data-form=user] .btn-primary")
        expect(page.locator("[role=alert]").last).to_be_visible()
        faults.expect("409 PATCH /users/local")
        page.click("[data-tab=audit]")
        expect(page.locator("tbody tr[data-row]").first).to_contain_text(PT["page.audit.user_changed"])
        expect(page.locator("tbody")).to_contain_text(PT["page.audit.set_up"])
        page.set_viewport_size({"width": 360, "height": 700})
        for tab in ("own", "users", "audit"):
            page.click(f"[data-tab={tab}]")
            expect(page.locator(f"[data-tab={tab}][aria-current=page]")).to_have_count(1)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab
