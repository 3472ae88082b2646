"""A data folder of commit 094bd7e (`data/make_folder_094bd7e.py`): its jobs, profiles and voices go on from there."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import Service, running

from speech.engines.base import EngineOptions
from speech.engines.xtts.engine import XttsEngine
from speech.engines.xtts.voices import clips_of
from speech.models import ModelStore
from speech.voice_files import read_tensors

ARCHIVE = Path(__file__).with_name("data") / "folder_094bd7e.tar.xz"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "data"


@pytest.fixture
def service(folder: Path) -> Iterator[Service]:
    with running(folder) as service:
        yield service


def test_its_jobs_are_there_and_the_one_that_waited_is_done(service: Service) -> None:
    jobs = service.client.get("/jobs").json()
    assert jobs["total"] == 2
    (done,) = [job for job in jobs["jobs"] if job["status"] == "completed"]
    assert (done["voice_id"], done["text"], done["parameters"]["speed"]) == ("silence_male", "Bom dia a todos.", 1.5)
    assert done["tts_engine_used"] == "silence" and done["duration"] == pytest.approx(16 * 0.05 / 1.5, abs=0.01)
    assert service.client.get(done["audio_url"]).content.startswith(b"RIFF")
    service.work()
    states = {job["text"]: job["status"] for job in service.client.get("/jobs").json()["jobs"]}
    assert states == {"Bom dia a todos.": "completed", "Ainda espera.": "completed"}


def test_its_profiles_are_there_and_the_chosen_default_is_used(service: Service) -> None:
    profiles = service.client.get("/quality-profiles").json()
    (slow,) = [one for one in profiles["silence_profiles"] if one["name"] == "Devagar"]
    assert slow["is_default"] and slow["parameters"]["speed"] == 0.8
    (loose,) = [one for one in profiles["xtts_profiles"] if one["name"] == "Solto"]
    assert loose["parameters"]["temperature"] == 0.9 and not loose["is_default"]
    assert service.add()["quality_profile"] == slow["id"]


def test_its_fitted_voice_is_listed_heard_exported_and_renamed(service: Service, folder: Path) -> None:
    ana = service.client.get("/voices/ana").json()
    assert (ana["engine"], ana["engines"], ana["duration"], ana["effort"]) == ("kokoro", ["kokoro"], 52.5, "fast")
    assert ana["consent"]["statement"].startswith("Eu concordo") and ana["samples"] == ["fitted"]
    assert service.client.get("/voices/ana/report").json() == {"seconds": 12.5}
    assert service.client.get("/voices/ana/samples/fitted").content.startswith(b"RIFF")
    data = service.client.get("/voices/ana/export").content
    taken = service.client.post("/voices/import", data={"voice_id": "maria"}, files={"file": ("v", data)})
    assert taken.status_code == 201 and taken.json()["title"] == "Ana"
    assert (folder / "voices" / "ana" / "voice.safetensors").is_file()  # read, and left as it is
    assert service.client.delete("/voices/ana").status_code == 200
    assert not [path for path in folder.iterdir() if path.name.startswith(("export-", "import-"))]


def test_its_reference_is_heard_as_it_was(service: Service, folder: Path) -> None:
    bia = service.client.get("/voices/bia").json()
    assert (bia["engine"], bia["language"], bia["duration"], bia["samples"]) == ("xtts", "de", 4.0, ["recording-1"])
    library = service.services.cloning.library()
    (clip,) = clips_of(read_tensors(library.path("bia", "xtts")))
    assert len(clip) == 4 * 22_050 and abs(clip).max() == pytest.approx(0.1, abs=1e-4)
    voices = XttsEngine(EngineOptions(ModelStore(folder / "models"), voices_dir=folder / "voices")).voices()
    assert [voice.voice_id for voice in voices] == ["bia"]
