"""The page in a real browser, in front of the real service."""

from __future__ import annotations

import pytest
from browsing import until
from page_faults import Faults
from playwright.sync_api import Browser, Page, expect

from app.texts import catalogue

pytestmark = pytest.mark.browser

PT, EN = catalogue("pt-BR"), catalogue("en")
SENTENCE = "O papagaio fala."
SAMPLE_RATE = 24_000


def choose_silence(page: Page) -> None:
    page.select_option("#source_language", "pt-BR")
    page.select_option("#voice_id", "silence_female")


def speak(page: Page, text: str) -> str:
    """Has `text` spoken by the engine of silence; the id of the completed job."""
    choose_silence(page)
    page.fill("#text", text)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".result[data-status=completed] [data-hear]")
    job_id = page.get_attribute(".result", "data-job-id")
    assert job_id is not None
    return job_id


def test_a_sentence_is_heard_while_it_is_made_and_kept_as_a_file(page: Page) -> None:
    job_id = speak(page, SENTENCE)
    sound = page.wait_for_selector(".player[data-player=ended]")
    assert sound is not None
    told = sound.evaluate("node => ({...node.dataset})")
    page.click(".result [data-hear]")
    until(page, ".player audio", "audio => audio.duration > 0")
    duration_s = page.eval_on_selector(".player audio", "audio => audio.duration")
    assert int(told["sampleRate"]) == SAMPLE_RATE
    assert int(told["bytes"]) == round(duration_s * SAMPLE_RATE) * 2
    assert 0 < float(told["firstSoundMs"]) < 20_000
    facts = page.inner_text(".facts")
    assert "silence_female" in facts and PT["page.fact.rtf"] in facts
    job = page.request.get(f"/jobs/{job_id}").json()
    assert (job["text"], job["tts_engine_used"], job["voice_id"]) == (SENTENCE, "silence", "silence_female")


def test_every_format_is_offered_for_download(page: Page) -> None:
    speak(page, SENTENCE)
    links = page.eval_on_selector_all("[data-format]", "links => links.map(a => [a.dataset.format, a.href])")
    assert [name for name, _ in links] == ["wav", "mp3", "ogg", "flac", "m4a", "opus"]
    starts = {name: page.request.get(href).body()[:12] for name, href in links}
    assert starts["wav"].startswith(b"RIFF") and starts["flac"].startswith(b"fLaC")
    assert starts["ogg"].startswith(b"OggS") and starts["opus"].startswith(b"OggS")
    assert b"ftyp" in starts["m4a"]
    assert starts["mp3"].startswith(b"ID3") or starts["mp3"][0] == 0xFF


def test_stopping_the_sound_does_not_stop_the_job(page: Page) -> None:
    choose_silence(page)
    page.fill("#text", "Uma frase comprida que dura um pouco mais. " * 10)
    page.click(".speak-button")
    page.click("[data-player-toggle]")
    page.wait_for_selector(".player[data-player=paused]")
    page.click("[data-player-toggle]")
    page.wait_for_selector(".player[data-player=playing]")
    page.click("[data-player-stop]")
    page.wait_for_selector(".player[data-player=stopped]")
    page.wait_for_selector(".result[data-status=completed] [data-hear]")
    assert page.get_attribute(".player", "data-player") == "stopped"


def test_speed_and_profile_reach_the_job(page: Page) -> None:
    choose_silence(page)
    page.wait_for_selector("#quality_profile_id option[value^=silence]", state="attached")
    page.eval_on_selector("#speed", "range => { range.value = 2; range.dispatchEvent(new Event('input')); }")
    page.fill("#text", SENTENCE)
    page.click(".speak-button")
    page.wait_for_selector(".result[data-status=completed] [data-hear]")
    job = page.request.get(f"/jobs/{page.get_attribute('.result', 'data-job-id')}").json()
    assert job["parameters"]["speed"] == 2.0
    assert job["quality_profile"] == page.input_value("#quality_profile_id")


def test_what_is_wrong_is_said_at_the_field_in_the_readers_language(page: Page, faults: Faults) -> None:
    page.fill("#text", "")
    page.click(".speak-button")
    message = page.wait_for_selector("[data-error-for=text]:not(:empty)")
    assert message is not None
    assert "Tem 0 caracteres" in message.inner_text()
    expect(page.locator("#text")).to_be_focused()
    expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")
    faults.expect("422 POST /jobs")
    page.fill("#text", "a" * 10_001)
    assert "10.001" in page.inner_text("#text-count")
    page.click(".speak-button")
    page.wait_for_selector("[data-error-for=text]:has-text('10001')")
    faults.expect("422 POST /jobs")


def test_a_refusal_that_belongs_to_no_field_is_shown_too(page: Page, faults: Faults) -> None:
    choose_silence(page)
    page.fill("#text", SENTENCE)
    body = '{"code": "x", "detail": "O disco está cheio.", "errors": []}'
    page.route("**/jobs", lambda route: route.fulfill(status=507, content_type="application/problem+json", body=body))
    page.click(".speak-button")
    expect(page.locator("[data-problem] [role=alert]")).to_have_text("O disco está cheio.")
    faults.expect("507 POST /jobs")


def test_jobs_are_listed_played_used_again_and_deleted(page: Page) -> None:
    job_id = speak(page, "Para a lista de trabalhos.")
    page.click("a[href='#/jobs']")
    row = page.locator(f"tr[data-job-id={job_id}]")
    expect(row).to_contain_text("Para a lista de trabalhos.")
    expect(row).to_contain_text(PT["page.status.completed"])
    row.locator("[data-action=play]").click()
    until(page, ".player audio", "audio => audio.currentTime > 0")
    row.locator(".dropdown button").click()
    expect(row.locator(".dropdown-menu a")).to_have_count(6)
    page.keyboard.press("Escape")
    row.locator("[data-action=reuse]").click()
    expect(page.locator("#text")).to_have_value("Para a lista de trabalhos.")
    expect(page.locator("#voice_id")).to_have_value("silence_female")
    page.click("a[href='#/jobs']")
    row.locator("[data-action=delete]").click()
    page.keyboard.press("Escape")
    expect(row).to_have_count(1)
    row.locator("[data-action=delete]").click()
    page.click("dialog .btn-danger")
    expect(row).to_have_count(0)
    assert page.request.get(f"/jobs/{job_id}").status == 404


def test_a_job_of_someone_else_appears_without_a_reload(page: Page) -> None:
    page.click("a[href='#/jobs']")
    page.wait_for_selector(".grid, .empty")
    form: dict[str, str | float | bool] = {
        "text": "De outro lugar.",
        "source_language": "pt-BR",
        "mode": "dubbing",
        "tts_engine": "silence",
    }
    added = page.request.post("/jobs", form=form)
    assert added.status == 202, added.text()
    expect(page.locator(f"tr[data-job-id={added.json()['id']}][data-status=completed]")).to_contain_text(
        "De outro lugar."
    )


def test_jobs_are_filtered_by_status(page: Page) -> None:
    speak(page, SENTENCE)
    page.click("a[href='#/jobs']")
    page.select_option("#status", "failed")
    expect(page.locator(".empty")).to_contain_text(PT["page.jobs.none_such"])
    assert page.url.endswith("#/jobs?status=failed")
    page.select_option("#status", "completed")
    page.wait_for_selector("tr[data-status=completed]")


def test_voices_are_filtered_heard_and_chosen(page: Page) -> None:
    page.click("a[href='#/voices']")
    page.wait_for_selector(".voice-card")
    page.fill("input[type=search]", "silence_male")
    expect(page.locator(".voice-card")).to_have_count(1)
    page.select_option("[data-filter=category]", "female")
    expect(page.locator(".empty")).to_contain_text(PT["page.voices.none"])
    page.select_option("[data-filter=category]", "")
    page.select_option("[data-filter=language]", "pt-BR")
    page.click("[data-hear=silence_male]")
    assert page.locator(".voice-wave").count() == 0
    page.wait_for_selector("[data-hear=silence_male][data-state=playing]")
    wave = page.locator("[data-voice-id=silence_male] .voice-wave")
    expect(wave.locator("[data-ready=true]")).to_be_visible()
    assert wave.locator("canvas").count() > 0
    assert page.eval_on_selector(".player audio", "audio => audio.duration") > 0
    page.fill("input[type=search]", "silence")
    page.click("[data-hear=silence_male]")
    page.click("[data-hear=silence_female]")
    page.wait_for_selector("[data-hear=silence_female][data-state=playing]")
    assert page.get_attribute("[data-hear=silence_male]", "data-state") == "idle"
    page.click("[data-voice-id=silence_male] .btn-soft")
    expect(page.locator("#voice_id")).to_have_value("silence_male")


def test_language_and_theme_are_switched_and_remembered(page: Page) -> None:
    page.fill("#text", SENTENCE)
    expect(page.locator(".speak-button")).to_have_text(PT["page.speak.button"])
    page.click("[data-language=en]")
    expect(page.locator(".speak-button")).to_have_text(EN["page.speak.button"])
    expect(page.locator("#text")).to_have_value(SENTENCE)
    page.click("[data-theme-switch]")
    page.click("[data-theme-switch]")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    page.wait_for_selector("#quality_profile_id")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(page.locator("label[for=text]")).to_have_text(EN["page.speak.text"])


def test_a_service_that_does_not_answer_is_said_and_asked_again(page: Page, faults: Faults) -> None:
    page.route("**/voices?*", lambda route: route.abort())
    page.reload()
    expect(page.locator("[role=alert]")).to_contain_text(PT["page.error.unreachable"])
    page.unroute("**/voices?*")
    page.click("[role=alert] button")
    page.wait_for_selector("#text")


@pytest.mark.parametrize("name", ["speak", "jobs", "voices"])
def test_narrow_screens_and_names_of_controls(service: str, browser: Browser, name: str) -> None:
    context = browser.new_context(base_url=service, viewport={"width": 360, "height": 700}, locale="pt-BR")
    page = context.new_page()
    page.goto(f"/webui#/{name}")
    page.wait_for_selector({"speak": "#speed", "jobs": ".grid, .empty", "voices": ".voice-card"}[name])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, select, textarea, button, a, audio")]
        .filter(node => !node.hidden && !node.getAttribute("aria-label") && !node.textContent.trim()
                        && !(node.labels && node.labels.length)).map(node => node.outerHTML)"""
    )
    assert nameless == []
    context.close()


def test_a_voice_is_remembered_by_language_and_its_preset_shown(page: Page) -> None:
    page.select_option("#source_language", "pt-BR")
    page.select_option("#voice_id", "pm_alex")
    expect(page.locator("#preset-male_generic")).to_be_checked()  # which Alex is in Portuguese
    expect(page.locator(".preset:has(#preset-male_generic)")).to_contain_text("Alex")
    page.select_option("#source_language", "es")
    expect(page.locator(".preset")).to_have_count(0)  # no preset speaks it
    page.select_option("#voice_id", "em_alex")
    expect(page.locator("[data-hear='sample em_alex']")).to_be_visible()
    page.select_option("#source_language", "pt-BR")
    expect(page.locator("#voice_id")).to_have_value("pm_alex")
    page.select_option("#source_language", "es")
    expect(page.locator("#voice_id")).to_have_value("em_alex")


def test_the_frame_tells_how_the_service_is(page: Page) -> None:
    page.wait_for_selector("[data-service=healthy], [data-service=degraded]", state="attached")
    version = page.request.get("/").json()["version"]
    expect(page.locator("footer")).to_contain_text(version)
    expect(page.locator("footer")).to_contain_text("MIT")
    expect(page.locator("footer a[href='/docs']")).to_have_count(1)


@pytest.mark.usefixtures("model_store")
def test_the_embedded_voice_is_cancelled_and_then_speaks(page: Page) -> None:
    page.click("label[for=preset-female_generic]")
    page.fill("#text", "Esta é uma frase de um texto bem longo, que ninguém vai ouvir inteiro. " * 60)
    page.click(".speak-button")
    page.wait_for_selector(".result[data-status=processing]")
    page.click("[data-cancel]")
    page.wait_for_selector(".result[data-status=cancelled]", timeout=60_000)
    page.fill("#text", "Bom dia.")
    page.click(".speak-button")
    page.wait_for_selector(".result[data-status=completed] [data-hear]", timeout=60_000)
    assert "kokoro" in page.inner_text(".facts")
