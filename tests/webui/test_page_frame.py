"""What all pages share: focus, drafts, the one player, the service's state, and what goes over the wire."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ContextManager, Literal

import pytest
from browsing import AXE, add_job
from page_faults import Faults
from playwright.sync_api import Browser, Page, Response, expect

from app.texts import catalogue
from conftest import free_port

pytestmark = pytest.mark.browser
PT = catalogue("pt-BR")
ROOT = Path(__file__).parents[2]
FIRST_VIEW_BYTES, SECOND_VIEW_BYTES = 250_000, 30_000


def test_focus_and_scroll_survive_a_list_that_changes(page: Page) -> None:
    first = add_job(page, "A primeira.")
    for number in range(12):
        add_job(page, f"Frase {number}.")
    page.goto("/webui#/jobs")
    row = page.locator(f"tr[data-job-id={first}]")
    expect(page.locator("tr[data-status=completed]")).not_to_have_count(0)
    expect(page.locator("tr[data-status=pending], tr[data-status=processing]")).to_have_count(0, timeout=60_000)
    button = row.locator("[data-action=reuse]")
    button.focus()
    page.wait_for_timeout(1000)  # Bootstrap scrolls smoothly
    before = button.bounding_box()
    assert page.evaluate("window.scrollY") > 0 and before is not None
    newest = add_job(page, "Uma nova.")
    expect(page.locator(f"tr[data-job-id={newest}][data-status=completed]")).to_have_count(1)
    expect(button).to_be_focused()
    after = button.bounding_box()
    assert after is not None and abs(after["y"] - before["y"]) < 60  # what one looked at stays where it is


def test_what_ends_between_the_answer_and_the_first_event_is_shown(page: Page) -> None:
    job_id = add_job(page, "Acaba antes de se ouvir o registro.")
    page.goto("/webui#/jobs")
    row = page.locator(f"tr[data-job-id={job_id}]")
    expect(row.and_(page.locator("[data-status=completed]"))).to_be_visible()
    older = page.request.get(f"/jobs/{job_id}").json() | {"status": "processing", "progress": 41.0}
    page.route("**/jobs?*", lambda route: route.fulfill(json={"total": 1, "jobs": [older]}), times=1)
    page.goto("/webui#/speak")
    page.goto("/webui#/jobs")
    expect(row.and_(page.locator("[data-status=completed]"))).to_be_visible()


def test_after_a_row_is_deleted_the_next_has_the_focus(page: Page) -> None:
    ids = [add_job(page, f"Para apagar {number}.") for number in range(2)]
    page.goto("/webui#/jobs")
    for job_id in ids:
        expect(page.locator(f"tr[data-job-id={job_id}][data-status=completed]")).to_have_count(1)
    newer = page.locator(f"tr[data-job-id={ids[1]}]")
    newer.locator("[data-action=delete]").focus()
    page.keyboard.press("Enter")
    page.click("dialog .btn-danger")
    expect(newer).to_have_count(0)
    expect(page.locator(f"tr[data-job-id={ids[0]}] [data-action=delete]")).to_be_focused()


def test_a_draft_and_its_result_survive_a_reload_and_sound_goes_on_from_page_to_page(page: Page) -> None:
    page.select_option("#source_language", "pt-BR")
    page.select_option("#voice_id", "silence_male")
    page.fill("#text", "Uma frase que fica, comprida o bastante para ser ouvida. " * 12)
    page.click(".speak-button")
    page.wait_for_selector(".player[data-player=playing]")
    page.click("a[href='#/voices']")
    page.wait_for_selector(".voice-card")
    clock = page.inner_text(".player [data-clock]")
    expect(page.locator(".player[data-player=playing] [data-clock]")).not_to_have_text(clock)
    page.goto("/webui#/speak")
    page.reload()
    expect(page.locator("#text")).to_have_value(re.compile("^Uma frase que fica"))
    expect(page.locator("#voice_id")).to_have_value("silence_male")
    page.wait_for_selector(".result[data-status=completed] [data-hear]")


@pytest.mark.parametrize("width", [1024, 1280])
def test_actions_are_in_reach_while_a_job_runs(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    job_id = add_job(page, "x")
    running = {
        "total": 1,
        "jobs": [page.request.get(f"/jobs/{job_id}").json() | {"status": "processing", "progress": 41.0}],
    }
    failed = running["jobs"][0] | {"id": "job_f", "status": "failed", "error_message": "Um motivo comprido. " * 12}
    running["jobs"].append(failed)
    page.route("**/jobs?*", lambda route: route.fulfill(json=running))
    page.goto("/webui#/jobs")
    for name in (job_id, "job_f"):
        box = page.locator(f"tr[data-job-id={name}] .actions .btn").last.bounding_box()
        assert box is not None and 0 <= box["x"] and box["x"] + box["width"] <= width
    row = page.locator("tr[data-job-id=job_f]").bounding_box()
    assert row is not None and row["height"] < 120  # the reason has a line of its own
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@dataclass
class Wire:
    """The answers that came, as they were sent."""

    answers: list[Response] = field(default_factory=list)

    def bytes(self) -> int:
        total = 0
        for answer in self.answers:
            if answer.request.resource_type == "eventsource" or answer.from_service_worker:
                continue
            sizes = answer.request.sizes()
            total += sizes["responseBodySize"] + sizes["responseHeadersSize"]
        return total


def test_a_first_view_is_light_and_a_second_costs_almost_nothing(service: str, browser: Browser) -> None:
    context = browser.new_context(base_url=service, locale="pt-BR")
    counted = []
    for _ in range(2):
        page, wire = context.new_page(), Wire()
        page.on("requestfinished", lambda request, wire=wire: wire.answers.append(request.response()))
        page.goto("/webui")
        page.wait_for_selector("#quality_profile_id")
        page.wait_for_timeout(500)
        counted.append(wire.bytes())
        page.close()
    context.close()
    print(f"first view {counted[0]} bytes, second {counted[1]}")
    assert counted[0] < FIRST_VIEW_BYTES and counted[1] < SECOND_VIEW_BYTES, counted


def test_files_are_kept_revalidated_and_compressed(service: str, page: Page) -> None:
    html = page.request.get("/webui").text()
    found = re.search(r'src="(/webui/v/\w+/js/app\.js)"', html)
    assert found is not None
    kept = page.request.get(found[1])
    assert "immutable" in kept.headers["cache-control"] and kept.headers["content-encoding"] == "gzip"
    again = page.request.get("/webui/js/app.js", headers={"If-None-Match": kept.headers["etag"]})
    assert again.status == 304 and again.body() == b""
    plain = page.request.get("/webui/js/app.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text() == kept.text()
    assert page.request.get("/webui/v/000000000000/js/app.js").headers["cache-control"] == "no-cache"
    assert page.request.get("/voices").headers["content-encoding"] == "gzip"


def test_the_page_recovers_by_itself_when_the_service_is_back(
    serve_at: Callable[[int], ContextManager[str]], browser: Browser
) -> None:
    port = free_port()
    with serve_at(port) as address:
        context = browser.new_context(base_url=address, locale="pt-BR")
        page = context.new_page()
        page.goto("/webui#/jobs")
        page.wait_for_selector(".empty")
        page.wait_for_selector("[data-live=open]", state="attached")
    page.wait_for_selector("[data-banner=unreachable]", timeout=30_000)
    expect(page.locator("[data-banner]")).to_contain_text(PT["page.service.unreachable"])
    expect(page.locator(".brand svg.logo")).to_be_visible()
    with serve_at(port):
        page.wait_for_selector("[data-banner=back]", timeout=30_000)
        page.wait_for_selector("[data-live=open]", state="attached", timeout=30_000)
        job_id = add_job(page, "Depois da volta.")
        expect(page.locator(f"tr[data-job-id={job_id}][data-status=completed]")).to_have_count(1, timeout=30_000)
        context.close()


def test_the_page_opens_while_the_service_is_away(service: str, browser: Browser) -> None:
    context = browser.new_context(base_url=service, locale="pt-BR")
    page = context.new_page()
    page.goto("/webui#/jobs")
    page.wait_for_selector(".grid, .empty")
    versions = "async () => (await caches.keys()).map((name) => name.replace('papagaio-page-', '')).sort()"
    while "document" not in page.evaluate(versions):
        page.wait_for_timeout(50)
    page.reload()  # by the worker
    page.wait_for_selector(".grid, .empty")
    assert len(page.evaluate(versions)) == 2
    (version,) = set(page.evaluate(versions)) - {"document"}
    assert f"/webui/v/{version}/" in page.content()
    context.set_offline(True)
    page.reload()
    expect(page.locator("[data-banner=unreachable]")).to_contain_text(PT["page.service.unreachable"])
    expect(page.locator(".brand svg.logo")).to_be_visible()
    expect(page.locator("[role=alert]").last).to_contain_text(PT["page.error.unreachable"])
    context.set_offline(False)
    page.wait_for_selector("[data-banner=back]", timeout=30_000)
    page.wait_for_selector(".grid, .empty")
    context.close()


def test_voices_are_fetched_again_once_a_job_is_done_and_not_before(page: Page) -> None:
    asked: list[str] = []
    page.on(
        "request",
        lambda request: (
            asked.append(request.url) if "/voices?" in request.url or request.url.endswith("/voices") else None
        ),
    )
    page.goto("/webui#/voices")
    page.wait_for_selector(".voice-card")
    assert asked == []  # Speak had them already
    job_id = add_job(page, "Pode ter feito uma voz.")
    page.goto("/webui#/jobs")
    page.wait_for_selector(f"tr[data-job-id={job_id}][data-status=completed]")
    page.goto("/webui#/voices")
    page.wait_for_selector(".voice-card")
    assert len(asked) >= 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(service: str, browser: Browser, axe: Path, theme: Literal["light", "dark"]) -> None:
    context = browser.new_context(base_url=service, locale="pt-BR", color_scheme=theme, bypass_csp=True)
    page = context.new_page()
    waits = {
        "speak": "#speed",
        "jobs": ".grid, .empty",
        "voices": ".voice-card",
        "clone": "[data-record], [data-problem]",
        "profiles": "[data-profile-form]",
    }
    found = {}
    for name, selector in waits.items():
        page.goto(f"/webui#/{name}")
        page.wait_for_selector(selector)
        page.add_script_tag(path=axe)
        if violations := page.evaluate(AXE):
            found[name] = violations
    context.close()
    assert found == {}


EXAMPLES = {
    "states": ".empty",
    "table": ".grid",
    "forms": "#any-file",
    "sound": ".waveform[data-ready=true]",
    "figures": "canvas",
}


@pytest.mark.parametrize("tab", EXAMPLES)
def test_every_widget_has_an_example(service: str, browser: Browser, faults: Faults, tab: str) -> None:
    context = browser.new_context(base_url=service, locale="en-US")
    context.add_init_script("localStorage.setItem('papagaio.development', '1')")
    page = context.new_page()
    page.on("console", faults.console)
    page.on("pageerror", lambda error: faults.found.append(str(error)))
    page.goto(f"/webui#/widgets/{tab}")
    page.wait_for_selector(EXAMPLES[tab])
    if tab == "table":
        page.fill("input[type=search]", "row 4")
        expect(page.locator("tbody tr:not(.below)")).to_have_count(9)
        page.click(".sorter >> nth=1")
        expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Seconds")
    if tab == "forms":
        page.click("form [type=submit]")
        expect(page.locator("#name")).to_be_focused()
        page.fill("#name", "x")
        expect(page.locator("[data-error-for=name]")).to_be_empty()
    context.close()
    assert faults.found == []


def test_the_example_of_the_guide_is_a_page(service: str, browser: Browser, faults: Faults) -> None:
    guide = (ROOT / "docs" / "WEBUI_INTEGRATION.md").read_text(encoding="utf-8")
    [source] = re.findall(r"```js\n(import \{ html \}.*?)```", guide, re.S)
    entry = '{ name: "hello", group: "studio", load: () => import("./pages/hello.js") },\n  { name: "speak"'
    context = browser.new_context(base_url=service, locale="en-US")
    page = context.new_page()

    def pages(route):  # type: ignore[no-untyped-def]
        route.fulfill(body=route.fetch().text().replace('{ name: "speak"', entry, 1), content_type="text/javascript")

    context.route("**/js/pages.js", pages)
    context.route("**/js/pages/hello.js", lambda route: route.fulfill(body=source, content_type="text/javascript"))
    page.on("pageerror", lambda error: faults.found.append(str(error)))
    page.goto("/webui#/hello/there")
    expect(page.locator("h1")).to_have_text("Hello there")
    expect(page.locator("tbody tr")).not_to_have_count(0)
    page.click("[data-page=hello] > button")
    expect(page.locator("h1")).to_have_text("Hi there")
    page.reload()
    expect(page.locator("h1")).to_have_text("Hi there")
    context.close()
    assert faults.found == []
