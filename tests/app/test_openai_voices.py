"""OpenAI's `POST /v1/audio/voices`: a voice from seconds of speech, at once or by a fit, and only with consent."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from clone_service import Rehearsal, wav
from waiting import wait_for

from app.tasks import tasks

FORM = {"name": "Ana", "consent": "Eu, Ana, concordo.", "type": "cloned", "language": "pt"}


def rehearsing(service: Service) -> Service:
    cloning = Rehearsal(service.services.synthesizer.store, service.services.cloning.voices_dir)
    service.services = replace(service.services, cloning=cloning)
    service.client.app.state.services = service.services
    service.worker._tasks = tasks(service.services.synthesizer, cloning)
    return service


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Service]:
    """A service whose cloning rehearses, and which has no engine that hears a speaker at once."""
    with running(tmp_path / "service") as service:
        yield rehearsing(service)


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    return {"audio_sample": ("ana.wav", wav(tmp_path / "ana.wav", 5.0).read_bytes(), "audio/wav")}


def test_where_voices_are_fitted_the_answer_names_the_job(studio: Service, sample: dict[str, Any]) -> None:
    answer = studio.client.post("/v1/audio/voices", data=FORM, files=sample)
    assert answer.status_code == 202, answer.text
    voice = answer.json()
    assert set(voice) == {"id", "object", "created_at", "name", "type"} and voice["created_at"] > 1.6e9
    assert (voice["id"], voice["object"], voice["name"], voice["type"]) == ("ana", "audio.voice", "Ana", "cloned")
    speech = {"model": "tts-1", "input": "Oi.", "voice": "ana"}
    assert studio.client.post("/v1/audio/speech", json=speech).json()["error"]["code"] == "unknown_voice"
    again = studio.client.post("/v1/audio/voices", data=FORM, files=sample)
    assert again.status_code == 409 and again.json()["error"]["code"] == "voice_being_made"
    studio.work()
    job = studio.client.get(f"/jobs/{answer.headers['x-papagaio-job']}").json()
    assert job["status"] == "completed" and job["result"]["voice_id"] == "ana"
    made = studio.client.get("/voices/ana").json()
    assert made["consent"]["statement"] == FORM["consent"] and made["language"].startswith("pt")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"consent": ""}, 422, "consent_missing"),
        ({"consent": "false"}, 422, "consent_missing"),
        ({"name": ""}, 422, "invalid_request"),
        ({"name": "silence_male"}, 409, "voice_exists"),
        ({"emotion": "sad"}, 422, "invalid_request"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_refused(
    studio: Service, sample: dict[str, Any], change: dict[str, str], status: int, code: str
) -> None:
    refused = studio.client.post("/v1/audio/voices", data=FORM | change, files=sample)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code) and studio.is_empty()


def test_what_is_no_sound_is_refused(studio: Service) -> None:
    for data in (b"These are words.", b""):
        refused = studio.client.post("/v1/audio/voices", data=FORM, files={"audio_sample": ("a.wav", data)})
        assert refused.status_code in (400, 415, 422) and set(refused.json()) == {"error"} and studio.is_empty()


def test_an_engine_that_hears_a_speaker_makes_a_voice_at_once(
    tmp_path: Path, pocket_tiny: Path, sample: dict[str, Any]
) -> None:
    pytest.importorskip("pocket_tts")
    with running(tmp_path / "pocket", checkpoints={"pocket": pocket_tiny}) as service, ThreadPoolExecutor() as threads:
        rehearsing(service)
        waiting = threads.submit(service.client.post, "/v1/audio/voices", data=FORM, files=sample)
        wait_for(lambda: waiting.done() or service.client.get("/jobs").json()["total"] == 1)
        service.work()
        answer = waiting.result()
        assert answer.status_code == 200, answer.text
        spoken = {"model": "tts-1", "voice": {"id": answer.json()["id"]}, "input": "Bom dia.", "response_format": "wav"}
        sound = service.client.post("/v1/audio/speech", json=spoken)
        assert sound.status_code == 200 and sound.headers["x-papagaio-engine"] == "pocket", sound.text
