"""Base API B3 and rows 6.2-27 to 6.2-32, 6.3-20, 6.3-24, 6.3-25: models of RVC over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_service import Service, running
from waiting import wait_for

from app.api.sound import sound_path
from app.tasks import tasks
from app.tasks.conversion_service import ConversionService
from speech.audio import Audio, load, save
from speech.conversion import SpeechModels
from speech.models import ModelStore
from speech.vad import EnergyDetector

pytest.importorskip("torch")

PATH_OF_MODEL = ModelStore.path


def posted(service: Service, rvc_tiny: Path, name: str = "Ana", voice: str = "v2-40k", index: str = "v2") -> Any:
    files = {"pth_file": ("ana.pth", (rvc_tiny / f"{voice}.pth").read_bytes())}
    if index:
        files["index_file"] = ("ana.index", (rvc_tiny / f"{index}.index").read_bytes())
    return service.client.post("/rvc-models", data={"name": name, "description": "a test"}, files=files)


@pytest.fixture
def installed(tmp_path: Path, rvc_tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service whose content network is the tiny one, and F0 needs no weights."""
    from speech.engines.rvc import converter

    monkeypatch.setattr(ModelStore, "path", lambda self, name: rvc_tiny)
    monkeypatch.setattr(converter, "CONTENT_FILE", "contentvec")
    with running(tmp_path) as service:
        yield service


def test_a_model_comes_with_its_verdict_and_goes(service: Service, rvc_tiny: Path) -> None:
    added = posted(service, rvc_tiny)
    assert added.status_code == 201, added.text
    model = added.json()
    assert model["validation"]["status"] == "valid" and not model["validation"]["reasons"]
    assert (model["version"], model["sample_rate"], model["index_features"]) == ("v2", 40000, 600)
    assert (model["pth_file"], model["index_file"], model["usage_count"]) == ("ana.pth", "ana.index", 0)
    assert posted(service, rvc_tiny).json()["code"] == "rvc_name_taken"
    blank = posted(service, rvc_tiny, " \t ")
    assert blank.status_code == 422 and blank.json()["errors"][0]["field"] == "name"
    assert posted(service, rvc_tiny, " Ana ").json()["code"] == "rvc_name_taken"
    plain = posted(service, rvc_tiny, " Bea ", "v1-48k-plain", "").json()
    assert plain["name"] == "Bea" and plain["validation"]["status"] == "valid_with_warnings"
    assert [reason["code"] for reason in plain["validation"]["reasons"]] == ["rvc_index_missing"]
    client = service.client
    listed = client.get("/rvc/models", params={"sort_by": "name"}).json()
    assert listed["total"] == 2 and [one["name"] for one in listed["models"]] == ["Ana", "Bea"]
    stats = client.get("/rvc-models/stats").json()
    assert stats["total_models"] == 2 and stats["models_with_index"] == 1 and stats["total_size_bytes"] > 10**6
    again = client.post(f"/rvc/models/{model['id']}/validate").json()
    assert again["validation"]["status"] == "valid" and again["version"] == "v2"
    rated = client.put(f"/rvc/models/{model['id']}/rating", json={"stars": 4, "review": "clear"}).json()
    assert (rated["rating"], rated["review"]) == (4, "clear")
    assert client.put(f"/rvc/models/{model['id']}/rating", json={"stars": 6}).status_code == 422
    assert client.delete(f"/rvc-models/{model['id']}").json()["model_id"] == model["id"]
    for path in (f"/rvc-models/{model['id']}", f"/rvc/models/{model['id']}/preview"):
        assert client.get(path).json()["code"] == "rvc_model_unknown"
    assert {path.name for path in service.services.settings.rvc_path.iterdir()} == {plain["id"]}


def test_what_is_no_model_is_refused_with_the_reason(service: Service, rvc_tiny: Path) -> None:
    assert posted(service, rvc_tiny, voice="v2-40k", index="v1").json()["code"] == "rvc_refused"
    post = service.client.post
    bad = post("/rvc-models", data={"name": "x"}, files={"pth_file": ("x.pth", b"PK\x03\x04 nothing")})
    assert bad.status_code == 400 and bad.json()["code"] == "rvc_refused" and "x.pth" in bad.json()["detail"]
    wrong = post("/rvc-models", data={"name": "x"}, files={"pth_file": ("x.zip", b"PK")})
    assert wrong.status_code == 400 and wrong.json()["code"] == "rvc_suffix"
    assert service.client.get("/rvc-models").json() == {"total": 0, "models": []}
    assert not list(service.services.settings.rvc_path.glob("*"))


def test_a_changed_copy_is_found_by_validation(service: Service, rvc_tiny: Path) -> None:
    model = posted(service, rvc_tiny).json()
    copy = service.services.settings.rvc_path / model["id"] / "model.safetensors"
    copy.write_bytes(copy.read_bytes()[:-1000])
    found = service.client.post(f"/rvc/models/{model['id']}/validate").json()["validation"]
    assert found["status"] == "invalid" and found["reasons"][0]["code"] == "checkpoint_damaged"


def test_a_job_is_converted_and_uses_are_counted(installed: Service, rvc_tiny: Path) -> None:
    """`enable_rvc` after any engine, and what was used."""
    model = posted(installed, rvc_tiny).json()
    fields = {"enable_rvc": True, "rvc_model_id": model["id"], "rvc_f0_method": "PM", "rvc_index_rate": 0}
    job = installed.completed("Bom dia.", **fields)
    assert job["rvc_model_id"] == model["id"] and job["rvc_index_rate"] == 0
    assert (job["rvc_f0_method"], job["rvc_f0_method_requested"]) == ("pm", "pm")
    left_out = [job[f"rvc_{name}"] for name in ("pitch", "filter_radius", "rms_mix_rate", "protect")]
    assert left_out == [0, 3, 0.25, 0.33] and job["rvc_hop_length"] is None
    sound = installed.client.get(f"/jobs/{job['id']}/download")
    assert sound.status_code == 200 and sound.content[:4] == b"RIFF"
    assert int.from_bytes(sound.content[24:28], "little") == 48000
    refused = installed.client.post(
        "/jobs",
        json={"text": "a", "source_language": "pt", "mode": "dubbing", "enable_rvc": True, "rvc_model_id": "rvc_x"},
    )
    assert refused.status_code == 404 and refused.json()["code"] == "rvc_model_unknown"
    usage = installed.client.get("/analytics/rvc-usage").json()
    assert usage["total"] == 1 and usage["models"][0]["jobs"] == 1 and usage["per_day"][0]["total"] == 1
    assert installed.client.get(f"/rvc-models/{model['id']}").json()["usage_count"] == 1
    assert installed.client.get("/analytics/rvc-usage", params={"days": 0}).status_code == 422


def test_a_preview_is_made_once_kept_and_counted(installed: Service, rvc_tiny: Path) -> None:
    """Of a model without F0, since no weights of a method are here."""
    model, capacity = posted(installed, rvc_tiny, "Bea", "v1-48k-plain", "").json(), installed.services.capacity
    places = [capacity.take() for _ in range(installed.services.settings.max_streams)]
    path = f"/rvc-models/{model['id']}/preview"
    full = installed.client.get(path)
    assert (full.status_code, full.json()["code"]) == (503, "over_capacity")
    for place in places:
        place.close()
    first = installed.client.get(path, params={"language": "pt-BR"})
    assert (first.status_code, first.headers["content-type"]) == (200, "audio/wav"), first.text
    assert f"{model['id']}_pt-BR.wav" in first.headers["content-disposition"]
    sound = load(BytesIO(first.content))
    assert sound.sample_rate == 48000 and sound.duration_s > 1
    assert capacity.taken == 0 and installed.client.get(path, params={"language": "en"}).content != first.content
    places = [capacity.take() for _ in range(installed.services.settings.max_streams)]
    again = installed.client.get(f"/rvc/models/{model['id']}/preview", params={"language": "pt-BR"})
    assert again.content == first.content  # nothing is made any more
    assert installed.client.get(path, params={"language": "xx"}).json()["code"] == "language_not_spoken"
    told = installed.client.get(f"/rvc-models/{model['id']}").json()
    assert told["usage_count"] == 3 and told["last_used_at"] is not None
    [used] = installed.client.get("/analytics/rvc-usage").json()["models"]
    assert (used["previews"], used["jobs"]) == (3, 0)


def test_an_engine_without_voices_says_no_preview(installed: Service, rvc_tiny: Path) -> None:
    """As it says no job."""
    with running(installed.services.settings.data_dir / "other", default_engine="f5tts") as service:
        taken = posted(service, rvc_tiny).json()
        answer = service.client.get(f"/rvc-models/{taken['id']}/preview")
        assert (answer.status_code, answer.json()["code"]) == (409, "engine_without_voices"), answer.text
        assert service.client.get(f"/rvc-models/{taken['id']}").json()["usage_count"] == 0


def test_alltalk_converts_a_sound_that_was_made_here(
    installed: Service, rvc_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConversionService, "models", lambda self, converter: ())  # the tiny one is in no catalogue
    monkeypatch.setattr(
        ConversionService, "speech_models", lambda self, converter: SpeechModels(EnergyDetector(), None)
    )
    model = posted(installed, rvc_tiny).json()
    source = installed.completed("Bom dia.")
    services = installed.services
    conversion = ConversionService(services.synthesizer)
    installed.worker._tasks = tasks(services.synthesizer, services.cloning, conversion)
    loud = np.random.default_rng(7).normal(0, 0.2, 36_000).astype(np.float32)
    said = np.concatenate([np.zeros(12_000, np.float32), loud, np.zeros(24_000, np.float32), loud])
    save(Audio(said, 24_000), sound_path(services, services.jobs.get(source["id"])))
    body = {"input_tts_path": f"/audio/st_{source['id']}.wav", "output_rvc_path": "outputs/rvc_st.wav"}
    with ThreadPoolExecutor() as threads:
        sent = body | {"pth_name": model["id"], "pitch": "-14", "method": "pm"}
        waiting = threads.submit(installed.client.post, "/api/voice2rvc", data=sent)
        wait_for(lambda: waiting.done() or installed.client.get("/jobs").json()["total"] == 2)
        installed.work()
        made = waiting.result().json()
    assert made["status"] == "success", [one["error"] for one in installed.client.get("/jobs").json()["jobs"]]
    assert made["output_path"].startswith("/audio/rvc_st_job_")
    sound = load(BytesIO(installed.client.get(made["output_path"]).content))
    assert sound.sample_rate == 48000 and sound.duration_s == pytest.approx(4.5, abs=0.05)
    assert installed.client.get(f"/jobs/{made['output_path'][-20:-4]}").json()["parameters"]["pitch"] == -14


def test_without_the_content_network_a_job_says_what_brings_it(service: Service, rvc_tiny: Path) -> None:
    model = posted(service, rvc_tiny).json()
    body = {"text": "a", "source_language": "pt", "mode": "dubbing", "enable_rvc": True, "rvc_model_id": model["id"]}
    refused = service.client.post("/jobs", json=body)
    assert refused.json()["code"] == "model_missing" and "contentvec" in refused.json()["detail"]


@pytest.mark.parametrize(("is_here", "method"), [(True, "rmvpe"), (False, "fcpe")])
def test_the_method_of_f0_is_the_base_apis_where_its_weights_are(
    installed: Service, rvc_tiny: Path, monkeypatch: pytest.MonkeyPatch, is_here: bool, method: str
) -> None:
    monkeypatch.setattr(ModelStore, "is_installed", lambda self, name: is_here)
    job = installed.add(enable_rvc=True, rvc_model_id=posted(installed, rvc_tiny).json()["id"])
    assert (job["rvc_f0_method"], job["rvc_f0_method_requested"]) == (method, None)
    plain = posted(installed, rvc_tiny, "Bea", "v1-48k-plain", "").json()["id"]
    assert installed.add(enable_rvc=True, rvc_model_id=plain)["rvc_f0_method"] is None


def test_a_method_that_is_named_is_never_replaced(
    installed: Service, rvc_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the one that forms name: left out it is FCPE where the weights of RMVPE are not here."""
    monkeypatch.setattr(
        ModelStore, "path", lambda self, name: PATH_OF_MODEL(self, name) if name == "pitch-rmvpe" else rvc_tiny
    )
    model = posted(installed, rvc_tiny).json()["id"]
    asked = {"text": "a", "source_language": "pt", "mode": "dubbing", "enable_rvc": True, "rvc_model_id": model}
    refused = installed.client.post("/jobs", json={**asked, "rvc_f0_method": "rmvpe"})
    assert (refused.status_code, refused.json()["code"]) == (503, "model_missing") and "rmvpe" in refused.text
    assert installed.client.post("/jobs", json=asked).json()["rvc_f0_method"] == "fcpe"
    assert installed.add(**{**asked, "enable_rvc": False, "rvc_model_id": None, "rvc_f0_method": "rmvpe"})
