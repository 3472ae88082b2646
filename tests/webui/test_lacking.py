"""Pages that lack a component offer it in its place, to whoever may bring it, and go on from there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from page_faults import Faults
from playwright.sync_api import Page, Route, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT = catalogue("pt-BR")
BROUGHT = {"id": "job_brought", "kind": "install", "status": "completed", "progress": 100}


@pytest.fixture
def lacking(page: Page) -> Callable[..., list[str]]:
    """`lacking(NAME, can_install)`: the service says that a component is not here until its button is pressed; the
    names of those that were asked for."""

    def say(name: str, can_install: bool = True) -> list[str]:
        asked: list[str] = []

        def listed(route: Route) -> None:
            parts: list[dict[str, Any]] = route.fetch().json()
            told = {"is_installed": bool(asked), "can_install": can_install, "terms": []}
            route.fulfill(json=[one | (told if one["name"] == name else {}) for one in parts])

        def brought(route: Route) -> None:
            asked.append(name)
            route.fulfill(status=202, json=BROUGHT)

        page.route("**/components", listed)
        page.route(f"**/components/{name}/install", brought)
        return asked

    return say


@pytest.mark.parametrize(
    ("place", "name"),
    [("convert", "convert-kokoro"), ("training", "datasets"), ("training/training", "training")],
)
def test_a_page_offers_what_it_lacks_and_goes_on(
    page: Page, lacking: Callable[..., list[str]], place: str, name: str
) -> None:
    asked = lacking(name)
    page.goto(f"/webui#/{place}")
    offer = page.locator(f"[data-lacking={name}]")
    expect(offer).to_contain_text(PT["page.components.lacking"])
    expect(offer.locator("[data-purpose]")).to_have_text(PT[f"components.purpose.{name}"])
    offer.get_by_role("button", name=PT["page.components.bring"]).click()
    expect(offer).to_have_count(0)
    assert asked == [name]


def test_who_may_not_bring_it_reads_what_to_do(page: Page, lacking: Callable[..., list[str]], faults: Faults) -> None:
    lacking("datasets", can_install=False)
    detail = "Faltam pacotes. Traga-os com: ./run dataset list"
    problem = {"code": "datasets_not_installed", "detail": detail, "component": "datasets"}
    page.route("**/training/dataset/segment", lambda route: route.fulfill(status=503, json=problem))
    page.goto("/webui#/training")
    page.click("[data-stage=segment]")
    expect(page.locator("[role=alert].alert-danger")).to_contain_text("./run dataset list")
    expect(page.locator("[data-lacking]")).to_have_count(0)
    faults.expect("503 POST /training/dataset/segment")


def test_speaking_with_what_is_not_here_offers_it(
    page: Page, lacking: Callable[..., list[str]], faults: Faults
) -> None:
    asked = lacking("listening")
    problem = {"code": "checking_not_installed", "detail": "./run convert --help", "component": "listening"}
    page.route("**/jobs", lambda route: route.fulfill(status=503, json=problem))
    page.goto("/webui#/speak")
    page.fill("#text", "Bom dia.")
    page.click(".speak-button")
    offer = page.locator("[data-lacking=listening]")
    expect(offer).to_contain_text(PT["components.title.listening"])
    expect(page.locator("form.speak [role=alert]")).to_have_count(0)
    offer.get_by_role("button", name=PT["page.components.bring"]).click()
    expect(offer).to_have_count(0)
    assert asked == ["listening"]
    faults.expect("503 POST /jobs")
