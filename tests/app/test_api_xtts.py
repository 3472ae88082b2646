"""XTTS over HTTP, on a seeded random checkpoint: jobs, streams, clones, and its licence wherever it speaks."""

from __future__ import annotations

import threading
import wave
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from api_service import Service, running, settings_in
from clone_service import Rehearsal, wav
from xtts_brief import write_brief

from app.cli import main
from app.tasks import tasks
from speech.audio import load

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

CPML = "LicenseRef-CPML"
TEXT = "Bom dia. Tudo bem?"


@pytest.fixture(scope="module")
def brief(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = write_brief(xtts_tiny, tmp_path_factory.mktemp("xtts_brief"), 6.0)
    return folder


@pytest.fixture(scope="module")
def studio(brief: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with the checkpoint of an operator's own, whose cloning rehearses intake."""
    with running(tmp_path_factory.mktemp("service"), xtts_dir=brief, device="cpu") as service:
        cloning = Rehearsal(service.services.synthesizer.store, service.services.cloning.voices_dir)
        service.services = replace(service.services, cloning=cloning)
        service.client.app.state.services = service.services
        service.worker._tasks = tasks(service.services.synthesizer, cloning)
        yield service


def spoken(studio: Service, **fields: Any) -> dict[str, Any]:
    return studio.completed(TEXT, tts_engine="xtts", **fields)


def frames(studio: Service, job: dict[str, Any]) -> bytes:
    with wave.open(BytesIO(studio.client.get(job["audio_url"]).content)) as file:
        assert file.getframerate() == 24000
        return file.readframes(file.getnframes())


def test_a_job_says_licence_seed_and_what_has_no_effect(studio: Service) -> None:
    job = spoken(studio, voice_id="xtts_luis_moray", seed=5)
    assert (job["tts_engine_used"], job["seed"], job["device"], job["engine_fallback"]) == ("xtts", 5, "cpu", False)
    assert (job["licence"], job["is_commercial"]) == (CPML, False) and job["licence_url"].endswith("LICENSE.txt")
    assert job["parameters_without_effect"] == ["length_penalty"] and job["pieces_cut_short"] == 0
    assert job["quality_profile"] == "xtts_balanced" and job["parameters"]["top_k"] == 60
    pcm = frames(studio, job)
    assert len(pcm) / 48000 == pytest.approx(job["duration"]) and np.frombuffer(pcm, "<i2").any()
    assert frames(studio, spoken(studio, voice_id="xtts_luis_moray", seed=5)) == pcm
    drawn = spoken(studio, voice_id="xtts_luis_moray")
    assert drawn["seed"] is not None and frames(studio, drawn) != pcm
    assert frames(studio, spoken(studio, voice_id="xtts_luis_moray", seed=drawn["seed"])) == frames(studio, drawn)


@pytest.mark.parametrize("name", ["wav", "mp3", "ogg", "flac", "m4a", "opus"])
def test_every_file_carries_the_licence(studio: Service, name: str) -> None:
    job = spoken(studio, voice_id="xtts_luis_moray", seed=5)
    body = studio.client.get(f"/jobs/{job['id']}/download?format={name}").content
    with av.open(BytesIO(body)) as container:
        tags = {**container.metadata, **container.streams.audio[0].metadata}
    told = {key.lower(): value for key, value in tags.items()}
    assert CPML in told["copyright"] and "non-commercial" in told["copyright"], tags
    assert "seed 5" in told.get("comment", told.get("description", "")), tags
    if name == "wav":
        assert len(body) == job["file_size_output"]


def test_commercial_voices_are_as_they_were(studio: Service) -> None:
    job = studio.completed(TEXT)
    assert (job["licence"], job["is_commercial"], job["seed"]) == ("MIT", True, None)
    body = studio.client.get(job["audio_url"]).content
    assert body[36:40] == b"data" and b"LIST" not in body[:64]
    response = studio.client.post("/v1/audio/speech", json={"model": "silence", "voice": "silence_male", "input": "a"})
    assert "x-papagaio-licence" not in response.headers and "x-papagaio-seed" not in response.headers


def test_openai_clients_get_the_same_sound_as_it_is_made(studio: Service) -> None:
    ask = {"model": "xtts", "voice": "xtts_luis_moray", "input": TEXT, "response_format": "pcm", "seed": 5}
    with studio.client.stream("POST", "/v1/audio/speech", json=ask) as response:
        pcm = b"".join(response.iter_raw())
    assert response.status_code == 200, pcm
    assert response.headers["x-papagaio-licence"] == f"{CPML}; non-commercial"
    assert response.headers["x-papagaio-seed"] == "5" and 'rel="license"' in response.headers["link"]
    assert response.headers["x-papagaio-without-effect"] == "length_penalty"
    assert response.headers["x-papagaio-language"] == "pt-BR"  # told by the text: the voice has none of its own
    job = spoken(studio, voice_id="xtts_luis_moray", seed=5)
    assert len(pcm) == len(frames(studio, job))
    whole = studio.client.post("/v1/audio/speech", json=ask | {"response_format": "wav"}).content
    assert whole.startswith(b"RIFF") and whole.count(b"RIFF") == 1 and CPML.encode() in whole[:400]
    unsaid = studio.client.post("/v1/audio/speech", json=ask | {"input": "xyz"})
    assert unsaid.json()["error"]["code"] == "language_needed"
    assert studio.client.post("/v1/audio/speech", json=ask | {"input": "xyz", "language": "de"}).status_code == 200


def test_it_is_listed_with_its_licence(studio: Service) -> None:
    client = studio.client
    voices = client.get("/voices?engine=xtts").json()["voices"]
    assert [voice["id"] for voice in voices if voice["is_stock"]] == [
        *("xtts_ana_florence", "xtts_alma_maria", "xtts_luis_moray")
    ]
    assert {(voice["licence"], voice["is_commercial"]) for voice in voices} == {(CPML, False)}
    assert "xtts_ana_florence" in {voice["id"] for voice in client.get("/voices?language=de").json()["voices"]}
    engines = {engine["name"]: engine for engine in client.get("/health/engines").json()["engines"]}
    one = engines["xtts"]
    assert (one["available"], one["licence"], one["is_commercial"], one["can_clone"]) == (True, CPML, False, True)
    assert one["device_requested"] == "cpu" and one["device"] in (None, "cpu")
    assert "xtts" in {model["id"] for model in client.get("/v1/models").json()["data"]}
    spoken_by = {one["code"]: one["engines"] for one in client.get("/languages").json()["languages"]}
    assert spoken_by["de"] == ["xtts"] and "xtts" in spoken_by["pt-BR"]
    sample = client.get("/voices/xtts_alma_maria/sample?language=de")
    assert sample.status_code == 200 and CPML.encode() in sample.content[:400]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"source_language": "sw"}, 422, "language_not_spoken"),
        ({"seed": 2**32}, 400, "invalid_request"),
        ({"voice_id": "pf_dora"}, 404, "unknown_voice"),
        ({"voice_preset": "male_deep"}, 400, "unknown_preset"),
        ({"quality_profile_id": "kokoro_brisk"}, 404, "profile_not_found"),
        ({"text": "你好"}, 422, "text_not_in_language"),
    ],
)
def test_what_cannot_be_spoken_is_refused(studio: Service, fields: dict[str, Any], status: int, code: str) -> None:
    body = {"text": TEXT, "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "xtts", **fields}
    response = studio.client.post("/jobs", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)


def cloned(studio: Service, sound: bytes, **changes: str) -> Any:
    data = {"name": "Bia", "language": "de", "consent": "true", "tts_engine": "xtts", **changes}
    return studio.client.post("/voices/clone", data=data, files={"file": ("bia.wav", sound)})


def test_a_recording_becomes_a_voice_that_speaks(studio: Service, tmp_path: Path) -> None:
    sound = wav(tmp_path / "bia.wav", 5.0).read_bytes()
    refused = cloned(studio, sound, effort="best")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "effort")
    response = cloned(studio, sound)
    assert response.status_code == 202, response.text
    studio.work()
    job = studio.client.get(response.json()["poll_url"]).json()
    assert job["status"] == "completed", job
    assert (job["result"]["engine"], job["effort"], job["estimate_s"]) == ("xtts", "reference", None)
    voice = studio.client.get("/voices/bia").json()
    assert (voice["engine"], voice["language"], voice["duration"]) == ("xtts", "de", 5.0)
    assert voice["consent"]["statement"] and voice["samples"] == ["recording-1"] and not voice["has_report"]
    said = spoken(studio, voice_id="bia", mode="dubbing_with_clone", seed=5)
    assert said["duration"] > 0.1
    kept = [path for path in (studio.services.settings.data_dir / "cache" / "xtts").rglob("*") if path.is_file()]
    assert len(kept) == 1
    taken = studio.client.post("/voices/intake", data={"language": "de", "tts_engine": "xtts"}, files={"file": sound})
    studio.work()
    fit = {"name": "Cleo", "consent": True, "intake_job_id": taken.json()["id"], "tts_engine": "xtts"}
    assert studio.client.post("/voices/fit", json=fit).status_code == 202
    studio.work()
    assert studio.client.get("/voices/cleo").json()["engine"] == "xtts"
    exported = studio.client.get("/voices/cleo/export").content
    again = studio.client.post("/voices/import", data={"voice_id": "dora"}, files={"file": exported})
    assert again.status_code == 201 and again.json()["engine"] == "xtts"
    for name in ("bia", "cleo", "dora"):
        assert studio.client.delete(f"/voices/{name}").status_code == 200


@pytest.mark.parametrize(("duration_s", "level", "code"), [(2.0, 0.3, "too_little_speech"), (5.0, 0.001, "too_little")])
def test_what_is_no_reference_fails_with_its_reason(
    studio: Service, tmp_path: Path, duration_s: float, level: float, code: str
) -> None:
    response = cloned(studio, wav(tmp_path / "a.wav", duration_s, level).read_bytes())
    studio.work()
    job = studio.client.get(response.json()["poll_url"]).json()
    assert job["status"] == "failed" and job["error"]["code"].startswith(code)
    assert studio.client.get("/voices/bia").status_code == 404


def test_without_the_weights_every_way_in_says_how_to_bring_them(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        ask = {"model": "xtts", "voice": "xtts_luis_moray", "input": TEXT}
        job = {"text": TEXT, "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "xtts"}
        problem = service.client.post("/jobs", json=job).json()
        assert (problem["status"], problem["code"]) == (503, "model_missing")
        error = service.client.post("/v1/audio/speech", json=ask).json()["error"]
        assert error["code"] == "model_missing" and "papagaio models pull xtts-v2" in error["message"]
        body = service.client.get("/health/engines").json()
        one = next(engine for engine in body["engines"] if engine["name"] == "xtts")
        assert (one["available"], one["missing_models"], one["licence"]) == (False, ["xtts-v2"], CPML)
        assert "xtts" not in {model["id"] for model in service.client.get("/v1/models").json()["data"]}
        assert service.client.get("/voices?engine=xtts").json()["total"] == 0
        assert service.is_empty()
    with running(tmp_path / "bad", xtts_dir=tmp_path / "nowhere") as service:
        problem = service.client.post("/jobs", json=job).json()
        assert problem["code"] == "checkpoint_dir_unusable" and "nowhere" in problem["detail"]
        assert service.client.get("/").status_code == 200


def test_an_engine_host_is_warm(brief: Path, tmp_path: Path) -> None:
    from app.tasks import synthesizer_of
    from app.worker import hosting

    settings = settings_in(tmp_path, xtts_dir=brief, device="cpu", warm_engines=("xtts",))
    synthesizer = synthesizer_of(settings)
    with hosting(settings, synthesizer):
        [warming] = [thread for thread in threading.enumerate() if thread.name == "warm-up"]
        warming.join(30)
        assert not warming.is_alive() and synthesizer.pool_stats().loaded == ("xtts",)
    assert synthesizer.pool_stats().loaded == ()


def test_a_service_is_warm_before_the_first_request(brief: Path, tmp_path: Path) -> None:
    with running(tmp_path, xtts_dir=brief, device="cpu", warm_engines=("xtts",)) as service:
        thread = service.services.synthesizer.warm_up()
        assert thread is not None
        thread.join(30)
        stats = service.services.synthesizer.pool_stats()
        assert stats.loaded == ("xtts",) and stats.loads == 1 and stats.devices == {"xtts": "cpu"}


def test_the_command_line_speaks_and_names_licence_and_seed(
    brief: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Each command loads the weights anew: what is fastest then may be bf16, or not.
    named = {"DATA_DIR": tmp_path / "data", "XTTS_DIR": brief, "DEVICE": "cpu", "XTTS_PRECISION": "fp32"}
    for name, value in named.items():
        monkeypatch.setenv(f"PAPAGAIO_{name}", str(value))
    monkeypatch.setenv("LANG", "C.UTF-8")
    target = tmp_path / "a.flac"
    words = ("speak", "Good morning, world.", "-o", str(target), "--engine", "xtts", "--seed", "5")
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "Seed 5" in shown.out and CPML in shown.err and "non-commercial" in shown.err
    with av.open(str(target)) as container:
        assert CPML in {key.lower(): value for key, value in container.metadata.items()}["copyright"]
    (tmp_path / "mute").mkdir()
    for path in brief.iterdir():
        if path.name != "speakers_xtts.pth":
            (tmp_path / "mute" / path.name).symlink_to(path)
    first = load(target).samples
    assert main(words) == 0 and np.array_equal(load(target).samples, first)
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", str(tmp_path / "mute"))
    assert main(words) == 2 and "no voice" in capsys.readouterr().err
