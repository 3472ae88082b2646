"""The Dashboard: the charts have the figures of /analytics, and a job that ends is there without a reload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import until
from fitted_voices import meta
from playwright.sync_api import Page, expect

from app.api.rvc import RvcUsage
from app.texts import catalogue
from speech.voice_library import VoiceLibrary
from speech.voices import MANY_LANGUAGES

PT = catalogue("pt-BR")
pytestmark = pytest.mark.browser
MODELS = [
    {
        "model_id": name,
        "name": name,
        "total": total,
        "jobs": total,
        "conversions": 0,
        "previews": 0,
        "last_used_at": "2026-11-01T00:00:00Z",
    }
    for name, total in (("Ana", 7), ("Beto", 2))
]
# Two bars, whose heights are as 7 to 2.
BARS = """(canvas) => {
  const bars = globalThis.Chart?.getChart(canvas)?.getDatasetMeta(0).data ?? [];
  return bars.length === 2 && Math.abs(bars[0].height / bars[1].height - 3.5) < 0.1;
}"""
BODY = {"text": "O papagaio fala.", "mode": "dubbing", "voice_id": "silence_female", "source_language": "pt-BR"}


def do_job(page: Page) -> None:
    """Has a text spoken to its end."""
    answer = page.request.post("/jobs", form=BODY)
    assert answer.ok, answer.text()
    assert page.request.get(f"/jobs/{answer.json()['id']}/download?timeout=60").ok


def figures(page: Page, name: str) -> Any:
    return page.request.get(f"/analytics/{name}").json()


def told(page: Page, name: str) -> list[str]:
    """What the chart says in words."""
    return page.locator(f"[data-figure={name}] figcaption li").all_text_contents()


def test_a_job_that_ends_is_in_the_charts_at_once(page: Page) -> None:
    do_job(page)
    page.goto("/webui#/dashboard")
    expect(page.locator("[data-newest=jobs] li").first).to_contain_text(BODY["text"])
    expect(page.locator("[data-figure=days] canvas")).to_be_visible()
    before = told(page, "engines")
    do_job(page)
    [silence] = [one["uses"] for one in figures(page, "engines-usage") if one["name"] == "silence"]
    line = page.locator("[data-figure=engines] figcaption li", has_text="silence")
    expect(line).to_have_text(f"silence: {silence}")
    assert f"silence: {silence}" not in before
    today = figures(page, "jobs-per-day")[-1]["completed"]
    assert any(each.endswith(f": {today}") for each in told(page, "days"))


def test_the_languages_are_those_of_the_voices(page: Page) -> None:
    page.goto("/webui#/dashboard")
    expect(page.locator("[data-figure=languages] canvas")).to_be_visible()
    lines = told(page, "languages")
    counts = [one["voices"] for one in figures(page, "voices-by-language")]
    assert [int(line.rpartition(": ")[2]) for line in lines[: len(counts)]] == counts
    expect(page.locator("[data-figure=rvc]")).to_contain_text(PT["page.dashboard.no_rvc"])


def test_voices_of_many_languages_are_called_so(page: Page) -> None:
    rows = [{"language": "pt-BR", "voices": 3, "cloned": 0}, {"language": MANY_LANGUAGES, "voices": 2, "cloned": 1}]
    assert all(set(row) <= set(found) for row in rows for found in figures(page, "voices-by-language"))
    page.route("**/analytics/voices-by-language", lambda route: route.fulfill(json=rows))
    page.goto("/webui#/dashboard")
    expect(page.locator("[data-figure=languages] canvas")).to_be_visible()
    assert f"{PT['page.language.many']}: 2" in told(page, "languages")


def test_uses_of_rvc_models_are_drawn_one_bar_a_model(page: Page) -> None:
    """In the shape of the service, which counts uses in tests of its own: a model is a network."""
    uses = {"days": 30, "total": 9, "models": MODELS, "per_day": []}
    RvcUsage.model_validate(uses)
    page.route("**/analytics/rvc-usage", lambda route: route.fulfill(json=uses))
    page.goto("/webui#/dashboard")
    part = page.locator("[data-figure=rvc]")
    expect(part.locator("canvas")).to_be_visible()
    assert told(page, "rvc") == ["Ana: 7", "Beto: 2"]
    until(page, "[data-figure=rvc] canvas", BARS)


@pytest.fixture
def voices(page: Page, tmp_path: Path) -> Iterator[list[str]]:
    """Ids of six voices made on six days, the newest first; they come in another order."""
    library = VoiceLibrary(tmp_path / "voices")
    ids = [f"dia_{day}" for day in range(6, 0, -1)]
    for voice_id in sorted(ids, key=lambda one: int(one[-1]) * 5 % 7):
        made = meta(voice_id, title=voice_id, created_at=f"2026-10-0{voice_id[-1]}T12:00:00Z")
        library.add(made, {"style": np.zeros((510, 256), np.float32)}, {})
        library.export(voice_id, tmp_path / "one.safetensors")
        file = {
            "name": "one.safetensors",
            "mimeType": "application/octet-stream",
            "buffer": (tmp_path / "one.safetensors").read_bytes(),
        }
        assert page.request.post("/voices/import", multipart={"file": file}).ok
    others = [one for one in page.request.get("/voices?limit=1000").json()["voices"] if one["created_at"]]
    yield [one["title"] for one in sorted(others, key=lambda one: str(one["created_at"]), reverse=True)]
    for voice_id in ids:
        page.request.delete(f"/voices/{voice_id}")


def test_the_five_newest_voices_come_the_newest_first(page: Page, voices: list[str]) -> None:
    page.goto("/webui#/dashboard")
    lines = page.locator("[data-newest=voices] li .cut")
    expect(lines).to_have_text(voices[:5])
    assert len(voices) >= 6 and [one for one in voices if one.startswith("dia_")] == [
        f"dia_{n}" for n in range(6, 0, -1)
    ]


@pytest.mark.parametrize(("begin", "address"), [("speak", "#/speak"), ("clone", "#/clone"), ("convert", "#/convert")])
def test_what_is_done_most_begins_here(page: Page, begin: str, address: str) -> None:
    page.goto("/webui#/dashboard")
    page.click(f"[data-begin={begin}]")
    expect(page).to_have_url(re.compile(f"{address}$"))
