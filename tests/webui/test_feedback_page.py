"""The Feedback page in the browser: given by keyboard, thanked for, and read by admins alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ContextManager, Literal

import pytest
from browsing import AXE, open_from_menu, opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
PASSWORD = "correct horse battery"


@pytest.fixture
def fresh_page(serve_at: Callable[[int], ContextManager[str]], browser: Browser, faults: Faults) -> Any:
    """The page of a service to which nobody has said anything."""
    with serve_at(0) as address, opened(browser, address, faults, "/webui") as page:
        yield page


def give(browsed: Page, **body: Any) -> None:
    answer = browsed.request.post("/feedback", data=body)
    assert answer.status == 201, answer.text()


def mean(page: Page) -> float | None:
    told: float | None = page.request.get("/feedback").json()["mean"]
    return told


def test_a_score_is_given_by_keyboard_and_counts_in_the_mean(fresh_page: Page) -> None:
    page = fresh_page
    open_from_menu(page, "feedback")
    expect(page.locator("[data-given]")).to_contain_text(PT["page.feedback.mean_unknown"])
    page.click("[data-form=feedback] .btn-primary")
    expect(page.locator("[data-error-for=score]")).to_have_text("Escolha um número de 1 a 10.")
    assert mean(page) is None
    expect(page.locator("#score-1")).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#score-8")).to_be_checked()
    expect(page.locator("[data-error-for=score]")).to_be_empty()
    page.keyboard.press("Tab")
    expect(page.locator("#comment")).to_be_focused()
    page.keyboard.type("Rápido e claro.")
    expect(page.locator("[data-count]")).to_have_text("15 / 2.000")
    page.select_option("#page", "voices")
    page.click("[data-form=feedback] .btn-primary")
    expect(page.locator("[data-thanks] h2")).to_be_focused()
    expect(page.locator("[data-thanks]")).to_contain_text("8 de 10")
    expect(page.locator("[data-mean]")).to_have_text("8,00")
    said = page.locator("[data-feedback]")
    expect(said).to_contain_text("Rápido e claro.")
    expect(said).to_contain_text(PT["page.nav.voices"])
    page.click("[data-again]")
    expect(page.locator("#score-1")).to_be_focused()
    expect(page.locator("#comment")).to_have_value("")
    page.click("label[for=score-9]")
    page.click("[data-form=feedback] .btn-primary")
    expect(page.locator("[data-mean]")).to_have_text("8,50")
    assert mean(page) == 8.5
    bars = page.locator("[data-score] progress").evaluate_all("all => all.map(bar => bar.value)")
    assert bars == [0, 1, 1, *[0] * 7]  # from 10 down


def test_a_comment_is_deleted_after_a_question_and_the_next_has_the_focus(fresh_page: Page) -> None:
    page = fresh_page
    for number in range(11):
        give(page, score=10 if number == 10 else 5, comment=f"Frase {number}.")
    page.goto("/webui#/feedback")
    newest = page.locator("[data-feedback]", has_text="Frase 10.")
    delete = newest.locator("[data-action=delete]")
    delete.click()
    page.keyboard.press("Escape")
    expect(delete).to_be_focused()
    delete.click()
    expect(page.locator("dialog")).to_contain_text(PT["page.feedback.delete_cost"])
    page.click("dialog .btn-danger")
    expect(newest).to_have_count(0)
    expect(page.locator("[data-feedback]", has_text="Frase 9.").locator("[data-action=delete]")).to_be_focused()
    expect(page.locator("[data-mean]")).to_have_text("5,00")
    give(page, score=5, comment="Frase 11.")
    page.reload()
    page.click(f".pager button:has-text('{PT['page.table.after']}')")
    expect(page.locator("[data-feedback]")).to_have_count(1)
    page.click("[data-action=delete]")
    page.click("dialog .btn-danger")  # the last of its page: the one before is shown
    expect(page.locator("[data-feedback]")).to_have_count(10)
    expect(page.locator(".pager")).to_have_count(0)


def test_what_the_service_refuses_is_said_and_nothing_typed_is_lost(fresh_page: Page, faults: Faults) -> None:
    page = fresh_page
    page.goto("/webui#/feedback")
    page.click("label[for=score-3]")
    page.fill("#comment", "Fica aqui.")
    refusal = {"code": "x", "detail": "Devagar.", "errors": [{"field": "comment", "message": "é longo demais"}]}
    page.route(
        "**/feedback",
        lambda route: (
            route.fulfill(status=422, content_type="application/problem+json", json=refusal)
            if route.request.method == "POST"
            else route.fallback()
        ),
    )
    page.click("[data-form=feedback] .btn-primary")
    expect(page.locator("[data-error-for=comment]")).to_have_text("É longo demais")
    expect(page.locator("#comment")).to_be_focused()
    expect(page.locator("#comment")).to_have_value("Fica aqui.")
    expect(page.locator("#score-3")).to_be_checked()
    faults.expect("422 POST /feedback")
    page.unroute("**/feedback")
    page.click("[data-form=feedback] .btn-primary")
    expect(page.locator("[data-thanks]")).to_be_visible()


def test_who_is_no_admin_gives_and_does_not_read(
    serve_at: Callable[[int], ContextManager[str]], browser: Browser, faults: Faults, tmp_path: Path
) -> None:
    with serve_at(0) as address, opened(browser, address, faults, "/webui#/account") as page:
        token = (tmp_path / "data" / "setup-token").read_text()
        root = {"token": token, "name": "ana", "password": PASSWORD}
        assert page.request.post("/auth/setup", data=root).status == 201
        bea = {"name": "bea", "password": PASSWORD, "role": "listener"}
        assert page.request.post("/users", data=bea).status == 201
        assert page.request.post("/auth/logout").status == 204
        page.goto("/webui#/feedback")
        page.reload()
        expect(page.locator("[data-sign-in] a")).to_have_attribute("href", "#/account")
        expect(page.locator("[data-form], [data-given]")).to_have_count(0)
        expect(page.locator("[data-service=unknown]").first).to_be_attached()  # who asks is not told how it is
        asked: list[str] = []
        page.on("request", lambda request: asked.append(f"{request.method} {request.url.removeprefix(address)}"))
        signed_in = {"name": "bea", "password": PASSWORD}
        assert page.request.post("/auth/login", data=signed_in).status == 200
        page.goto("/webui#/speak")
        page.goto("/webui#/feedback")
        page.click("label[for=score-10]")
        page.fill("#comment", "Muito bom.")
        page.click("[data-form=feedback] .btn-primary")
        expect(page.locator("[data-thanks]")).to_be_visible()
        expect(page.locator("[data-given]")).to_have_count(0)
        assert [one for one in asked if "/feedback" in one and "webui" not in one] == ["POST /feedback"]
        assert page.request.post("/auth/login", data={"name": "ana", "password": PASSWORD}).status == 200
        page.reload()
        expect(page.locator("[data-mean]")).to_have_text("10,00")
        expect(page.locator("[data-feedback]")).to_contain_text("bea")
        faults.found = [one for one in faults.found if not one.startswith("401 ")]  # while nobody was signed in


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_a_phone_is_wide_enough(
    service: str, browser: Browser, axe: Path, theme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        base_url=service, locale="pt-BR", color_scheme=theme, bypass_csp=True, viewport={"width": 360, "height": 700}
    )
    page = context.new_page()
    give(page, score=7, comment="Uma palavra " + "muito" * 60, page="jobs")
    page.goto("/webui#/feedback")
    page.wait_for_selector("[data-feedback]")
    page.click("[data-form=feedback] .btn-primary")
    page.add_script_tag(path=axe)
    found = page.evaluate(AXE)
    page.click("label[for=score-7]")
    page.click("[data-form=feedback] .btn-primary")
    page.wait_for_selector("[data-thanks]")
    found += page.evaluate(AXE)
    widths = page.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert found == [] and widths <= 360
