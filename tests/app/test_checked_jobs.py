"""Jobs whose words are checked: asked for, refused where they cannot be, and told as they are."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from api_service import Service, running

from speech.models import ModelStore


def test_checking_needs_its_model_and_its_packages(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing", "check_words": True}
    with running(tmp_path / "bare", models_dir=tmp_path / "none") as bare:
        answer = bare.client.post("/jobs", json=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "checking_model_missing")
        assert "papagaio models pull whisper-base" in answer.json()["detail"] and bare.is_empty()
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "faster_whisper" else find_spec(name))
    answer = service.client.post("/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "checking_not_installed")
    assert "./run convert" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "status"), [({"check_tries": 2}, 422), ({"check_words": True, "check_tries": 7}, 400)]
)
def test_tries_are_of_checked_jobs_and_few(service: Service, fields: dict[str, object], status: int) -> None:
    answer = service.client.post(
        "/jobs", json={"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing", **fields}
    )
    assert answer.status_code == status
    assert [error["field"] for error in answer.json()["errors"]] == ["check_tries"]


def test_a_job_that_nobody_checks_has_no_report(service: Service) -> None:
    job = service.completed()
    assert (job["check_words"], job["check"]) == (False, None)


def test_silence_is_said_to_be_no_speech(tmp_path: Path, installed: Callable[..., ModelStore]) -> None:
    """The engine of silence has no seeds: what it leaves out, it leaves out again."""
    with running(tmp_path, models_dir=installed("whisper-base").root) as service:
        job = service.completed("Bom dia. Tudo bem?", check_words=True)
    assert job["check_words"] and job["check"]["tries"] == 3
    assert [one["text"] for one in job["check"]["sentences"]] == ["Bom dia.", "Tudo bem?"]
    for one in job["check"]["sentences"]:
        assert (one["is_good"], one["tries"], one["kept"], one["not_again"], one["seeds"]) == (
            False,
            1,
            1,
            "same_again",
            [],
        )
        assert one["problems"]
