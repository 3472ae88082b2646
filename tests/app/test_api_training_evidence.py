"""Checkpoints heard when a person asks for it: a stopped run gets its evidence, and with it another best one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from api_service import Service, running
from tuned_runs import RUN, write_dataset, write_run

from app.jobs.kinds import TRAINING
from app.jobs.runner import Worker
from app.tasks.training import judge_checkpoints
from train.evidence import EVIDENCE

pytest.importorskip("tokenizers")

STEPS = ("step-000002", "step-000004")
OPTIONS = {"data": {"language": "pt-BR", "validation_share": 0.5}, "evidence": {"most_s": 0.3, "most_prompts": 1}}


@pytest.fixture(scope="module")
def service(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    torch.set_num_threads(1)
    with running(tmp_path_factory.mktemp("service"), xtts_dir=xtts_tiny, device="cpu") as service:
        write_dataset(service.services, clips=8)
        folder = write_run(service.services, xtts_tiny)
        (folder / "options.json").write_text(json.dumps({"options": OPTIONS}), encoding="utf-8")
        rows = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}, {"step": 2, "held_out_loss": 4.8}]
        (folder / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        yield service


def asked(service: Service, status: int = 202, **body: Any) -> Any:
    answer = service.client.post("/training/judge", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def work(service: Service) -> None:
    services = service.services
    rest: dict[str, Any] = {"worker_id": "w", "lease_s": 60, "poll_s": 0.01, "queues": ["intake"]}
    task = partial(judge_checkpoints, services.training)
    assert Worker(services.database, services.files, {"judging": task}, **rest).run_next()


def kept(service: Service) -> dict[str, Any]:
    return {one["name"].partition("/")[2]: one for one in service.client.get("/training/checkpoints").json()}


def test_a_stopped_run_gets_evidence_and_its_best_is_the_one_that_sounds_best(service: Service) -> None:
    assert all(one["evidence"] is None for one in kept(service).values())
    job = asked(service, run=RUN)
    assert (job["kind"], job["status"]) == ("judging", "pending")
    assert asked(service, 409, run=RUN)["code"] == "judging_running"
    work(service)
    done = service.client.get(f"/jobs/{job['id']}").json()
    assert done["status"] == "completed", done["error"]
    assert len(done["result"]["ranking"]["checkpoints"]) == 2
    first, last = (kept(service)[step] for step in STEPS)
    assert first["samples"] == last["samples"] == ["prompt-1"] and first["evidence"]["duration_ratio"] > 0
    assert (first["train_loss"], last["train_loss"]) == (2.5, None) and first["evidence"]["train_loss"] == 2.5
    assert (last["rank"], last["is_best"], first["rank"], first["is_best"]) == (1, True, 2, False), "by loss"
    path = service.services.training.checkpoint(RUN, STEPS[0]) / EVIDENCE
    path.write_text(json.dumps({**json.loads(path.read_text()), "score": 0.4}), encoding="utf-8")
    first, last = (kept(service)[step] for step in STEPS)
    assert (first["rank"], first["is_best"], last["rank"], last["is_best"]) == (1, True, 2, False), "by ear"
    assert service.services.training.ranking(RUN)["hint"] == {"code": "go_on", "step": 2}  # type: ignore[index]
    told = {
        one["global_step"]: one["is_best"]
        for one in service.client.get("/v1/finetune/checkpoints").json()["checkpoints"]
    }
    assert told == {2: True, 4: False}
    refused = service.client.delete(f"/training/checkpoints/{RUN}/{STEPS[0]}")
    assert (refused.status_code, refused.json()["code"]) == (403, "checkpoint_is_best")


def test_one_is_judged_anew(service: Service) -> None:
    path = service.services.training.checkpoint(RUN, STEPS[1]) / EVIDENCE
    path.write_text("{}", encoding="utf-8")
    asked(service, run=RUN, step=STEPS[1])
    work(service)
    assert json.loads(path.read_text())["step"] == 4


def test_what_cannot_be_judged_is_refused(service: Service) -> None:
    assert asked(service, 404, run="nobody")["code"] == "unknown_run"
    assert asked(service, 404, run=RUN, step="step-000009")["code"] == "unknown_checkpoint"
    service.services.training.begin("empty", service.services.caller)
    assert asked(service, 404, run="empty")["code"] == "unknown_checkpoint"
    params = {"mode": "training", "run": RUN, "dataset": "ana", "options": {"run": {"epochs": 1}}}
    learning = service.services.jobs.add(TRAINING, params)
    refused = asked(service, 409, run=RUN)
    assert refused["code"] == "training_running" and learning.id in refused["detail"]
    state = service.client.get("/training/status").json()
    assert state["ranking"]["hint"]["code"] in ("go_on", "not_measured") and len(state["ranking"]["checkpoints"]) == 2
    service.services.jobs.cancel(learning.id)
