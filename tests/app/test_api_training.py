"""Fine-tuning over HTTP: a tiny network on a few clips, by a real worker; and what is refused. Rows 6.1-36 to 58."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nvml_rehearsal
import pytest
import torch
from api_service import Service, running

from app.api.services import Services
from app.api.training_log import log_lines
from app.callers import Caller
from app.jobs.events import Event
from app.jobs.runner import Worker
from app.tasks.training import train_model
from app.tasks.training_estimate import CONTEXT_BYTES, seconds_left, training_devices
from app.tasks.training_service import TrainingService
from bench.xtts_reference import recording
from speech.audio import Audio, save
from speech.engines.xtts.adapters import load_adapter

START = {"dataset": "ana", "epochs": 2, "batch_size": 2, "accumulation": 1, "save_every": 1, "learning_rate": 1e-3}
START |= {"options": {"evidence": {"enabled": False}}}


class Trainings:
    """The routes, and the worker of their jobs."""

    def __init__(self, service: Service) -> None:
        self.service, self.client = service, service.client
        self.services = service.services

    def send(self, verb: str, path: str, status: int = 202, **body: Any) -> Any:
        answer = self.client.request(verb, f"/training{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        answer = self.client.get(f"/training{path}", params=query)
        assert answer.status_code == status, answer.text
        return answer.json()

    def work(self, stop: str = "", each_step: Callable[[int], object] = lambda step: None) -> None:
        """Run what waits; with `stop` the route of that name is called after the third step."""

        def task(context: Any, params: Mapping[str, Any]) -> dict[str, Any]:
            tell, move = context.metric, context.progress

            def metric(step: int, values: Mapping[str, float]) -> None:
                tell(step, values)
                if stop and step == 3:
                    self.send("POST", f"/{stop}", job_id=context.job.id)
                    context.stop("paused" if stop == "pause" else "cancelled")

            def progress(done: int, total: int, note: str = "") -> None:
                move(done, total, note)
                if note == "training.stage.learning":
                    each_step(done)

            context.metric, context.progress = metric, progress
            return train_model(self.services.training, self.services.synthesizer, context, params)

        rest = {"worker_id": "w", "lease_s": 60, "poll_s": 0.01, "queues": ["train"]}
        Worker(self.services.database, self.services.files, {"training": task}, **rest).run_next()


@pytest.fixture
def trainings(tmp_path: Path, xtts_tiny: Path) -> Iterator[Trainings]:
    torch.set_num_threads(1)
    with running(tmp_path, xtts_dir=xtts_tiny) as service:
        built_dataset(service.services)
        yield Trainings(service)


def built_dataset(services: Services) -> None:
    services.datasets.create("ana", "pt-BR")
    folder = services.settings.datasets_path / "ana" / "MyTTSDataset"
    (folder / "wavs").mkdir(parents=True)
    rows = []
    for number in range(5):
        save(Audio(recording(1.0 + 0.1 * number, number), 22050), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|Um texto qualquer {number}.|Um texto qualquer.\n")
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")


def test_a_training_runs_and_leaves_checkpoints(trainings: Trainings) -> None:
    assert trainings.get("/status") == trainings.get("/status") | {"job": None, "step": None, "metrics": {}}
    job = trainings.send("POST", "/start", **START)
    assert (job["kind"], job["status"], job["can_pause"]) == ("training", "pending", True)
    trainings.work()
    state = trainings.get("/status")
    assert state["job"]["status"] == "completed", state
    assert state["step"] == 4 and {"text", "audio", "held_out_loss"} <= set(state["metrics"])
    kept = trainings.get("/checkpoints")
    assert [(one["step"], one["epoch"]) for one in kept] == [(2, 1), (4, 2)]
    assert sum(one["is_best"] for one in kept) == 1
    assert all(one["method"] == "lora" and one["language"] == "pt-BR" for one in kept)
    run, _, step = kept[0]["name"].partition("/")
    answer = trainings.client.get(f"/training/checkpoints/{run}/{step}/download")
    path = trainings.services.settings.data_dir / "downloaded"
    path.write_bytes(answer.content)
    assert load_adapter(path).factors
    assert len([row for row in trainings.get("/curve", run=run) if "audio" in row]) == 4
    best = next(one["name"] for one in kept if one["is_best"])
    assert trainings.send("DELETE", f"/checkpoints/{best}", 403)["code"] == "checkpoint_is_best"
    other = next(one["name"] for one in kept if not one["is_best"])
    assert trainings.send("DELETE", f"/checkpoints/{other}", 200)["name"] == other
    assert [one["name"] for one in trainings.get("/checkpoints", run=run)] == [best]
    assert trainings.send("DELETE", f"/checkpoints/{best}", 200)["name"] == best


def test_precision_and_method_reach_the_trainer(trainings: Trainings) -> None:
    """Rows of the page's form: what the network was trained with, and what was kept of it."""
    options = {"evidence": {"enabled": False}, "run": {"max_steps": 1}}
    trainings.send("POST", "/start", **START | {"mixed_precision": True, "use_lora": False, "options": options})
    trainings.work()
    state = trainings.get("/status")
    assert state["job"]["status"] == "completed", state
    used = trainings.services.training.config(state["run"])
    assert (used["run"]["precision"], used["model"]["method"]) == ("bf16", "full")
    [kept] = trainings.get("/checkpoints", run=state["run"])
    assert kept["method"] == "full" and kept["size_bytes"] > 1 << 20  # a network, no adapter


def test_a_card_has_a_precision_of_its_own(tmp_path: Path, xtts_tiny: Path) -> None:
    with running(tmp_path, xtts_dir=xtts_tiny, train_workers=0) as service:  # others train, on cards of theirs
        built_dataset(service.services)
        job_id = Trainings(service).send("POST", "/start", **START, device="cuda", mixed_precision=True)["id"]
        options = service.services.training.options(service.services.jobs.get(job_id).params["options"])
        assert (options.run.precision, options.run.device, options.model.method) == ("fp16", "cuda", "lora")


def test_what_is_left_falls_from_step_to_step() -> None:
    """Row 6.1-43: at an even pace, at one that varies by a tenth, and where one step took as long as a validation."""
    assert seconds_left([], 9) is None and seconds_left([5.0], 9) is None and seconds_left([5.0, 5.0], 9) is None
    steps = 30
    for paces in ([2.0] * steps, [2.0, 2.2, 1.9] * 10, [*[2.0] * 10, 40.0, *[2.0] * 19]):
        times = [100.0 + sum(paces[:count]) for count in range(steps + 1)]
        left = [seconds_left(times[max(0, step - 19) : step + 1], steps - step) for step in range(4, steps + 1)]
        told = [one for one in left if one is not None]
        assert len(told) == len(left) and all(later < earlier for earlier, later in zip(told, told[1:])), told
        assert told[0] == pytest.approx(2.0 * (steps - 4), rel=0.11) and told[-1] == 0


def test_a_training_for_a_card_does_not_go_on_where_there_is_none(tmp_path: Path, xtts_tiny: Path) -> None:
    with running(tmp_path, xtts_dir=xtts_tiny, train_workers=0) as service:  # others train, on cards of theirs
        built_dataset(service.services)
        elsewhere = Trainings(service)
        job_id = elsewhere.send("POST", "/start", **START, device="cuda")["id"]
        assert elsewhere.send("POST", "/pause", job_id=job_id)["status"] == "paused"
    with running(tmp_path, xtts_dir=xtts_tiny) as service:
        refused = Trainings(service).send("POST", "/resume", 503, job_id=job_id)
        assert refused["code"] == "device_missing"
        assert service.services.jobs.get(job_id).status == "paused"


def test_the_card_is_told_where_there_is_one(trainings: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    without = trainings.get("/status")
    assert without["gpu"] is None and without["gpu_memory_bytes"] is None and without["devices"] == ["cpu"]
    refused = trainings.send("POST", "/start", 503, **START, device="cuda")
    assert refused["code"] == "device_missing" and "Choose one of cpu:" in refused["detail"]
    monkeypatch.setitem(sys.modules, "pynvml", nvml_rehearsal)
    monkeypatch.setattr("app.observability.gpu.has_driver", lambda: True)
    card = trainings.get("/status")
    assert (card["gpu"], card["gpu_temperature_c"]) == ("NVIDIA H200", 61)
    assert (card["gpu_memory_used_bytes"], card["gpu_memory_bytes"]) == (10 << 30, 140 << 30)
    asked = START | {"options": {"run": {"device": "cuda"}}}
    needed = trainings.send("POST", "/estimate", 200, **asked)
    assert needed["available_bytes"] == (130 << 30) - CONTEXT_BYTES


def test_a_card_counts_where_pytorch_can_use_it_and_this_machine_trains(
    trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's version says for what PyTorch was built; it is not imported for it."""
    settings = trainings.services.settings
    elsewhere = [{"jobs": "celery", "redis_url": "redis://nowhere"}, {"train_workers": 0}]
    assert [training_devices(settings.model_copy(update=change)) for change in elsewhere] == [None, None]
    monkeypatch.setitem(sys.modules, "pynvml", nvml_rehearsal)
    monkeypatch.setattr("app.observability.gpu.has_driver", lambda: True)
    for build, devices in (("2.13.0+cpu", ["cpu"]), ("2.13.0", ["cpu", "cuda"])):
        monkeypatch.setattr("app.tasks.training_estimate.version", lambda name, build=build: build)
        assert trainings.get("/status")["devices"] == devices
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert trainings.get("/status")["devices"] == ["cpu"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    job = trainings.send("POST", "/start", **START, device="cuda")
    assert trainings.services.jobs.get(job["id"]).params["options"]["run"]["device"] == "cuda"


def test_what_training_alone_reads_is_missed_before_it_begins(
    trainings: Trainings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "without"
    shutil.copytree(trainings.services.training.checkpoint_dir(), folder)
    (folder / "dvae.pth").unlink()
    monkeypatch.setattr(trainings.services.training, "_checkpoint_dir", folder)
    for path in ("/estimate", "/start"):
        assert trainings.send("POST", path, 503, **START)["code"] == "training_weights_missing"


def test_how_a_training_goes_is_told(trainings: Trainings) -> None:
    said: list[Any] = []
    trainings.send("POST", "/start", **{**START, "epochs": 3})
    trainings.work(each_step=lambda step: said.append(trainings.get("/status")))
    assert [state["step"] for state in said] == [1, 2, 3, 4, 5, 6] and said[-1]["steps"] == 6
    assert [state["epoch"] for state in said] == [1, 1, 2, 2, 3, 3] and said[0]["epochs"] == 3
    assert said[0]["left_s"] is None and said[3]["left_s"] > 0
    assert said[-1]["dataset"] == "ana" and {"loss", "rate", "held_out_loss"} <= set(said[-1]["metrics"])
    run = said[0]["run"]
    later = trainings.get("/curve", run=run, after=4)
    assert {row["step"] for row in later} == {5, 6} and any("held_out_loss" in row for row in later)
    rates = [row["rate"] for row in trainings.get("/curve", run=run) if "rate" in row]
    assert rates == sorted(rates) and rates[0] == pytest.approx(1e-4)  # warm-up


def test_an_estimate_starts_nothing_and_learns_from_what_ran(trainings: Trainings) -> None:
    first = trainings.send("POST", "/estimate", 200, **START)
    assert first["workload"]["clips"] + first["workload"]["held_out"] == 5 and first["steps"] == 4
    assert first["time_basis"] == "computed" and first["duration_s"] > 0
    assert first["memory_bytes"] > 0 and first["fits"] == (first["memory_bytes"] <= first["available_bytes"])
    assert trainings.get("/status")["job"] is None
    trainings.send("POST", "/start", **START)
    trainings.work()
    assert trainings.send("POST", "/estimate", 200, **START)["time_basis"] == "measured"
    assert trainings.send("POST", "/estimate", 422, **{**START, "epochs": 0})["code"] == "invalid_request"
    assert trainings.send("POST", "/estimate", 404, **{**START, "dataset": "nobody"})["code"] == "unknown_dataset"


def test_paused_it_waits_and_resumed_it_draws_the_same_curve(trainings: Trainings) -> None:
    first = trainings.send("POST", "/start", **START)
    trainings.work()
    second = trainings.send("POST", "/start", **START)
    trainings.work(stop="pause")
    assert trainings.get("/status", job_id=second["id"])["job"]["status"] == "paused"
    trainings.send("POST", "/resume")
    trainings.work()
    assert trainings.get("/status")["job"]["status"] == "completed"
    runs = [trainings.services.jobs.get(job["id"]).params["run"] for job in (first, second)]
    whole, parts = (trainings.get("/curve", run=run) for run in runs)
    assert whole == parts


def test_stopped_its_checkpoints_stay(trainings: Trainings) -> None:
    trainings.send("POST", "/start", **START)
    trainings.work(stop="stop")
    assert trainings.get("/status")["job"]["status"] == "cancelled"
    assert [one["step"] for one in trainings.get("/checkpoints")] == [2]


def test_one_training_has_the_device(trainings: Trainings) -> None:
    first = trainings.send("POST", "/start", **START)
    refused = trainings.send("POST", "/start", 409, **START)
    assert refused["code"] == "training_running" and first["id"] in refused["detail"]
    trainings.send("POST", "/stop")
    assert trainings.send("POST", "/start", **START)["id"] != first["id"]


def test_its_log_has_levels_and_as_many_lines_as_asked(trainings: Trainings) -> None:
    folder = trainings.services.settings.datasets_path / "ana" / "MyTTSDataset"
    save(Audio(recording(13.0, 9), 22050), folder / "wavs" / "c9.wav")
    with (folder / "metadata.csv").open("a", encoding="utf-8") as file:
        file.write("c9|Longo demais.|Longo demais.\n")
    job = trainings.send("POST", "/start", **START)
    trainings.work()
    everything = trainings.get("/logs", level="debug", lines=2000)
    assert {"debug", "info", "warning"} == {line["level"] for line in everything}
    assert all(line["level"] != "debug" for line in trainings.get("/logs", job_id=job["id"]))
    assert trainings.get("/logs", level="debug", lines=3) == everything[-3:]
    warnings = [line["text"] for line in trainings.get("/logs", level="warning")]
    assert warnings == ["c9 is left out: It is longer than 11.6 s."]
    texts = [line["text"] for line in trainings.get("/logs")]
    assert texts.count("Learning") == 1 and any(text.startswith("Step 4: validation loss ") for text in texts)
    assert texts[-1] == "Completed"


def test_a_step_that_was_left_out_is_a_warning() -> None:
    values = {"rate": 1e-5, "skipped": 2.0}
    events = [Event(7, "j", "u", "job.metric", {"step": 4, "values": values}, 0.0)]
    [line] = log_lines(events, "warning", "en")
    assert line.text == "Step 4 is left out: its gradients were no numbers (2 so far)"


def test_what_a_checkpoint_said_can_be_heard(trainings: Trainings) -> None:
    trainings.send("POST", "/start", **START)
    trainings.work()
    kept = trainings.get("/checkpoints")[0]
    run, _, step = kept["name"].partition("/")
    assert kept["samples"] == []
    sounds = trainings.services.training.checkpoint(run, step) / "samples"
    sounds.mkdir()
    save(Audio(recording(0.5, 1), 22050), sounds / "prompt-1.wav")
    assert trainings.get("/checkpoints")[0]["samples"] == ["prompt-1"]
    answer = trainings.client.get(f"/training/checkpoints/{run}/{step}/samples/prompt-1")
    assert answer.content == (sounds / "prompt-1.wav").read_bytes()
    assert trainings.get(f"/checkpoints/{run}/{step}/samples/meta", 404)["code"] == "sample_not_found"


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
def test_nothing_runs_and_nothing_can_be_stopped(trainings: Trainings, action: str) -> None:
    assert trainings.send("POST", f"/{action}", 409)["code"] == "no_training"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"epochs": 0}, 422, "invalid_request"),
        ({"epochs": 101}, 422, "invalid_request"),
        ({"batch_size": 17}, 422, "invalid_request"),
        ({"accumulation": 0}, 422, "invalid_request"),
        ({"accumulation": 9}, 422, "invalid_request"),
        ({"save_every": 0}, 422, "invalid_request"),
        ({"save_every": 11}, 422, "invalid_request"),
        ({"colour": "red"}, 422, "invalid_request"),
        ({"options": {"run": {"optimizer": "lion"}}}, 422, "bad_training_option"),
        ({"options": {"model": {"ranks": 3}}}, 422, "bad_training_option"),
        ({"dataset": "nobody"}, 404, "unknown_dataset"),
        ({"device": "cuda"}, 503, "device_missing"),
        ({"options": {"run": {"device": "cuda:1"}}}, 503, "device_missing"),
        ({"options": {"run": {"device": "tpu"}}}, 422, "bad_training_option"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(
    trainings: Trainings, change: dict[str, Any], status: int, code: str
) -> None:
    told = trainings.send("POST", "/start", status, **{**START, **change})
    assert told["code"] == code
    if code == "invalid_request":
        assert [error["field"] for error in told["errors"]] == list(change)
    assert sum(trainings.services.jobs.counts().values()) == 0


def test_a_dataset_that_was_not_built_is_refused(trainings: Trainings) -> None:
    shutil.rmtree(trainings.services.settings.datasets_path / "ana" / "MyTTSDataset")
    assert trainings.send("POST", "/start", 409, **START)["code"] == "dataset_not_built"


def test_names_do_not_leave_the_folder_and_runs_are_their_owners(trainings: Trainings) -> None:
    for run, step in (("..", "step-000001"), ("ana", ".."), ("%2e%2e", "step-000001"), ("a" * 99, "x")):
        answer = trainings.client.get(f"/training/checkpoints/{run}/{step}/download")
        assert answer.status_code == 404, (run, step)
    service: TrainingService = trainings.services.training
    service.begin("theirs", Caller("somebody"))
    assert service.runs(Caller("somebody")) == ["theirs"] and service.runs(Caller("another")) == []
