"""The Clone page in a real browser, in front of the real service; the fit is rehearsed, and once the intake is real."""

from __future__ import annotations

import json
import math
import wave
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import ContextManager

import pytest
from browsing import opened
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.tasks.cloning_service import INTAKE_MODELS
from app.texts import catalogue
from speech.audio import join, save
from speech.engines.registry import Registry
from speech.models import ModelStore
from speech.synthesis import Synthesizer

pytestmark = pytest.mark.browser

PT, EN = catalogue("pt-BR"), catalogue("en")
RATE = 24_000
JOB_MS = 60_000  # the first job of a service waits for its process to start


def tone(path: Path, duration_s: float = 2.0, level: float = 0.3) -> Path:
    samples = (level * math.sin(index * 0.05) for index in range(int(RATE * duration_s)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array("h", (round(32_767 * sample) for sample in samples)).tobytes())
    return path


def checked(page: Page, *files: Path) -> str:
    """Gives files and has them taken in; the id of the intake, whose clips are shown."""
    page.set_input_files("#file", list(files))
    expect(page.locator("[data-take]")).to_have_count(len(files))
    page.click("form.clone-record [type=submit]")
    shown = page.wait_for_selector(".clips-view[data-status=completed]", timeout=JOB_MS)
    assert shown is not None
    job_id = shown.get_attribute("data-job-id")
    assert job_id
    return job_id


def begun(page: Page, name: str, steps: int = 5) -> str:
    """From the clips to the fit; its job's id."""
    page.click(".clips-view .btn-primary")
    page.fill("#name", name)
    page.fill("#description", str(steps))
    page.check("#consent")
    page.click("form.clone-name [type=submit]")
    page.wait_for_selector(".fit, .report")
    jobs = page.request.get("/jobs?limit=50").json()["jobs"]
    return str(next(job["id"] for job in jobs if job["voice_name"] == name))


def test_a_recording_becomes_a_voice_that_is_heard_chosen_and_deleted(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    checked(page, tone(tmp_path / "ana.wav"))
    page.click(".clips-view .btn-primary")
    page.fill("#name", "Ana Lúcia")
    assert page.inner_text("label[for=effort-default]").splitlines()[0] == PT["clone.effort.default"]
    page.click("label[for=effort-fast]")
    page.select_option("#gender", "female")
    page.fill("#description", "60")
    page.click("form.clone-name [type=submit]")
    expect(page.locator("[data-error-for=consent]")).to_have_text(PT["page.clone.consent_needed"])
    expect(page.locator("#consent")).to_be_focused()
    page.keyboard.press("Space")
    page.click("form.clone-name [type=submit]")
    page.wait_for_selector(".fit[data-status=processing] [data-stage='clone.step.report']")
    expect(page.locator("[data-sample=half] audio")).to_have_count(1)
    page.wait_for_selector(".report[data-voice-id=ana_lucia]")
    assert page.url.endswith("#/clone?voice=ana_lucia")
    voice = page.request.get("/voices/ana_lucia").json()
    assert voice["consent"]["statement"] == PT["clone.consent_statement"]
    expect(page.locator(".consent blockquote")).to_have_text(PT["clone.consent_statement"])
    expect(page.locator(".sides audio")).to_have_count(3)
    cells = "td => td.map(one => one.textContent)"
    assert page.eval_on_selector_all("[data-measure=resnet34] td", cells) == ["0,25", "0,71", "0,88"]
    assert page.eval_on_selector_all("[data-measure=eres2net] td", cells)[2] == PT["page.report.unknown"]
    assert page.eval_on_selector_all("[data-measure=words] td", cells) == ["0,0 %", "2,5 %", "–"]
    assert page.eval_on_selector_all("[data-measure=overall] td", cells)[:2] == [PT["page.report.unknown"]] * 2
    expect(page.locator(".report")).to_contain_text("speechmos")
    expect(page.locator(".report")).to_contain_text(PT["clone.report.narrow"].replace("{khz}", "3,8"))
    page.click("[data-voice=use]")
    expect(page.locator("#voice_id")).to_have_value("ana_lucia")
    expect(page.locator(".consent blockquote")).to_have_text(PT["clone.consent_statement"])
    page.select_option("#source_language", "en-US")
    expect(page.locator("#voice_id")).to_have_value("ana_lucia")
    page.click("a[href='#/jobs']")
    row = page.locator("tr[data-status=completed]", has_text=PT["page.jobs.kind.clone_voice"])
    row.locator("[data-action=open]").click()
    page.click("[data-voice=delete]")
    page.click("dialog .btn-danger")
    page.wait_for_selector(".voice-card")
    assert page.request.get("/voices/ana_lucia").status == 404


def test_the_microphone_is_recorded_heard_again_and_dropped(clone_page: Page, faults: Faults) -> None:
    page = clone_page
    page.select_option("#language", "en-US")
    expect(page.locator(".reading-text")).to_contain_text("Good morning!")
    expect(page.locator(".reading-text")).to_have_attribute("lang", "en-US")
    for count in (1, 2):
        page.focus("[data-record]")
        page.keyboard.press("Enter")
        page.wait_for_selector("[data-record=recording]")
        expect(page.locator(".record-clock")).to_have_text("0:02" if count == 1 else "0:01")
        page.keyboard.press("Enter")
        expect(page.locator("[data-take]")).to_have_count(count)
    for take in page.locator("[data-take] audio").all():  # its length is known once its head was read
        expect(take).to_have_js_property("readyState", 4)
    lengths = page.eval_on_selector_all("[data-take] audio", "all => all.map(audio => audio.duration)")
    assert 2.0 <= lengths[0] < 4.0 and 1.0 <= lengths[1] < 3.0, lengths
    page.locator("[data-drop]").nth(1).click()
    expect(page.locator("[data-take]")).to_have_count(1)
    page.click("a[href='#/jobs']")
    page.click("a[href='#/clone']")
    expect(page.locator("[data-take]")).to_have_count(1)
    page.click("[data-record]")
    expect(page.locator(".record-clock")).to_have_text("0:01")
    page.click("[data-language=en]")  # draws the page anew; what was recorded is kept
    expect(page.locator("[data-take]")).to_have_count(2)
    page.click("[data-language=pt-BR]")
    page.locator("[data-drop]").nth(1).click()
    page.route(
        "**/voices/intake", lambda route: route.fulfill(status=507, json={"code": "x", "detail": "Disco cheio."})
    )
    page.click("form.clone-record [type=submit]")
    expect(page.locator("[data-problem] [role=alert]")).to_have_text("Disco cheio.")
    faults.expect("507 POST /voices/intake")
    expect(page.locator("[data-take]")).to_have_count(1)
    page.unroute("**/voices/intake")
    page.click("form.clone-record [type=submit]")
    page.wait_for_selector(".clips-view")
    job = page.request.get(f"/jobs/{page.get_attribute('.clips-view', 'data-job-id')}").json()
    [clip] = job["result"]["clips"]
    assert (job["source_language"], round(clip["duration_s"], 1)) == ("en-US", round(lengths[0], 1))


def test_clips_are_heard_corrected_and_left_out(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    files = [tone(tmp_path / "a.wav"), tone(tmp_path / "b.wav", 3), tone(tmp_path / "c.wav", 2, 0.001)]
    intake_id = checked(page, *files)
    refused = page.locator("[data-clip=c003]")
    expect(refused.locator(".finding[data-severity=refused]")).to_contain_text(PT["clone.hint.too_quiet"])
    expect(refused.locator("[type=checkbox]")).to_be_disabled()
    expect(page.locator(".clip-totals")).to_contain_text("2 de 3")
    page.click("[data-clip=c001] [data-hear]")
    page.wait_for_selector("[data-clip=c001] [data-state=playing]")
    page.click("[data-clip=c002] [data-hear]")
    page.wait_for_selector("[data-clip=c001] [data-state=idle]")
    page.fill("[data-clip=c001] textarea", "Boa tarde.")
    page.uncheck("[data-clip=c002] [type=checkbox]")
    expect(page.locator(".clip-totals")).to_contain_text("1 de 3")
    sent = []
    page.on("request", lambda request: sent.append(request.post_data) if request.url.endswith("/fit") else None)
    begun(page, "Corrigida")
    page.wait_for_selector(".report")
    asked = json.loads(sent[0])
    assert asked["intake_job_id"] == intake_id
    assert asked["clips"] == [{"clip_id": "c001", "use": True, "text": "Boa tarde."}, {"clip_id": "c002", "use": False}]


def test_advice_for_many_clips_is_given_once(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    checked(page, *(tone(tmp_path / f"{name}.wav", 2, 0.001) for name in "abc"))
    told = page.locator("[data-shared=too_quiet]")
    expect(told).to_contain_text(PT["page.clone.shared"].format(count=3, clips=3))
    expect(told).to_contain_text(PT["clone.hint.too_quiet"])
    expect(page.locator("[data-clip] .finding")).to_have_count(3)
    expect(page.locator("table.clips")).not_to_contain_text(PT["clone.hint.too_quiet"])


def test_an_intake_that_failed_is_shown_once(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    page.set_input_files("#file", [tone(tmp_path / "a.wav", 0.5)])
    page.click("form.clone-record [type=submit]")
    page.wait_for_selector("[data-status=failed]", timeout=JOB_MS)
    page.goto("/webui#/clone")
    expect(page.locator("[data-status=failed]")).to_be_visible()
    page.goto("/webui#/speak")
    page.goto("/webui#/clone")
    expect(page.locator("[data-record]")).to_be_visible()


def test_files_are_dropped_and_their_length_is_told(clone_page: Page) -> None:
    page = clone_page
    page.eval_on_selector(
        ".drop-zone",
        """(zone) => {
          const wav = new Uint8Array(44 + 2 * 24000 * 12);
          const view = new DataView(wav.buffer);
          "RIFF    WAVEfmt ".split("").forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
          [[4, wav.length - 8], [16, 16], [24, 24000], [28, 48000], [40, wav.length - 44]].forEach(
            ([at, value]) => view.setUint32(at, value, true));
          [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => view.setUint16(at, value, true));
          "data".split("").forEach((letter, at) => view.setUint8(36 + at, letter.charCodeAt(0)));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([wav], "solta.wav", {type: "audio/wav"}));
          zone.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        }""",
    )
    expect(page.locator("[data-take]")).to_contain_text("solta.wav")
    told = PT["page.clone.total.enough"].format(time="0:12")
    expect(page.locator(".takes [role=status]")).to_have_text(told)


def test_a_refused_recording_is_explained_and_stays(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    page.set_input_files("#file", tone(tmp_path / "curta.wav", 0.5))
    page.click("form.clone-record [type=submit]")
    expect(page.locator("[data-status=failed] [role=alert]")).to_contain_text("curta.wav")
    page.click("[data-status=failed] button")
    expect(page.locator("[data-take]")).to_have_count(1)


def test_a_running_fit_is_found_again_paused_resumed_and_cancelled(clone_page: Page, tmp_path: Path) -> None:
    page = clone_page
    checked(page, tone(tmp_path / "longa.wav"))
    job_id = begun(page, "Longa", 4000)
    page.click("a[href='#/voices']")
    page.wait_for_selector(".voice-card")
    page.click("a[href='#/clone']")
    page.wait_for_selector(f".fit[data-job-id={job_id}][data-status=processing]")
    page.evaluate("localStorage.clear()")
    page.goto("/webui#/clone")
    page.reload()
    page.wait_for_selector(f".fit[data-job-id={job_id}][data-status=processing]")
    page.click("[data-fit=pause]")
    page.wait_for_selector(".fit[data-status=paused]")
    page.reload()
    page.wait_for_selector(".fit[data-status=paused]")
    page.click("[data-fit=resume]")
    page.wait_for_selector(".fit[data-status=processing]")
    page.click("[data-fit=cancel]")
    page.click("dialog .btn-danger")
    page.wait_for_selector(".fit[data-status=cancelled]")
    page.click("[data-fit=clips]")
    expect(page.locator("#name")).to_be_visible()
    assert page.request.get("/voices/longa").status == 404


def test_a_name_that_is_taken_is_said_and_nothing_is_lost(clone_page: Page, tmp_path: Path, faults: Faults) -> None:
    page = clone_page
    checked(page, tone(tmp_path / "a.wav"))
    page.click(".clips-view .btn-primary")
    page.fill("#name", "pf dora")
    page.check("#consent")
    page.click("form.clone-name [type=submit]")
    expect(page.locator("[data-problem] [role=alert]")).to_contain_text("pf_dora")
    faults.expect("409 POST /voices/fit")
    expect(page.locator("#name")).to_have_value("pf dora")
    page.fill("#name", "")
    page.click("form.clone-name [type=submit]")
    expect(page.locator("#name")).to_have_attribute("aria-invalid", "true")
    faults.expect("422 POST /voices/fit")


def test_cloned_voices_are_marked_exported_imported_and_deleted(
    clone_page: Page, tmp_path: Path, faults: Faults
) -> None:
    page = clone_page
    checked(page, tone(tmp_path / "a.wav"))
    begun(page, "Rita")
    page.wait_for_selector(".report")
    page.click("a[href='#/voices']")
    card = page.locator("[data-voice-id=rita]")
    expect(card.locator(".badge")).to_have_text(PT["page.voices.cloned"])
    expect(card.locator(".consent blockquote")).to_have_text(PT["clone.consent_statement"])
    with page.expect_download() as download:
        card.locator("[data-export]").click()
    path = tmp_path / "rita.safetensors"
    download.value.save_as(path)
    assert 0 < path.stat().st_size <= 10_000_000
    with page.expect_download() as download:
        card.locator("[data-export-json]").click()
    assert download.value.suggested_filename == "rita.json"
    document = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert document["voice"]["voice_id"] == "rita" and str(tmp_path) not in json.dumps(document)
    page.set_input_files("#voice-file", path)
    expect(page.locator(".import-part [role=alert]")).to_contain_text("rita")
    faults.expect("409 POST /voices/import")
    card.locator("[data-delete]").click()
    page.keyboard.press("Escape")
    expect(card).to_have_count(1)
    card.locator("[data-delete]").click()
    page.click("dialog .btn-danger")
    expect(card).to_have_count(0)
    page.set_input_files("#voice-file", path)
    expect(card).to_have_count(1)
    card.locator("[data-report]").click()
    expect(page.locator(".report .consent blockquote")).to_have_text(PT["clone.consent_statement"])


@pytest.fixture
def cloning_models(installed: Callable[..., ModelStore]) -> None:
    """What cloning needs is here, so that the page has nothing to offer for it."""
    installed(*INTAKE_MODELS, *Registry().engine("kokoro").fit_models)


def test_without_training_the_page_says_so_before_anyone_records(
    cloning_models: None, clone_page: Page, faults: Faults
) -> None:
    page = clone_page
    detail = "Para clonar falta torch. Instale com: ./run training"
    problem = {"code": "training_not_installed", "detail": detail}
    page.route("**/voices/efforts", lambda route: route.fulfill(status=503, json=problem))
    page.reload()
    said = page.locator("[data-problem=training_not_installed]")
    expect(said).to_contain_text("./run training")
    expect(page.locator("[data-record], #file")).to_have_count(0)
    faults.expect("503 GET /voices/efforts")
    page.unroute("**/voices/efforts")
    said.locator("button").click()
    expect(page.locator("[data-record]")).to_have_count(1)


def test_where_all_is_here_the_page_begins_at_once(cloning_models: None, page: Page) -> None:
    page.click("a[href='#/clone']")
    expect(page.locator("[data-record], .microphone")).not_to_have_count(0)
    expect(page.locator("#language option")).not_to_have_count(0)


@pytest.mark.parametrize("step", ["record", "check", "name", "report", "voices"])
def test_narrow_screens_and_names_of_controls(rehearsing: str, browser: Browser, tmp_path: Path, step: str) -> None:
    context = browser.new_context(base_url=rehearsing, viewport={"width": 360, "height": 700}, locale="pt-BR")
    page = context.new_page()
    page.goto("/webui#/clone?new=1")
    page.set_input_files("#file", tone(tmp_path / "a.wav"))
    page.wait_for_selector("[data-take]")
    if step != "record":
        page.click("form.clone-record [type=submit]")
        page.wait_for_selector(".clips-view")
    if step == "name":
        page.click(".clips-view .btn-primary")
        page.wait_for_selector("#name")
    if step in ("report", "voices"):
        begun(page, f"Estreita {step}")
        page.wait_for_selector(".report")
    if step == "voices":
        page.goto("/webui#/voices")
        page.wait_for_selector(".cloned-part")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button, a, audio, meter")]
        .filter(node => !node.hidden && !node.getAttribute("aria-label") && !node.textContent.trim()
                        && !(node.labels && node.labels.length)).map(node => node.outerHTML)"""
    )
    assert nameless == []
    context.close()


@pytest.mark.slow
def test_speech_is_recorded_and_taken_in_by_the_real_intake(
    listening: str,
    hearing: Callable[[Path], ContextManager[Browser]],
    faults: Faults,
    synthesizer: Synthesizer,
    installed: Callable[..., ModelStore],
    tmp_path: Path,
) -> None:
    installed("whisper-base", "speaker-resnet34")
    text = (
        "The library on the corner opens early and closes after dinner. Nobody expected the boat trip to take so long."
    )
    plan = synthesizer.plan(text, engine="kokoro", language="en-US", voice="af_heart", parameters={})
    path = tmp_path / "speech.wav"
    save(join(synthesizer.speak(plan)), path)
    with hearing(path) as browser, opened(browser, listening, faults, "/webui#/clone?new=1") as page:
        page.select_option("#language", "en-US")
        page.click("[data-record]")
        expect(page.locator(".record-clock")).to_have_text("0:15", timeout=40_000)
        page.click("[data-record=recording]")
        expect(page.locator("[data-take]")).to_have_count(1)
        page.click("form.clone-record [type=submit]")
        page.wait_for_selector(".clips-view[data-status=completed]", timeout=180_000)
        words = " ".join(page.eval_on_selector_all("[data-clip] textarea", "all => all.map(one => one.value)"))
        assert "library" in words.lower() and "boat" in words.lower(), words
        page.click("[data-clip=c001] [data-hear]")
        page.wait_for_selector("[data-clip=c001] [data-state=playing]")
