"""Markup in what a user writes stays text: of jobs, voices, their tags, and profiles; a dataset's name has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import meta
from playwright.sync_api import Page, expect

from speech.voice_library import VoiceLibrary

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=\"window.hacked=1;alert('text')\"><script>window.hacked=2</script><b>Oi</b>."
NAME = "<img src=x onerror=alert(1)>"


@pytest.fixture
def watched(page: Page) -> Iterator[Page]:
    """A page in which at the end no dialog was opened, no script ran and no element was made of a text."""
    opened: list[str] = []

    def noted(dialog: object) -> None:
        opened.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", noted)
    yield page
    assert opened == [] and page.evaluate("window.hacked === undefined")
    assert page.locator("img[src=x]").count() == 0


def test_the_text_of_a_job_is_text(watched: Page) -> None:
    job = {"text": MARKUP, "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "silence"}
    made = watched.request.post("/jobs", form=job)
    assert made.status == 202, made.text()
    watched.click("a[href='#/jobs']")
    row = watched.locator(f"tr[data-job-id={made.json()['id']}]")
    expect(row).to_contain_text("<img src=x")
    expect(row).to_have_attribute("data-status", "completed")
    batch = watched.request.post("/jobs/batch", data={"texts": [MARKUP], "language": "pt-BR", "title": MARKUP})
    assert batch.status == 202, batch.text()
    expect(watched.locator("main")).to_contain_text("window.hacked=2</script>")


def test_the_name_and_the_tags_of_a_voice_are_text(watched: Page, tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path / "library")
    library.add(meta("hostile", title=NAME), {"style": np.zeros((510, 256), np.float32)}, {})
    library.export("hostile", tmp_path / "hostile.safetensors")
    sent = {"name": "hostile.safetensors", "mimeType": "application/octet-stream"}
    sent["buffer"] = (tmp_path / "hostile.safetensors").read_bytes()  # type: ignore[assignment]
    brought = watched.request.post("/voices/import", multipart={"file": sent})  # type: ignore[dict-item]
    assert brought.status == 201, brought.text()
    labelled = watched.request.post("/voices/hostile/tags", data={"tags": [NAME]})
    assert labelled.ok, labelled.text()
    watched.click("a[href='#/voices']")
    watched.reload()  # it came by no page
    expect(watched.locator("[data-voice-id=hostile]")).to_contain_text(NAME)
    watched.request.delete("/voices/hostile")


def test_a_dataset_has_no_such_name(watched: Page) -> None:
    refused = watched.request.post("/training/dataset", data={"name": NAME, "language": "pt-BR"})
    assert refused.status == 422, refused.text()
