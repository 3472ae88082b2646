"""Part 5 of docs/TRAINING_GUIDE.md as it stands: a training from the estimate to a voice, by its curl lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from built_datasets import write_dataset, write_trainable
from curl_commands import curls, parsed

from app.jobs.runner import Worker
from app.tasks.training import train_model
from bench.xtts_reference import recording
from speech.audio import Audio, load, save

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

GUIDE = Path(__file__).parents[2] / "docs" / "TRAINING_GUIDE.md"
RUN = "ana-1a2b3c4d"  # as the guide writes it


@pytest.fixture
def studio(xtts_tiny: Path, tmp_path: Path) -> Iterator[Service]:
    weights = write_trainable(xtts_tiny, tmp_path / "xtts", 8.0)
    with running(tmp_path / "data", xtts_dir=weights, device="cpu") as service:
        write_dataset(service.services.settings.datasets_path / "ana", clips=5)
        yield service


def train(service: Service) -> None:
    """What waits, as the worker of trainings runs it."""
    services = service.services

    def task(context: Any, params: Any) -> Any:
        return train_model(services.training, services.synthesizer, context, params)

    rest: dict[str, Any] = {"worker_id": "w", "lease_s": 60, "poll_s": 0.01, "queues": ["train"]}
    Worker(services.database, services.files, {"training": task}, **rest).run_next()


def test_the_curl_lines_of_the_guide_run(studio: Service, tmp_path: Path) -> None:
    save(Audio(recording(3.5, 7), 22050), tmp_path / "voice.wav")
    run, answers = "", {}
    lines = curls(GUIDE, "## 5.")
    for line in lines:
        asked = parsed(line.replace(RUN, run) if run else line, tmp_path)
        answer = studio.client.request(asked.method, asked.path, **asked.options)
        assert answer.status_code < 300, (line, answer.text)
        name = asked.path.partition("?")[0].removeprefix("/training/").replace(run or RUN, "RUN")
        answers[name] = answer
        if asked.output:
            (tmp_path / asked.output).write_bytes(answer.content)
        if name == "status":
            run = answer.json()["run"]
        if name == "resume":
            train(studio)
            state = studio.client.get("/training/status").json()
            assert state["job"]["status"] == "completed", state
    assert answers["pause"].json()["status"] == "paused" and answers["dataset"].json()
    assert answers["curve"].json() and "Completed" in [line["text"] for line in answers["logs"].json()]
    assert "step-000010" in [one["name"].partition("/")[2] for one in answers["checkpoints"].json()]
    assert load(tmp_path / "ola.wav").duration_s > 0 and (tmp_path / "step-000010.safetensors").stat().st_size
    voice = answers["checkpoints/RUN/step-000010/voice"].json()
    assert studio.client.get(f"/voices/{voice['id']}").status_code == 200 and (len(lines), len(answers)) == (15, 14)
