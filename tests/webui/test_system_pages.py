"""Components and accounts in the browser, on the real service."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, Route, expect
from waiting import wait_for

from app.texts import catalogue

PT = catalogue("pt-BR")
pytestmark = pytest.mark.browser


def test_components_say_what_they_need(page: Page, service: str) -> None:
    wait_for(lambda: page.request.get("/health/engines").json()["hosts"][0]["answers"], 60)
    page.goto(f"{service}/webui#/components")
    xtts = page.locator("[data-component=xtts]")
    expect(xtts).to_contain_text("MB")
    expect(xtts.locator("[data-purpose]")).to_have_text(PT["components.purpose.xtts"])
    expect(page.locator("[data-hosts] li").first).to_contain_text("MB")
    bring = xtts.get_by_role("button", name=PT["page.components.bring"])
    expect(bring).to_be_disabled()
    xtts.get_by_label(PT["page.components.agree"]).check()
    expect(bring).to_be_enabled()


def test_without_accounts_the_page_says_so(page: Page, service: str) -> None:
    page.goto(f"{service}/webui#/account")
    expect(page.locator("[data-no-accounts]")).to_be_visible()
    shown: Any = page.evaluate("fetch('/auth/me').then((answer) => answer.json())")
    assert shown["has_accounts"] is False


def test_a_key_is_revoked_after_a_question_and_the_next_has_the_focus(page: Page) -> None:
    """As a signed-in account sees it; the routes are tested where accounts are."""
    me = {"user_id": "u1", "name": "Ana", "is_admin": False, "scopes": ["speak"], "has_accounts": True}
    key = {
        "scopes": ["speak"],
        "created_at": "2026-01-01T00:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
        "key": None,
    }
    keys = [key | {"id": name, "name": name} for name in ("leitor", "robô")]
    revoked: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method == "DELETE":
            revoked.append(unquote(route.request.url.rpartition("/")[2]))
            return route.fulfill(json={})
        route.fulfill(
            json=[one | {"revoked_at": "2026-01-02T00:00:00Z"} if one["id"] in revoked else one for one in keys]
        )

    page.route("**/auth/me", lambda route: route.fulfill(json=me))
    page.route("**/api-keys**", answer)
    page.goto("/webui#/account")
    first = page.locator("[data-key=leitor] [data-action=revoke]")
    first.click()
    page.keyboard.press("Escape")
    expect(first).to_be_focused()
    first.click()
    expect(page.locator("dialog")).to_contain_text(PT["page.account.revoke_question"].format(name="leitor"))
    page.click("dialog .btn-danger")
    expect(page.locator("[data-key=leitor]")).to_contain_text(PT["page.account.revoked"])
    expect(page.locator("[data-key='robô'] [data-action=revoke]")).to_be_focused()
    assert revoked == ["leitor"]
