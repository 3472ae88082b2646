"""Cloning over HTTP: recordings in, clips out, a voice made, heard, moved and deleted; and what is refused."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from built_datasets import write_dataset
from clone_service import Rehearsal, wav

from app.api.uploads import plain_name
from app.tasks import tasks
from app.tasks.cloning_service import voice_id_of
from app.texts import LANGUAGES
from train.cloning import EFFORTS, dataset_steps
from train.dataset.folder import DatasetFolder

FIT = {"name": "Ana Lúcia", "consent": True}
CLONE = {"name": "Ana", "language": "pt-BR", "consent": "true", "description": "5"}


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Service]:
    """A service whose cloning rehearses."""
    with running(tmp_path) as service:
        cloning = Rehearsal(service.services.synthesizer.store, service.services.cloning.voices_dir)
        service.services = replace(service.services, cloning=cloning)
        service.client.app.state.services = service.services
        service.worker._tasks = tasks(service.services.synthesizer, cloning)
        yield service


@pytest.fixture
def sound(tmp_path: Path) -> bytes:
    return wav(tmp_path / "ana.wav").read_bytes()


def taken_in(studio: Service, *sounds: bytes) -> dict[str, Any]:
    files = [("file", (f"{number}.wav", data, "audio/wav")) for number, data in enumerate(sounds, 1)]
    response = studio.client.post("/voices/intake", data={"language": "pt", "text": "bom dia"}, files=files)
    assert response.status_code == 202, response.text
    studio.work()
    job: dict[str, Any] = studio.client.get(f"/jobs/{response.json()['id']}").json()
    return job


def fitted(studio: Service, **changes: Any) -> dict[str, Any]:
    response = studio.client.post("/voices/fit", json=FIT | changes)
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def test_recordings_become_clips_that_can_be_heard(studio: Service, sound: bytes, tmp_path: Path) -> None:
    quiet = wav(tmp_path / "quiet.wav", level=0.001).read_bytes()
    job = taken_in(studio, sound, quiet)
    assert (job["kind"], job["mode"], job["status"], job["can_pause"]) == ("intake", "intake", "completed", False)
    assert job["input_files"] == ["1.wav", "2.wav"] and job["source_language"] == "pt-BR"
    assert job["file_size_input"] == len(sound) + len(quiet)
    result = job["result"]
    assert [(clip["clip_id"], clip["is_usable"], clip["source"]) for clip in result["clips"]] == [
        ("c001", True, "1.wav"),
        ("c002", False, "2.wav"),
    ]
    assert (result["duration_s"], result["usable_s"]) == (4.0, 2.0)
    assert result["warnings"] == [{"code": "too_quiet", "severity": "refused", "clip_ids": ["c002"]}]
    heard = studio.client.get(f"/jobs/{job['id']}/clips/c001")
    assert heard.status_code == 200 and heard.content.startswith(b"RIFF")
    missing = studio.client.get(f"/jobs/{job['id']}/clips/c009").json()
    assert missing["code"] == "unknown_clip" and "c002" in missing["detail"]
    folder = studio.services.files.root / job["id"]
    assert sorted(path.name for path in folder.iterdir()) == ["kept"]  # the recordings themselves are gone


def test_clips_become_a_voice_that_is_listed_moved_and_deleted(studio: Service, sound: bytes, tmp_path: Path) -> None:
    client, taken = studio.client, taken_in(studio, sound)
    clips = [{"clip_id": "c001", "text": "Boa tarde."}]
    job = fitted(studio, intake_job_id=taken["id"], clips=clips, effort="fast", gender="female", description="4")
    assert (job["voice_id"], job["voice_name"], job["effort"], job["estimate_s"]) == (
        "ana_lucia",
        "Ana Lúcia",
        "fast",
        1.0,
    )
    assert (job["kind"], job["can_pause"], job["tts_engine"]) == ("clone_voice", True, "kokoro")
    assert client.delete(f"/jobs/{taken['id']}").status_code == 200  # a fit has its own clips
    studio.work()
    job = client.get(f"/jobs/{job['id']}").json()
    assert job["status"] == "completed" and job["result"]["voice_id"] == "ana_lucia", job
    assert client.get(f"/jobs/{job['id']}/samples").json() == {"samples": ["half"]}
    assert client.get(f"/jobs/{job['id']}/samples/half").content.startswith(b"RIFF")
    assert client.get(f"/jobs/{job['id']}/samples/none").json()["code"] == "sample_not_found"
    assert client.get("/voices/ana_lucia/report").json() == job["result"]["report"]
    voice = client.get("/voices/ana_lucia").json()
    assert (voice["is_stock"], voice["name"], voice["gender"], voice["duration"]) == (False, "Ana Lúcia", "female", 2.0)
    assert voice["consent"]["statement"] and voice["created_at"] and voice["samples"] == ["fitted"]
    assert voice["quality_score"] is None and voice["has_report"]
    assert client.get("/voices/ana_lucia/samples/fitted").content.startswith(b"RIFF")
    exported = client.get("/voices/ana_lucia/export")
    assert "ana_lucia.safetensors" in exported.headers["content-disposition"]
    files = {"file": ("ana.safetensors", exported.content)}
    assert client.post("/voices/import", files=files).json()["code"] == "voice_exists"
    copied = client.post("/voices/import", data={"voice_id": "ana2"}, files=files)
    assert copied.status_code == 201 and copied.json()["consent"] == voice["consent"]
    spoken = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing_with_clone", "voice_id": "ana2"}
    response = client.post("/jobs", json=spoken | {"tts_engine": "kokoro"})
    assert response.status_code == 202 and response.json()["voice_id"] == "ana2", response.text
    assert (response.json()["voice_name"], response.json()["voice_description"]) == ("Ana Lúcia", "4")
    assert client.delete("/voices/ana_lucia").json()["voice_id"] == "ana_lucia"
    assert client.get("/voices/ana_lucia").status_code == 404
    assert [path.name for path in tmp_path.glob("import-*")] == []


def test_a_person_corrects_and_leaves_out(studio: Service, sound: bytes) -> None:
    taken = taken_in(studio, sound, sound, sound)
    clips = [{"clip_id": "c001", "text": "Certo."}, {"clip_id": "c002", "use": False}]
    job = fitted(studio, intake_job_id=taken["id"], clips=clips)
    rows = (studio.services.files.root / job["id"] / "work" / "intake" / "manifest.jsonl").read_text().splitlines()
    assert len(rows) == 2 and '"text": "Certo."' in rows[0] and '"clip_id": "c003"' in rows[1]


def test_recordings_become_a_voice_in_one_job(studio: Service, sound: bytes) -> None:
    response = studio.client.post("/voices/clone", data=CLONE, files={"file": ("../a\\ana.wav", sound)})
    assert response.status_code == 202
    started = response.json()
    assert set(started) == {"message", "job_id", "status", "poll_url"}
    studio.work()
    job = studio.client.get(started["poll_url"]).json()
    assert (job["status"], job["input_file"], job["mode"]) == ("completed", "ana.wav", "clone_voice"), job
    assert studio.client.get("/voices/ana").json()["consent"]["statement"].startswith("The speaker")
    names = sorted(path.name for path in (studio.services.files.root / job["id"]).iterdir())
    assert names == ["sample-half.wav"]


@pytest.mark.parametrize("changes", [{"consent": "false"}, {"consent": ""}])
def test_without_consent_nothing_begins(studio: Service, sound: bytes, changes: dict[str, str]) -> None:
    response = studio.client.post("/voices/clone", data=CLONE | changes, files={"file": ("a.wav", sound)})
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "consent_missing")
    assert set(problem["details"]) == set(LANGUAGES)
    response = studio.client.post("/voices/fit", json={"name": "Ana", "intake_job_id": "job_0"})
    assert (response.status_code, response.json()["code"]) == (422, "consent_missing")
    assert studio.is_empty()


REFUSED: list[tuple[dict[str, str], int, str]] = [
    ({"tts_engine": "xtts"}, 503, "model_missing"),
    ({"tts_engine": "F5TTS"}, 503, "f5_dir_missing"),
    ({"tts_engine": "piper"}, 422, "invalid_request"),
    ({"language": "ja"}, 422, "language_not_spoken"),
    ({"name": " "}, 422, "invalid_request"),
    ({"effort": "slow"}, 422, "invalid_request"),
    ({"pitch": "1"}, 422, "invalid_request"),
    ({"name": "pf dora"}, 409, "voice_exists"),
]


@pytest.mark.parametrize(("changes", "status", "code"), REFUSED)
def test_what_cannot_be_cloned_leaves_no_row_and_no_file(
    studio: Service, sound: bytes, changes: dict[str, str], status: int, code: str
) -> None:
    response = studio.client.post("/voices/clone", data=CLONE | changes, files={"file": ("a.wav", sound)})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert studio.is_empty() and studio.services.events.last_id() == 0


def test_recordings_that_cannot_be_used(studio: Service, tmp_path: Path) -> None:
    for route, data in (("intake", {"language": "pt-BR"}), ("clone", CLONE)):
        response = studio.client.post(f"/voices/{route}", data=data, files={"file": ("a.wav", b"")})
        assert (response.status_code, response.json()["code"]) == (422, "audio_empty")
        assert studio.client.post(f"/voices/{route}", files={"name": (None, "x")}).status_code == 422
        assert studio.is_empty()
    short = wav(tmp_path / "short.wav", 0.5).read_bytes()
    for data, code in ((short, "recording_too_short"), (b"no sound at all", "audio_unreadable")):
        job = taken_in(studio, data)
        assert (job["status"], job["error"]["code"]) == ("failed", code)
        assert set(job["error"]["details"]) == set(LANGUAGES)
        assert not (studio.services.files.root / job["id"]).exists()


def test_a_body_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with running(tmp_path, max_body_mb=0.1) as service:
        response = service.client.post("/voices/clone", data=CLONE, files={"file": ("a.wav", b"x" * 200_000)})
        assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
        assert service.is_empty()


def test_a_built_dataset_becomes_a_voice(studio: Service) -> None:
    """Its clips are the job's own; more steps the longer it is, and no more than are asked for."""
    folder = studio.services.settings.datasets_path / "ana"
    write_dataset(folder, seconds=3.0)
    few = fitted(studio, dataset="ana", name="Ana Um", max_steps=50)
    job = fitted(studio, dataset="ana", effort="best", description="3")
    assert (job["dataset"], job["speaker"], job["source_language"]) == ("ana", "", "pt-BR")
    assert few["steps"] == 50 and job["steps"] == EFFORTS["best"].steps and job["intake_job_id"] is None
    shutil.rmtree(folder)
    studio.work()
    job = studio.client.get(f"/jobs/{job['id']}").json()
    assert job["status"] == "completed" and job["result"]["report"]["steps"] == [1, 2, 3], job
    assert studio.client.get("/voices/ana_lucia").json()["duration"] == pytest.approx(19.5, abs=0.2)


def test_the_time_of_a_dataset_is_told_before(studio: Service) -> None:
    write_dataset(studio.services.settings.datasets_path / "ana", seconds=3.0)
    found = studio.client.get("/voices/efforts?dataset=ana&speaker=ana").json()
    assert [one["steps"] for one in found] == [effort.steps for effort in EFFORTS.values()]
    assert found[0]["estimate_s"] > studio.client.get("/voices/efforts").json()[0]["estimate_s"]
    assert dataset_steps("default", 600) == 760 and dataset_steps("default", 3600, 1000) == 1000


def test_a_dataset_that_no_voice_can_be_made_of(studio: Service) -> None:
    root = studio.services.settings.datasets_path
    write_dataset(root / "ana", seconds=3.0)
    write_dataset(root / "short", clips=2, seconds=1.0)
    DatasetFolder.create(root / "unbuilt", "pt-BR")
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"dataset": "none"}, 404, "unknown_dataset"),
        ({"dataset": "unbuilt"}, 409, "dataset_not_built"),
        ({"dataset": "ana", "speaker": "bia"}, 404, "unknown_speaker"),
        ({"dataset": "short"}, 422, "too_little_speech"),
        ({"dataset": "ana", "intake_job_id": "job_1"}, 422, "invalid_request"),
        ({"dataset": "ana", "language": "pt-BR"}, 422, "invalid_request"),
        ({"dataset": "ana", "clips": [{"clip_id": "c0"}]}, 422, "invalid_request"),
        ({"intake_job_id": "job_1", "speaker": "ana"}, 422, "invalid_request"),
        ({"dataset": "ana", "max_steps": 0}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
    ]
    for changes, status, code in cases:
        response = studio.client.post("/voices/fit", json=FIT | changes)
        assert (response.status_code, response.json()["code"]) == (status, code), (changes, response.text)
    assert studio.is_empty()


def test_choices_that_do_not_fit_the_clips(studio: Service, sound: bytes, tmp_path: Path) -> None:
    quiet = wav(tmp_path / "quiet.wav", level=0.001).read_bytes()
    taken = taken_in(studio, sound, quiet)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"clips": [{"clip_id": "c009"}]}, 404, "unknown_clip"),
        ({"clips": [{"clip_id": "c002"}]}, 422, "clip_not_usable"),
        ({"clips": [{"clip_id": "c001", "use": False}]}, 422, "no_clip_chosen"),
        ({"clips": [{"clip_id": "c001", "words": "x"}]}, 422, "invalid_request"),
        ({"clips": [{"clip_id": "c001"}, {"clip_id": "c001"}]}, 422, "invalid_request"),
        ({"intake_job_id": "job_000000000000"}, 404, "job_not_found"),
        ({"language": "ja"}, 422, "language_not_spoken"),
    ]
    for changes, status, code in cases:
        response = studio.client.post("/voices/fit", json=FIT | {"intake_job_id": taken["id"]} | changes)
        assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert studio.services.jobs.list(limit=9)[0] == 1


def test_a_fit_needs_an_intake_that_has_ended(studio: Service, sound: bytes) -> None:
    files = {"file": ("a.wav", sound)}
    waiting = studio.client.post("/voices/intake", data={"language": "pt"}, files=files).json()["id"]
    response = studio.client.post("/voices/fit", json=FIT | {"intake_job_id": waiting})
    assert (response.status_code, response.json()["code"]) == (409, "intake_not_ready")
    other = studio.client.post("/voices/clone", data=CLONE, files=files).json()["job_id"]
    assert studio.client.post("/voices/fit", json=FIT | {"intake_job_id": other}).json()["code"] == "not_an_intake"
    for part in ("download", "formats", "stream"):
        response = studio.client.get(f"/jobs/{other}/{part}")
        assert (response.status_code, response.json()["code"]) == (409, "job_makes_no_sound")


def test_a_name_in_the_making_is_taken(studio: Service, sound: bytes) -> None:
    files = {"file": ("a.wav", sound)}
    first = studio.client.post("/voices/clone", data=CLONE, files=files).json()["job_id"]
    second = studio.client.post("/voices/clone", data=CLONE | {"name": "ANA"}, files=files)
    assert (second.status_code, second.json()["code"]) == (409, "voice_being_made")
    paused = studio.client.post(f"/jobs/{first}/pause")
    assert paused.status_code == 202 and paused.json()["status"] == "paused"
    assert studio.client.get("/jobs?status=paused").json()["total"] == 1
    assert studio.client.post(f"/jobs/{first}/resume").json()["status"] == "pending"
    assert studio.client.post(f"/jobs/{first}/resume").json()["code"] == "job_not_paused"
    studio.client.post(f"/jobs/{first}/pause")
    assert studio.client.post(f"/jobs/{first}/cancel").json()["status"] == "cancelled"
    assert studio.services.files.size_bytes() == 0
    assert studio.client.post(f"/jobs/{first}/pause").json()["code"] == "job_already_ended"
    assert studio.client.post("/voices/clone", data=CLONE, files=files).status_code == 202


def test_speech_is_not_paused(studio: Service) -> None:
    response = studio.client.post(f"/jobs/{studio.add()['id']}/pause")
    assert (response.status_code, response.json()["code"]) == (409, "job_not_pausable")


def test_a_sample_of_a_replaced_voice_is_made_again(studio: Service, sound: bytes) -> None:
    from app.api.voices import _edition
    from speech.voices import Voice

    voice = Voice("ana", "kokoro", "pt-BR", "female", "Ana", is_stock=False)
    seen = set()
    for _ in range(2):
        studio.client.post("/voices/clone", data=CLONE, files={"file": ("a.wav", sound)})
        studio.work()
        seen.add(_edition(studio.services, voice))
        assert studio.client.delete("/voices/ana").status_code == 200
    assert len(seen) == 2


def test_where_nothing_can_be_fitted_every_route_says_how(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are not here; and, where they are, PyTorch is not."""
    files = {"file": ("a.wav", b"x")}

    def answers() -> list[tuple[int, dict[str, Any]]]:
        client = service.client
        responses = [
            client.get("/voices/efforts"),
            client.post("/voices/intake", data={"language": "pt"}, files=files),
            client.post("/voices/clone", data=CLONE, files=files),
            client.post("/voices/fit", json=FIT | {"intake_job_id": "job_0"}),
        ]
        return [(response.status_code, response.json()) for response in responses]

    monkeypatch.setattr("app.tasks.cloning_service.MODULES", ())
    for status, problem in answers():
        assert (status, problem["code"]) == (503, "cloning_models_missing")
        assert "papagaio models pull whisper-base" in problem["detail"]
    monkeypatch.setattr("app.tasks.cloning_service.MODULES", ("no_such_torch",))
    for status, problem in answers():
        assert (status, problem["code"]) == (503, "training_not_installed")
        assert "./run training" in problem["detail"]
    assert service.is_empty()


def test_efforts_have_their_times(studio: Service) -> None:
    found = studio.client.get("/voices/efforts", headers={"Accept-Language": "pt-BR"}).json()
    assert [(one["effort"], one["estimate_s"]) for one in found] == [("fast", 1.0), ("default", 2.0), ("best", 3.0)]
    assert all(one["description"] for one in found)
    longer = studio.client.get("/voices/efforts?speech_s=240").json()
    assert [one["estimate_s"] for one in longer] == [120.0, 240.0, 360.0]
    for wrong in ("-1", "nan", "3601", "long"):
        assert studio.client.get(f"/voices/efforts?speech_s={wrong}").status_code == 422, wrong


@pytest.mark.parametrize("data", [b"", b"not a voice", b"\xff" * 64])
def test_a_file_that_is_no_voice_is_refused(studio: Service, data: bytes) -> None:
    response = studio.client.post("/voices/import", files={"file": ("v.safetensors", data)})
    assert (response.status_code, response.json()["code"]) == (422, "voice_file_malformed"), response.text
    assert studio.services.cloning.library().list() == ()


@pytest.mark.parametrize("part", ["report", "export", "samples/fitted"])
def test_stock_voices_have_none_of_it(studio: Service, part: str) -> None:
    response = studio.client.get(f"/voices/pf_dora/{part}")
    assert (response.status_code, response.json()["code"]) == (404, "voice_not_fitted")
    assert studio.client.get(f"/voices/nobody/{part}").json()["code"] == "unknown_voice"


@pytest.mark.parametrize(
    ("name", "voice_id"),
    [
        ("Ana Lúcia", "ana_lucia"),
        ("João  da-Silva", "joao_da_silva"),
        ("3 Anas", "voice_3_anas"),
        ("x", "voice_x"),
        ("Efforts", "voice_efforts"),
        ("日本", "voice_cf2abf0c"),
    ],
)
def test_ids_of_names(name: str, voice_id: str) -> None:
    assert voice_id_of(name) == voice_id


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\a\\b.wav", "b.wav"),
        (".hidden", "hidden"),
        ("", "recording"),
        ("a\nb", "a_b"),
    ],
)
def test_names_of_files(given: str, kept: str) -> None:
    assert plain_name(given) == kept
