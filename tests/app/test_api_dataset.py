"""Datasets over HTTP: queue, uploads, stages as jobs, clips and what a person changes. Rows 6.1-5 to 27, 6.3-1 to 6."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from api_service import Service, running

from app.callers import Caller
from app.jobs.runner import Worker
from app.tasks.dataset import work_on_dataset
from app.tasks.dataset_service import DatasetService
from speech.asr import Word
from speech.audio import Audio, save, to_bytes
from train.dataset.folder import DatasetFolder
from train.dataset.records import Sample

BASE = "/training/dataset"
LINK = "https://youtu.be/dQw4w9WgXcQ"


class Datasets:
    """The routes of one dataset, and the worker of its jobs."""

    def __init__(self, service: Service) -> None:
        self.service, self.client = service, service.client
        services = service.services
        self.worker = Worker(
            services.database,
            services.files,
            {"dataset": partial(work_on_dataset, services.datasets)},
            worker_id="w",
            lease_s=60,
            poll_s=0.01,
            queues=["dataset"],
        )

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"{BASE}{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, verb: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.client.request(verb, f"{BASE}{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self.worker.run_next()
        found: dict[str, Any] = self.client.get(f"/jobs/{job['id']}").json()
        assert found["status"] == "completed", found
        return found

    def filled(self, clips: int = 6) -> DatasetFolder:
        """The default dataset with clips of two recordings."""
        folder = self.service.services.datasets.create("main", "pt-BR")
        folder.wavs.mkdir(parents=True)
        noise = np.random.default_rng(0).normal(0, 0.05, 7 * 22050).astype(np.float32)
        words = tuple(Word(text, i / 4, i / 4 + 0.2, 0.9) for i, text in enumerate("um dois três".split()))
        made = []
        for index in range(clips):
            name = f"r{index * 2 // clips}_{index:05d}"
            path = f"processed/wavs/{'r0_00000' if clips > 100 else name}.wav"
            place = ((float(index), index + 1.0),)
            length = 1.0 + index % 7
            if clips <= 100 or index == 0:
                save(Audio(noise[: round(length * 22050)], 22050), folder.root / path)
            made.append(
                Sample(name, path, name[:2], "ana", "pt-BR", place, length, f"um dois três {index}", words=words)
            )
        folder.save_samples(replace(sample, decision="keep") for sample in made)
        return folder


@pytest.fixture
def datasets(tmp_path: Path) -> Iterator[Datasets]:
    with running(tmp_path) as service:
        yield Datasets(service)


def test_datasets_begin_and_end(datasets: Datasets) -> None:
    assert datasets.get("") == []
    made = datasets.send("POST", "", 201, name="vozes", language="pt")
    assert (made["name"], made["language"], made["samples"], made["version"]) == ("vozes", "pt-BR", 0, None)
    assert datasets.send("POST", "", 409, name="vozes", language="pt")["code"] == "dataset_exists"
    assert datasets.send("POST", "", 422, name="../x", language="pt")["code"] == "invalid_request"
    assert datasets.send("POST", "", 422, name="x", language="tlh")["code"] == "unknown_dataset_language"
    assert [each["name"] for each in datasets.get("")] == ["vozes"]
    assert datasets.client.delete(f"{BASE}/vozes").status_code == 200
    assert datasets.client.delete(f"{BASE}/vozes").json()["code"] == "unknown_dataset"


def test_the_queue(datasets: Datasets) -> None:
    first = datasets.send("POST", "/queue", 201, youtube_url=LINK, name="Aula 1", description="nota", speaker="ana")
    assert (first["id"], first["status"], first["notes"], first["speaker"]) == ("Aula_1", "waiting", "nota", "ana")
    assert datasets.send("POST", "/queue", 201, youtube_url=LINK)["id"] == "Aula_1"  # once is enough
    for link in ("file:///etc/passwd", "http://127.0.0.1:8005/x", "https://youtu.be.evil.example/x"):
        assert datasets.send("POST", "/queue", 422, youtube_url=link)["code"] == "link_refused"
    assert [each["id"] for each in datasets.get("/queue")] == ["Aula_1"]
    assert datasets.client.delete(f"{BASE}/queue/Aula_1").status_code == 200
    assert datasets.client.delete(f"{BASE}/queue/Aula_1").json()["code"] == "source_not_found"
    assert datasets.get("/queue") == []


def test_uploads_are_taken_in_by_a_job(datasets: Datasets) -> None:
    sound = to_bytes(Audio(np.full(44100, 0.1, np.float32), 44100), "wav")
    files = [("file", ("a b.wav", sound)), ("file", ("page.mp3", b"<html>"))]
    answer = datasets.client.post(f"{BASE}/upload", files=files, data={"speaker": "rui"})
    assert answer.status_code == 202 and answer.json()["kind"] == "dataset"
    result = datasets.done(answer.json())["result"]
    assert result["status"]["recordings"] == 1
    assert [(each["id"], each["code"]) for each in result["failed"]] == [("page", "recording_unreadable")]
    found = {each["id"]: each for each in datasets.get("/queue")}
    assert found["a_b"]["duration_s"] == 1.0 and found["a_b"]["speaker"] == "rui"
    assert found["page"]["status"] == "failed" and found["page"]["error_message"]
    assert DatasetService(datasets.service.services.models, datasets.service.services.datasets.root).names() == ["main"]


@pytest.mark.models
@pytest.mark.parametrize(
    ("route", "first", "last"),
    [
        ("download", "download", "download"),
        ("segment", "clean", "segment"),
        ("transcribe", "transcribe", "quality"),
        ("build", "build", "build"),
        ("run", "download", "build"),
    ],
)
def test_stages_are_jobs(tmp_path: Path, models_dir: Path, route: str, first: str, last: str) -> None:
    with running(tmp_path, models_dir=models_dir) as service:
        datasets = Datasets(service)
        job = datasets.send("POST", f"/{route}", 202)
        assert (job["dataset"], job["first"], job["last"], job["can_pause"]) == ("main", first, last, True)
        assert datasets.send("POST", "/segment", 409)["code"] == "dataset_busy"
        wrong = datasets.send("POST", f"/{route}", 422, options={"segment": {"length": 3}})
        assert wrong["code"] == "bad_dataset_option" and "max_duration_s" in wrong["detail"]
        hosts = {"download": {"allowed_hosts": ["10.0.0.1"]}}
        assert datasets.send("POST", "/download", 422, options=hosts)["code"] == "bad_dataset_option"
        assert datasets.send("POST", f"/{route}", 404, dataset="nobody")["code"] == "unknown_dataset"


@pytest.mark.models
def test_a_build_and_its_figures(tmp_path: Path, models_dir: Path) -> None:
    with running(tmp_path, models_dir=models_dir) as service:
        datasets = Datasets(service)
        folder = datasets.filled()
        result = datasets.done(datasets.send("POST", "/build", 202))["result"]
        assert result["version"] == 1 and result["status"]["samples"] == 6
        told = datasets.get("/stats")
        lengths_s = [soundfile.info(path).duration for path in (folder.root / "MyTTSDataset" / "wavs").glob("*.wav")]
        assert len(lengths_s) == 6 and told["status"]["hours"] == pytest.approx(sum(lengths_s) / 3600, abs=1e-6)
        assert [each["number"] for each in datasets.get("/versions")] == [1]
        (view,) = datasets.get("")
        assert (view["samples"], view["segments"], view["transcriptions"], view["version"]) == (6, 6, 6, 1)
        page = datasets.client.get(f"{BASE}/report", headers={"Accept-Language": "pt-BR"})
        assert page.status_code == 200 and "<svg" in page.text and "Conjunto" in page.text


def test_pages_and_filters(datasets: Datasets) -> None:
    datasets.filled()
    page = datasets.get("/samples", page=2, size=4)
    assert (page["total"], len(page["samples"]), page["can_undo"]) == (6, 2, False)
    assert [each["text"] for each in datasets.get("/samples", text="TRÊS 4")["samples"]] == ["um dois três 4"]
    assert datasets.get("/samples", min_duration=2, max_duration=4)["total"] == 3
    assert datasets.get("/samples", speaker="rui")["total"] == datasets.get("/samples", finding="noisy")["total"] == 0
    assert datasets.client.get(f"{BASE}/samples", params={"colour": "red"}).status_code == 422
    assert datasets.client.get(f"{BASE}/samples", params={"page": 0}).status_code == 422


def test_a_sample_is_heard_and_changed(datasets: Datasets) -> None:
    datasets.filled()
    one = datasets.get("/samples/r0_00000")
    assert [word[0] for word in one["words"]] == ["um", "dois", "três", "0"]
    whole = datasets.client.get(one["audio_url"])
    part = datasets.client.get(one["audio_url"], headers={"Range": "bytes=44-143"})
    assert part.status_code == 206 and part.content == whole.content[44:144]
    changed = datasets.send("PATCH", "/samples/r0_00000", text="outro texto")
    assert changed["samples"][0]["text"] == "outro texto"
    assert datasets.send("PATCH", "/samples/r0_00000", 422, text="a|b")["code"] == "bad_sample_change"
    assert datasets.send("PATCH", "/samples/nobody", 404, text="a")["code"] == "unknown_sample"
    datasets.send("POST", "/samples/decide", ids=["r0_00001", "r0_00002"], decision="drop")
    assert datasets.get("/samples", decision="drop")["total"] == 2
    halves = datasets.send("POST", "/samples/r1_00003/split", word=1)["samples"]
    assert [each["text"] for each in halves] == ["um", "dois três 3"]
    joined = datasets.send("POST", "/samples/merge", ids=[each["id"] for each in halves])["samples"]
    assert joined[0]["text"] == "um dois três 3" and datasets.get("/samples")["can_undo"]
    for _ in range(4):
        datasets.send("POST", "/undo")
    assert datasets.get("/samples/r0_00000")["text"] == "um dois três 0"
    assert datasets.send("POST", "/undo", 409)["code"] == "nothing_to_undo"
    assert datasets.get("/samples")["total"] == 6


def test_names_of_speakers(datasets: Datasets) -> None:
    datasets.filled()
    assert datasets.send("PUT", "/speakers", names={"ana": "Ana Maria"}) == {"ana": "Ana Maria"}
    assert "Ana Maria" in datasets.get("/stats")["speakers"]


def test_twenty_thousand_samples_page_in_time(datasets: Datasets) -> None:
    datasets.filled(20_000)
    datasets.get("/samples")  # the first reads them all
    took = []
    for query in ({"page": 700}, {"text": "três 19999"}, {"min_duration": 6.5}, {"decision": "keep"}):
        begun = time.perf_counter()
        assert datasets.get("/samples", **query)["total"] > 0
        took.append(time.perf_counter() - begun)
    assert sorted(took)[1] < 0.2


def test_others_see_nothing_of_it(datasets: Datasets) -> None:
    service = datasets.service.services.datasets
    service.create("mine", "en", Caller("ana"))
    assert service.names(Caller("ana")) == ["mine"] and service.names(Caller("ben")) == []
    with pytest.raises(Exception, match="unknown_dataset"):
        service.open("mine", Caller("ben"))
