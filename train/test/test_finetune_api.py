"""The six routes of `/v1/finetune` over HTTP, on checkpoints of the tiny network. Rows S0-4, 4.4-1 to 4.4-3."""

from __future__ import annotations

import io
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from tuned_runs import RUN, write_dataset, write_run
from xtts_brief import write_brief

from app.callers import Caller

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

FIRST, BEST = f"{RUN}.step-000002", f"{RUN}.step-000004"
WAV = "ana/MyTTSDataset/wavs/long.wav"


@pytest.fixture(scope="module")
def studio(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = write_brief(xtts_tiny, tmp_path_factory.mktemp("brief"), 8.0)
    shutil.copyfile(xtts_tiny / "dvae.pth", folder / "dvae.pth")
    with running(tmp_path_factory.mktemp("service"), xtts_dir=folder, device="cpu") as service:
        dataset = write_dataset(service.services)
        from bench.xtts_reference import recording
        from speech.audio import Audio, save

        save(Audio(recording(3.5, 8), 22050), dataset / "wavs" / "long.wav")
        write_run(service.services, folder)
        yield service


def asked(studio: Service, verb: str, path: str, status: int = 200, **sent: Any) -> Any:
    answer = studio.client.request(verb, f"/v1/finetune{path}", **sent)
    assert answer.status_code == status, answer.text
    return answer.json()


def spoken(studio: Service, **fields: Any) -> Any:
    return asked(studio, "POST", "/synthesize", json={"text": "Bom dia.", **fields})


def test_the_document_has_exactly_the_six_routes(studio: Service) -> None:
    paths = studio.client.get("/openapi.json").json()["paths"]
    found = {(verb.upper(), path) for path in paths if path.startswith("/v1/finetune") for verb in paths[path]}
    assert found == {
        ("GET", "/v1/finetune/checkpoints"),
        ("GET", "/v1/finetune/checkpoints/{checkpoint_name}"),
        ("DELETE", "/v1/finetune/checkpoints/{checkpoint_name}"),
        ("POST", "/v1/finetune/synthesize"),
        ("GET", "/v1/finetune/synthesize/{filename}"),
        ("GET", "/v1/finetune/model/info"),
    }


def test_checkpoints_are_listed_the_newest_first(studio: Service) -> None:
    found = asked(studio, "GET", "/checkpoints")
    assert found["total"] == 2 and [one["name"] for one in found["checkpoints"]] == [BEST, FIRST]
    best = found["checkpoints"][0]
    assert best["is_best"] and not found["checkpoints"][1]["is_best"]
    assert (best["global_step"], best["val_loss"]) == (4, 4.6) and best["size_mb"] > 0
    assert best["path"] == f"training/{RUN}/checkpoints/step-000004" and best["created_at"].endswith("+00:00")


def test_a_checkpoint_tells_its_losses_and_configuration(studio: Service) -> None:
    one = asked(studio, "GET", f"/checkpoints/{BEST}")
    assert one["config"]["data"]["language"] == "pt-BR" and one["val_loss"] == 4.6
    assert one["train_loss"] is None  # this run has no curve


@pytest.mark.parametrize("name", ["nobody.step-000004", f"{RUN}.step-000009", RUN, "best_model.pt", "a..b"])
@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_an_unknown_checkpoint_is_404(studio: Service, verb: str, name: str) -> None:
    problem = asked(studio, verb, f"/checkpoints/{name}", 404)
    assert problem["code"] in ("unknown_run", "unknown_checkpoint", "not_found")


def test_a_checkpoint_speaks_and_its_sound_is_had(studio: Service) -> None:
    made = spoken(studio, checkpoint=BEST)
    assert made["success"] and made["error"] is None, made
    answer = studio.client.get(made["audio_path"])
    assert answer.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getframerate() == 24000
        assert file.getnframes() / 24000 == pytest.approx(made["duration_seconds"], abs=0.001)


def test_without_a_checkpoint_the_base_speaks(studio: Service) -> None:
    assert spoken(studio)["success"]


def test_a_recording_of_a_dataset_can_be_imitated(studio: Service) -> None:
    made = spoken(studio, checkpoint=BEST, speaker_wav=WAV)
    assert made["success"], made


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../jobs", "ana/../../x.wav", "ana/MyTTSDataset/wavs/none.wav", "ana", "", ".", "\0"]
)
def test_a_recording_elsewhere_is_refused(studio: Service, path: str) -> None:
    sent = {"text": "Bom dia.", "checkpoint": BEST, "speaker_wav": path}
    assert asked(studio, "POST", "/synthesize", 422, json=sent)["code"] == "reference_outside"


@pytest.mark.parametrize(
    "fields",
    [{"language": "xx"}, {"text": "😀"}, {"temperature": 0.0}, {"speaker_wav": "ana/MyTTSDataset/wavs/c0.wav"}],
)
def test_what_cannot_be_spoken_is_said_with_status_200(studio: Service, fields: dict[str, Any]) -> None:
    made = spoken(studio, checkpoint=BEST, **fields)
    assert not made["success"] and made["error"] and made["audio_path"] is None


@pytest.mark.parametrize("fields", [{"checkpoint": "nobody.step-000004"}, {"checkpoint": "best_model.pt"}])
def test_speaking_with_an_unknown_checkpoint_is_404(studio: Service, fields: dict[str, Any]) -> None:
    asked(studio, "POST", "/synthesize", 404, json={"text": "Bom dia.", **fields})


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"speed": 2.5}, "speed"), ({"temperature": 1.1}, "temperature"), ({"text": ""}, "text"), ({"pitch": 1}, "pitch")],
)
def test_arguments_are_checked(studio: Service, fields: dict[str, Any], field: str) -> None:
    problem = asked(studio, "POST", "/synthesize", 422, json={"text": "Bom dia.", **fields})
    assert field in {error["field"] for error in problem["errors"]}


@pytest.mark.parametrize("name", ["tuned_0000000000000000.wav", "x.wav", "..", ".tuned.wav"])
def test_a_sound_that_is_not_there_is_404(studio: Service, name: str) -> None:
    asked(studio, "GET", f"/synthesize/{name}", 404)


def test_the_model_tells_what_it_is(studio: Service) -> None:
    base = asked(studio, "GET", "/model/info")
    assert (base["model_type"], base["device"], base["sample_rate"]) == ("xtts_v2", "cpu", 24000)
    assert len(base["languages"]) >= 16 and base["checkpoint_step"] is None
    tuned = asked(studio, "GET", "/model/info", params={"checkpoint": BEST})
    assert (tuned["checkpoint_step"], tuned["checkpoint_val_loss"]) == (4, 4.6)
    asked(studio, "GET", "/model/info", 404, params={"checkpoint": "best_model.pt"})


def test_a_damaged_checkpoint_is_said_and_harms_nothing(studio: Service) -> None:
    path = studio.services.training.checkpoint(RUN, "step-000002") / "adapter.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    made = spoken(studio, checkpoint=FIRST)
    assert not made["success"] and "adapter.safetensors" in made["error"]
    assert spoken(studio, checkpoint=BEST)["success"]
    path.write_bytes(whole)


def test_somebody_elses_checkpoints_are_not_there(studio: Service) -> None:
    assert studio.services.training.checkpoints(Caller("somebody")) == []


def test_the_best_stays_and_others_are_deleted(studio: Service) -> None:
    assert asked(studio, "DELETE", f"/checkpoints/{BEST}", 403)["code"] == "checkpoint_is_best"
    assert asked(studio, "DELETE", f"/checkpoints/{FIRST}")["success"]
    assert [one["name"] for one in asked(studio, "GET", "/checkpoints")["checkpoints"]] == [BEST]
