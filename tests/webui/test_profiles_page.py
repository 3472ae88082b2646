"""Quality profiles on the page: every parameter slid, heard, kept, brought in and given out; in a real browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browsing import until
from page_faults import Faults
from playwright.sync_api import Page, Request, Response, expect

from speech.models import ModelStore

pytestmark = pytest.mark.browser

SLIDERS = "all => all.map(({ id, min, max, step, value, disabled }) => ({ id, min, max, step, value, disabled }))"


def opened(page: Page, engine: str = "silence", profile: str = "") -> Page:
    page.goto(f"/webui#/profiles/{engine}" + (f"?profile={profile}" if profile else ""))
    page.wait_for_selector(f"[data-tab={engine}][aria-current=page]")
    page.wait_for_selector("[data-profile-form]")
    return page


def answered(page: Page, path: str) -> Any:
    response = page.request.get(path)
    assert response.ok, response.text()
    return response.json()


def slide(page: Page, name: str, *values: float) -> None:
    """As a hand does: one value after the other, in one go."""
    page.eval_on_selector(
        f"#{name}",
        "(slider, values) => values.forEach((value) => { slider.value = value;"
        " slider.dispatchEvent(new Event('input', { bubbles: true })); })",
        list(values),
    )


def made(page: Page, name: str, **parameters: float | bool) -> str:
    body = {"name": name, "engine": "silence", "parameters": parameters}
    response = page.request.post("/quality-profiles", data=body)
    assert response.status == 201, response.text()
    return str(response.json()["id"])


def test_sliders_have_the_ranges_that_the_service_tells(page: Page) -> None:
    engines = [one["name"] for one in answered(page, "/health/engines")["engines"]]
    assert {"kokoro", "silence"} <= set(engines)
    for engine in engines:
        opened(page, engine)
        known = answered(page, f"/quality-profiles/{engine}")
        usual = next(one for one in known["profiles"] if one["is_default"])["parameters"]
        values = {one["name"]: usual.get(one["name"], one["default"]) for one in known["parameters"]}
        wanted = {one["name"]: one for one in known["parameters"] if one["kind"] != "switch"}
        shown = {one["id"]: one for one in page.eval_on_selector_all(".profile-form input[type=range]", SLIDERS)}
        assert set(shown) == set(wanted)
        for name, one in wanted.items():
            numbers = [float(shown[name][field]) for field in ("min", "max", "step", "value")]
            assert numbers == [one["minimum"], one["maximum"], one["step"], values[name]], (engine, name)
            assert shown[name]["disabled"] is (one["switch"] is not None and not values[one["switch"]])
        switches = page.eval_on_selector_all(
            ".profile-form [role=switch]", "all => Object.fromEntries(all.map(({ id, checked }) => [id, checked]))"
        )
        assert switches == {one["name"]: values[one["name"]] for one in known["parameters"] if one["kind"] == "switch"}


def test_a_template_sets_the_values_which_are_saved_as_ones_own(page: Page) -> None:
    opened(page)
    expect(page.locator("[data-undo]")).to_be_disabled()
    page.click("#add_breathing")
    page.click("[data-template=podcast]")
    expect(page.locator("[data-template=podcast]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#add_breathing")).not_to_be_checked()
    expect(page.locator("#target_loudness")).to_have_value("-16")
    page.click("[data-template=voice_message]")
    expect(page.locator("[data-template=podcast]")).to_have_attribute("aria-pressed", "false")
    page.fill("#name", "Recados da página")
    page.click("[data-save]")
    expect(page.locator("#profile-title")).to_have_text("Recados da página")
    known = answered(page, "/quality-profiles/silence")
    template = next(one for one in known["templates"] if one["name"] == "voice_message")["parameters"]
    kept = next(one for one in known["profiles"] if one["name"] == "Recados da página")["parameters"]
    assert kept == template
    expect(page.locator("[data-unsaved]")).to_have_count(0)


def test_a_change_is_heard_a_moment_later_and_only_the_last_one(page: Page, model_store: ModelStore) -> None:
    opened(page, "kokoro")
    asked: list[Request] = []
    page.on("request", lambda one: asked.append(one) if one.url.endswith("/preview") else None)
    page.fill("#hearing-text", "Bom dia.")
    page.select_option("#hearing-voice", "pf_dora")
    slide(page, "speed", 0.6)
    page.wait_for_timeout(1000)
    assert asked == []  # nobody asked to hear it
    page.click("#live-preview")
    slide(page, "speed", 0.7, 0.9, 1.4)
    page.wait_for_selector(".player[data-key='profile preview'] audio", state="attached")
    until(page, ".player audio", "audio => audio.duration > 0.3")
    assert [json.loads(one.post_data or "") for one in asked] == [
        {
            "text": "Bom dia.",
            "voice_id": "pf_dora",
            "language": "pt-BR",
            "profile_id": "kokoro_balanced",
            "parameters": {"speed": 1.4},
        }
    ]
    fast = page.eval_on_selector(".player audio", "audio => audio.duration")
    page.click("#live-preview")
    slide(page, "speed", 0.5)
    page.click("[data-hear-values]")
    until(page, ".player audio", f"audio => audio.duration > 1.5 * {fast}")


def test_the_newest_request_is_heard_and_older_ones_are_given_up(page: Page) -> None:
    opened(page)
    given_up: list[str] = []
    page.on("requestfailed", lambda one: given_up.append(one.url))
    page.route(
        "**/preview", lambda route: None if '"speed":2' in (route.request.post_data or "") else route.continue_()
    )
    slide(page, "speed", 2)
    page.click("[data-hear-values]")
    page.wait_for_selector("[data-hearing=making]")
    slide(page, "speed", 0.5)
    page.click("[data-hear-values]")
    page.wait_for_selector("[data-hearing=idle]")
    until(page, ".player audio", "audio => audio.duration > 0")
    assert [url.rpartition("/")[2] for url in given_up] == ["preview"]


def test_an_engine_that_is_not_ready_is_set_and_not_heard(page: Page) -> None:
    engines = answered(page, "/health/engines")["engines"]
    absent = next((one["name"] for one in engines if not one["available"]), None)
    if absent is None:
        pytest.skip("every engine that is listed is ready here")
    opened(page)
    page.click("#live-preview")
    opened(page, absent)
    expect(page.locator("[data-silent] a[href='#/components']")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/preview") else None)
    page.click("[data-template=voice_message]")
    page.wait_for_timeout(1000)
    expect(page.locator("#target_loudness")).to_have_value("-14")
    assert asked == []


def test_what_the_service_refuses_to_speak_is_said(page: Page, faults: Faults) -> None:
    opened(page)
    page.fill("#hearing-text", "日本語")
    page.click("[data-hear-values]")
    expect(page.locator(".profile-hearing [role=alert]")).to_be_visible()
    faults.expect("422 POST /quality-profiles/silence/preview")


def test_a_profile_is_given_out_and_brought_in_and_a_bad_one_refused(
    page: Page, tmp_path: Path, faults: Faults
) -> None:
    profile = made(page, "De viagem", speed=1.25, pitch_semitones=2.0)
    opened(page, "silence", profile)
    with page.expect_download() as download:
        page.click("[data-act=export]")
    file = tmp_path / "travel.json"
    download.value.save_as(file)
    told = json.loads(file.read_text())
    assert told["parameters"] == {"speed": 1.25, "sentence_pause_s": 0.25, "pitch_semitones": 2.0}
    page.set_input_files("#profile-file", file)
    expect(page.locator(".profile-name", has_text="De viagem")).to_have_count(2)
    expect(page.locator("#speed")).to_have_value("1.25")
    alike = [one for one in answered(page, "/quality-profiles/silence")["profiles"] if one["name"] == "De viagem"]
    assert len(alike) == 2 and alike[0]["parameters"] == alike[1]["parameters"] == told["parameters"]

    for bad in ({**told, "parameters": {"speed": 9}}, {**told, "colour": "red"}):
        file.write_text(json.dumps(bad))
        page.set_input_files("#profile-file", file)
        wrong = "speed" if "colour" not in bad else "colour"
        expect(page.locator(".profiles-side [role=alert]")).to_contain_text(wrong)
        faults.expect("422 POST /quality-profiles/import")
    assert len(answered(page, "/quality-profiles/silence")["profiles"]) == page.locator("[data-profile]").count()


def test_a_profile_is_renamed_copied_made_default_and_deleted_when_asked(page: Page) -> None:
    profile = made(page, "Antes", speed=1.5)
    opened(page, "silence", profile)
    page.fill("#name", "Depois")
    expect(page.locator("[data-unsaved]")).to_have_count(1)
    page.click("[data-save]")
    expect(page.locator("#profile-title")).to_have_text("Depois")
    page.click("[data-act=duplicate]")
    expect(page.locator("#profile-title")).to_have_text("Depois (cópia)")
    expect(page.locator("#speed")).to_have_value("1.5")
    page.click("[data-act=default]")
    expect(page.locator("[data-act=default]")).to_be_disabled()
    assert [one["name"] for one in answered(page, "/quality-profiles/silence")["profiles"] if one["is_default"]] == [
        "Depois (cópia)"
    ]
    page.click("[data-act=delete]")
    page.click(".ask .btn-quiet")
    expect(page.locator("#profile-title")).to_have_text("Depois (cópia)")
    page.click("[data-act=delete]")
    page.click(".ask .btn-danger")
    expect(page.locator("[data-profile=silence_balanced]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-act=delete]")).to_have_count(0)
    names = [one["name"] for one in answered(page, "/quality-profiles/silence")["profiles"]]
    assert "Depois" in names and "Depois (cópia)" not in names


def test_a_name_that_is_empty_is_refused_at_its_field(page: Page, faults: Faults) -> None:
    opened(page)
    page.fill("#name", " ")
    page.click("[data-save]")
    expect(page.locator("[data-error-for=name]")).not_to_be_empty()
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")
    faults.expect("422 POST /quality-profiles/silence")


def test_two_profiles_say_the_same_side_by_side(page: Page) -> None:
    slow, fast = made(page, "Lado lento", speed=0.5), made(page, "Lado rápido", speed=2.0)
    opened(page)
    page.fill("#hearing-text", "Uma frase para dois.")
    page.select_option("#hearing-voice", "silence_male")
    asked: list[dict[str, Any]] = []
    page.on("request", lambda one: asked.append(one.post_data_json) if one.url.endswith("/preview") else None)
    page.select_option("#compare-A", slow)
    page.select_option("#compare-B", slow)
    expect(page.locator("[data-compare-begin]")).to_be_disabled()
    page.select_option("#compare-B", fast)
    page.click("[data-compare-begin]")
    page.wait_for_selector("[data-side=A] .waveform[data-ready=true]")
    page.wait_for_selector("[data-side=B] .waveform[data-ready=true]")
    same = {"text": "Uma frase para dois.", "voice_id": "silence_male", "language": "pt-BR"}
    assert asked == [{**same, "profile_id": slow}, {**same, "profile_id": fast}]
    sides = page.locator("[data-side]")
    sources = sides.evaluate_all("all => all.map(({ dataset }) => dataset.src)")
    assert len(set(sources)) == 2
    sizes = [
        page.evaluate("src => fetch(src).then((one) => one.blob()).then(({ size }) => size)", src) for src in sources
    ]
    assert sizes[0] == pytest.approx(4 * sizes[1], rel=0.02)
    expect(sides.nth(0)).to_contain_text("Lado lento")
    expect(sides.nth(1)).to_contain_text("Lado rápido")
    play = page.locator("[data-side] .waveform button")
    for on, other in ((0, 1), (1, 0)):
        play.nth(on).click()
        expect(play.nth(on)).to_have_attribute("aria-pressed", "true")
        expect(play.nth(other)).to_have_attribute("aria-pressed", "false")


def test_both_profiles_get_the_seed_that_the_first_one_drew(xtts_page: Page) -> None:
    pytest.importorskip("torch")
    page = opened(xtts_page, "xtts")
    page.fill("#hearing-text", "Bom dia.")
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if one.url.endswith("/preview") else None)
    page.click("[data-compare-begin]")
    page.wait_for_selector("[data-side=B], .profile-compare [role=alert]", timeout=60_000)
    expect(page.locator(".profile-compare [role=alert]")).to_have_count(0)
    first, second = answers
    seed = first.headers["x-papagaio-seed"]
    assert "seed" not in first.request.post_data_json and second.request.post_data_json["seed"] == int(seed)
    assert second.headers["x-papagaio-seed"] == seed
    expect(page.locator(f"[data-seed='{seed}']")).to_contain_text(seed)


def test_uses_and_votes_are_told_the_most_used_first(page: Page) -> None:
    rare, often = made(page, "Conta pouco"), made(page, "Conta muito")
    page.reload()
    page.fill("#text", "Uma frase.")
    page.select_option("#voice_id", "silence_female")
    page.wait_for_selector(f"#quality_profile_id option[value={often}]", state="attached")
    for profile, stars in ((often, 5), (rare, None), (often, 4), (often, None)):
        page.select_option("#quality_profile_id", profile)
        page.click(".speak-button")
        page.wait_for_selector(".result[data-status=completed] [data-rating='']")
        if stars is not None:
            page.click(f".result-rating [data-stars='{stars}']")
            expect(page.locator(f"[data-rating='{stars}'] [aria-pressed=true]")).to_have_text(str(stars))
    opened(page, "silence", often)
    rows = page.locator("[data-figures] tbody tr")
    order = [row for row in rows.evaluate_all("all => all.map(({ dataset }) => dataset.row)") if row in (rare, often)]
    assert order == [often, rare]
    told = page.locator(f"[data-figures] tr[data-row={often}]")
    expect(told).to_contain_text("Conta muito")
    expect(told.locator("td").nth(2)).to_have_text("3")
    expect(told.locator("td").nth(4)).to_have_text("4,5 de 5 em 2 notas")
    expect(page.locator(f"[data-figures] tr[data-row={rare}] td").nth(4)).to_have_text("–")
    expect(page.locator(f"[data-profile={often}] .profile-uses")).to_have_text("3 trabalhos · 4,5 de 5 em 2 notas")
    uses = [int(text) for text in rows.locator("td:nth-child(3)").all_inner_texts()]
    assert uses == sorted(uses, reverse=True)
