"""Pocket TTS over HTTP, on seeded random weights: a job and a stream sound the same, and what is missing is told."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from api_service import Service, running
from f5_voices import write_voice

pytest.importorskip("pocket_tts")

TEXT = "Bom dia. Tudo bem?"


@pytest.fixture(scope="module")
def studio(pocket_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running(folder, checkpoints={"pocket": pocket_tiny}) as service:
        write_voice(service.services.cloning.voices_dir)
        yield service


def test_a_job_and_a_stream_have_the_same_sound(studio: Service) -> None:
    job = studio.completed(TEXT, tts_engine="pocket", voice_id="ana", seed=5)
    assert (job["tts_engine_used"], job["seed"], job["device"]) == ("pocket", 5, "cpu")
    with wave.open(BytesIO(studio.client.get(job["audio_url"]).content)) as file:
        assert file.getframerate() == 24000
        made = file.readframes(file.getnframes())
    ask = {"model": "pocket", "voice": "ana", "input": TEXT, "response_format": "pcm", "seed": 5}
    with studio.client.stream("POST", "/v1/audio/speech", json=ask) as response:
        streamed = b"".join(response.iter_raw())
    assert response.status_code == 200 and streamed == made and len(made) > 24000


def test_context_is_a_parameter_of_its_profiles_alone(studio: Service) -> None:
    profile = {"name": "Flowing", "parameters": {"context_s": 10.0}}
    made = studio.client.post("/quality-profiles/pocket", json=profile)
    assert made.status_code == 201 and made.json()["parameters"]["context_s"] == 10.0, made.text
    plain, flowing = (
        studio.completed(TEXT, tts_engine="pocket", voice_id="ana", seed=5, quality_profile_id=profile_id)
        for profile_id in ("pocket_balanced", made.json()["id"])
    )
    first, second = (studio.client.get(job["audio_url"]).content for job in (plain, flowing))
    assert first[44:20000] == second[44:20000] and first != second
    for engine in ("xtts", "f5tts", "kokoro"):
        refused = studio.client.post(f"/quality-profiles/{engine}", json=profile)
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown_parameter")


def test_without_its_folder_a_job_is_refused_with_the_setting(service: Service) -> None:
    body = {"text": TEXT, "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "pocket"}
    response = service.client.post("/jobs", json=body)
    assert (response.status_code, response.json()["code"]) == (503, "pocket_dir_missing")
    assert "PAPAGAIO_CHECKPOINTS" in response.json()["detail"]
