"""The whole walk over HTTP on small data: a link → dataset → training → pause → resume → checkpoints → A/B → a
voice that every client speaks with. Rows 4.4-4 and 4.4-5."""

from __future__ import annotations

import shutil
import threading
import wave
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import dataset_recognizers
import numpy as np
import pytest
from api_service import Service, running
from loopback import served
from xtts_brief import write_brief

from app.jobs.runner import Task, Worker
from app.tasks.comparisons import compare_voices
from app.tasks.dataset import work_on_dataset
from app.tasks.training import train_model
from speech.audio import Audio, to_bytes
from speech.engines.xtts.adapters import load_adapter
from train.dataset.build import build
from train.dataset.options import BuildOptions, SegmentOptions
from train.dataset.segment import segment
from train.progress import NullReporter

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

TEXT = "Bom dia."
START: dict[str, Any] = {"dataset": "main", "epochs": 3, "accumulation": 1, "save_every": 1, "learning_rate": 1e-3}
START["options"] = {"evidence": {"enabled": False}, "model": {"rank": 4}}
PAUSED_AT = 2


class Walk:
    """A service, the workers of its jobs, and what each step of the walk left."""

    def __init__(self, service: Service) -> None:
        self.service, self.services, self.client = service, service.services, service.client
        self.left: dict[str, Any] = {}

    def send(self, verb: str, path: str, status: int = 200, **sent: Any) -> Any:
        answer = self.client.request(verb, path, **sent)
        assert answer.status_code == status, answer.text
        return answer.json()

    def work(self, queue: str, kind: str, task: Task) -> None:
        rest: dict[str, Any] = {"worker_id": "w", "lease_s": 60, "poll_s": 0.01, "queues": [queue]}
        assert Worker(self.services.database, self.services.files, {kind: task}, **rest).run_next()

    def train(self, pause_at: int = 0, cancel_at: int = 0) -> None:
        """Run the training that waits; a person presses a button at a step."""

        def task(context: Any, params: Mapping[str, Any]) -> dict[str, Any]:
            tell = context.metric

            def metric(step: int, values: Mapping[str, float]) -> None:
                tell(step, values)
                if step in (pause_at, cancel_at):
                    self.send("POST", f"/training/{'pause' if step == pause_at else 'stop'}", 202, json={})
                    context.stop("paused" if step == pause_at else "cancelled")

            context.metric = metric
            return train_model(self.services.training, self.services.synthesizer, context, params)

        self.work("train", "training", task)

    def frames(self, wav: bytes) -> bytes:
        with wave.open(BytesIO(wav)) as file:
            assert file.getframerate() == 24000
            return bytes(file.readframes(file.getnframes()))


def talk(seconds: float) -> bytes:
    """A recording of loud and quiet, as of words and pauses."""
    chance, rate, at = np.random.default_rng(3), 22050, 0.5
    samples = chance.normal(0, 3e-4, round(seconds * rate))
    while at < seconds - 3:
        length = chance.uniform(1.0, 2.5)
        first, last = round(at * rate), round((at + length) * rate)
        samples[first:last] += chance.normal(0, 0.1, last - first)
        at += length + chance.uniform(0.3, 0.6)
    return to_bytes(Audio(samples.astype(np.float32), rate), "wav")


@pytest.fixture(scope="module")
def walk(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    torch.set_num_threads(1)
    folder: Path = write_brief(xtts_tiny, tmp_path_factory.mktemp("brief"), 8.0)
    shutil.copyfile(xtts_tiny / "dvae.pth", folder / "dvae.pth")
    settings = {"xtts_dir": folder, "device": "cpu", "dataset_hosts": ("127.0.0.1",)}
    with running(tmp_path_factory.mktemp("service"), **settings) as service:
        yield Walk(service)


@pytest.fixture(scope="module")
def built(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The dataset `main`, of a link to a recording on this machine, fetched by yt-dlp, and of a file that was sent."""
    with served(tmp_path_factory.mktemp("web") / "site") as site:
        (site.folder / "talk.wav").write_bytes(talk(20))
        link = {"youtube_url": f"{site.address}/talk.wav", "name": "talk"}
        walk.left["queued"] = walk.send("POST", "/training/dataset/queue", 201, json=link)
        folder = walk.services.datasets.open("main")
        walk.services.datasets.run(folder, NullReporter(), "download", "download")
    walk.send("POST", "/training/dataset/upload", 202, files=[("file", ("more.wav", talk(5)))])
    walk.work("dataset", "dataset", partial(work_on_dataset, walk.services.datasets))
    cut = SegmentOptions(min_duration_s=1.0, max_duration_s=3.0, target_duration_s=2.0)
    clips = segment(folder, cut, dataset_recognizers.Loud(), NullReporter())
    texts = ("Bom dia.", "Tudo bem por aí?", "O café está na mesa.", "Até amanhã.", "Boa noite.")
    folder.save_samples(
        replace(clip, text=text, recognized_text=text, decision="keep") for clip, text in zip(clips, texts)
    )
    build(folder, BuildOptions(), NullReporter())
    return walk


@pytest.fixture(scope="module")
def trained(built: Walk) -> Walk:
    """A training that was paused at its second step and resumed to its end."""
    built.left["job"] = built.send("POST", "/training/start", 202, json=START)
    built.train(pause_at=PAUSED_AT)
    built.left["paused"] = built.send("GET", "/training/status")
    built.left["curve_then"] = built.send("GET", "/training/curve", params={"run": run_of(built)})
    built.left["refused"] = built.send("POST", "/training/start", 409, json=START)
    built.left["spoken"] = built.service.completed(TEXT, voice_id="silence_male")
    built.send("POST", "/training/resume", 202, json={})
    built.train()
    built.left["ended"] = built.send("GET", "/training/status")
    return built


@pytest.fixture(scope="module")
def voiced(trained: Walk) -> Walk:
    """The last checkpoint as a voice."""
    checkpoint = trained.send("GET", "/training/checkpoints")[-1]["name"]
    body = {"name": "Ana ajustada", "consent": True}
    trained.left["voice"] = trained.send("POST", f"/training/checkpoints/{checkpoint}/voice", 201, json=body)["id"]
    return trained


def run_of(walk: Walk) -> str:
    return str(walk.services.jobs.get(walk.left["job"]["id"]).params["run"])


def test_a_link_becomes_a_dataset(built: Walk) -> None:
    """Fetched and cut by the stages themselves; what was said is put in as a person does, since it is noise."""
    queue = {one["id"]: one for one in built.send("GET", "/training/dataset/queue")}
    assert built.left["queued"]["id"] == "talk" and queue.keys() == {"talk", "more"}
    assert all(one["error"] is None and one["duration_s"] > 4 for one in queue.values())
    [found] = built.send("GET", "/training/dataset")
    assert found["version"] == 1 and found["samples"] >= 4
    folder = built.services.training.dataset("main")
    rows = [row for name in ("train", "val") for row in (folder / f"metadata_{name}.csv").read_text().splitlines()]
    assert len(rows) >= 4 and all((folder / "wavs" / f"{row.partition('|')[0]}.wav").is_file() for row in rows)


def test_paused_it_keeps_its_place_and_no_memory(trained: Walk) -> None:
    paused = trained.left["paused"]
    assert paused["job"]["status"] == "paused" and paused["step"] == PAUSED_AT
    assert (trained.services.training.run_folder(run_of(trained)) / "resume.pt").is_file()
    assert paused["gpu"] is None or paused["gpu_memory_bytes"]


def test_while_it_is_there_another_start_is_refused_and_speaking_goes_on(trained: Walk) -> None:
    assert trained.left["refused"]["code"] == "training_running"
    assert trained.left["job"]["id"] in trained.left["refused"]["detail"]
    assert trained.left["spoken"]["status"] == "completed"


def test_resumed_it_goes_on_with_the_same_curve(trained: Walk) -> None:
    assert trained.left["ended"]["job"]["status"] == "completed"
    rows = trained.send("GET", "/training/curve", params={"run": run_of(trained)})
    steps = [row["step"] for row in rows if "audio" in row]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) > PAUSED_AT
    assert rows[: len(trained.left["curve_then"])] == trained.left["curve_then"]


def test_its_checkpoints_are_listed_and_downloaded_whole(trained: Walk, tmp_path: Path) -> None:
    kept = trained.send("GET", "/training/checkpoints")
    assert kept and sum(one["is_best"] for one in kept) == 1
    path = tmp_path / "adapter.safetensors"
    path.write_bytes(trained.client.get(f"/training/checkpoints/{kept[-1]['name']}/download").content)
    assert load_adapter(path).factors


def test_base_and_candidate_are_compared_blind(trained: Walk) -> None:
    sides = [
        {"checkpoint": f"{run_of(trained)}/base"},
        {"checkpoint": trained.send("GET", "/training/checkpoints")[-1]["name"]},
    ]
    body = {"sides": sides, "texts": [TEXT], "measure": False}
    name = trained.send("POST", "/training/inference/compare", 202, json=body)["id"]
    trained.work(
        "intake", "comparison", partial(compare_voices, trained.services.comparisons, trained.services.synthesizer)
    )
    [trial] = trained.send("GET", f"/training/comparisons/{name}")["trials"]
    vote = {"trial_id": trial["trial_id"], "choice": trial["sounds"][1]}
    assert trained.send("POST", f"/training/comparisons/{name}/votes", json=vote)["waiting"] == 0
    found = trained.send("GET", f"/training/comparisons/{name}/results")
    assert found["verdict"]["votes"] == 1 and found["trials"][0]["sides"][1] in found["sides"]


def test_its_voice_speaks_in_jobs_and_for_clients_of_openai(voiced: Walk) -> None:
    voice = voiced.left["voice"]
    assert voice in [one["id"] for one in voiced.send("GET", "/v1/audio/voices")["voices"]]
    job = voiced.service.completed(TEXT, voice_id=voice, seed=3)
    assert job["tts_engine_used"] == "xtts"
    ask = {"model": "tts-1", "voice": voice, "input": TEXT, "response_format": "wav", "seed": 3, "language": "pt-BR"}
    sound = voiced.client.post("/v1/audio/speech", json=ask).content
    assert voiced.frames(sound) == voiced.frames(voiced.client.get(job["audio_url"]).content)


def test_the_base_api_lists_speaks_downloads_and_deletes(voiced: Walk) -> None:
    found = voiced.send("GET", "/v1/finetune/checkpoints")["checkpoints"]
    made = voiced.send("POST", "/v1/finetune/synthesize", json={"text": TEXT, "checkpoint": found[0]["name"]})
    assert made["success"] and voiced.frames(voiced.client.get(made["audio_path"]).content)
    detail = voiced.send("GET", f"/v1/finetune/checkpoints/{found[0]['name']}")
    assert detail["train_loss"] > 0 and detail["config"]["run"]["epochs"] == START["epochs"]
    other = next(one["name"] for one in found if not one["is_best"])
    assert voiced.send("DELETE", f"/v1/finetune/checkpoints/{other}")["success"]
    assert len(voiced.send("GET", "/training/checkpoints")) == len(found) - 1


def test_the_voice_stays_when_the_run_is_gone(voiced: Walk) -> None:
    folder = voiced.services.training.run_folder(run_of(voiced))
    folder.rename(folder.with_name("moved-away"))
    assert voiced.service.completed(TEXT, voice_id=voiced.left["voice"], seed=4)["status"] == "completed"
    folder.with_name("moved-away").rename(folder)


def test_of_two_starts_at_once_one_has_the_device(trained: Walk) -> None:
    answers: list[int] = []

    def start() -> None:
        answers.append(trained.client.post("/training/start", json=START).status_code)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [202, 409]
    trained.send("POST", "/training/stop", 202, json={})


def test_stopped_while_it_saves_its_checkpoints_are_whole(trained: Walk) -> None:
    before = len(trained.send("GET", "/training/checkpoints"))
    job = trained.send("POST", "/training/start", 202, json=START)
    trained.train(cancel_at=PAUSED_AT)
    assert trained.client.get(f"/jobs/{job['id']}").json()["status"] == "cancelled"
    kept = trained.send("GET", "/training/checkpoints")
    assert len(kept) >= before
    for one in kept:
        run, _, step = one["name"].partition("/")
        assert load_adapter(trained.services.training.weights(run, step)).factors


def test_a_damaged_save_is_told_and_nothing_of_the_run_is_lost(trained: Walk) -> None:
    job = trained.send("POST", "/training/start", 202, json=START)
    trained.train(pause_at=PAUSED_AT)
    run = trained.services.jobs.get(job["id"]).params["run"]
    path = trained.services.training.run_folder(run) / "resume.pt"
    path.write_bytes(path.read_bytes()[:-2000])
    kept = trained.send("GET", "/training/checkpoints", params={"run": run})
    trained.send("POST", "/training/resume", 202, json={})
    trained.train()
    ended = trained.client.get(f"/jobs/{job['id']}").json()
    assert (ended["status"], ended["error"]["code"]) == ("failed", "resume_damaged")
    assert trained.send("GET", "/training/checkpoints", params={"run": run}) == kept
