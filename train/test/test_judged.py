"""Checkpoints heard while a training waits: evidence comes early, no number of the run changes, nothing ends for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, save
from speech.engines.xtts.adapters import load_adapter
from speech.errors import SpeechError
from train.checkpoints import CHECKPOINTS
from train.curve import read_curve
from train.evidence import EVIDENCE, RANKING, Judges
from train.options import options_from
from train.progress import NullReporter, Stopped
from train.scripts import judge_xtts
from train.xtts.judged import finetune_and_judge
from train.xtts.judging import judge_run
from train.xtts.run import Run

pytestmark = [pytest.mark.networks, pytest.mark.usefixtures("one_thread")]

STEPS = 3
OPTIONS: dict[str, Any] = {
    "run": {"epochs": STEPS, "accumulation": 1, "average": 0.9},
    "model": {"batch_size": 2, "rank": 2, "dropout": 0.2, "rate": 1e-3},
    "checkpoints": {"every_epochs": 1},
    "evidence": {"most_s": 0.3},
}


@pytest.fixture(scope="module")
def tiny(made_once: Callable[..., Path]) -> Path:
    return made_once("judged_tiny", lambda folder: write_checkpoint(folder, "tiny"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "wavs").mkdir()
    for number in range(3):
        save(Audio(recording(3.2 if number == 2 else 1.0, number), 22050), folder / "wavs" / f"c{number}.wav")
    (folder / "metadata_train.csv").write_text("c0|Um.\nc1|Dois.\n")
    (folder / "metadata_val.csv").write_text("c2|Sim.\n")
    return folder


def run_in(folder: Path, tiny: Path, dataset: Path, **evidence: Any) -> Run:
    return Run(dataset, tiny, folder, dataset / ".cache", options_from(OPTIONS, {"evidence": evidence}))


def distracting() -> Judges:
    """Draws from every generator that a training could depend on."""

    def opinion(audio: Audio) -> float:
        torch.set_num_threads(2)
        return float(torch.rand(1)) + float(np.random.random()) + random.random()

    return Judges(opinion=opinion)


@pytest.fixture(scope="module")
def undisturbed(tiny: Path, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run with no judging at all."""
    run = run_in(tmp_path_factory.mktemp("undisturbed") / "run", tiny, dataset, enabled=False)
    assert finetune_and_judge(run, Judges, NullReporter())["ranking"] is None
    return run.folder


class Looks(NullReporter):
    """Sees which checkpoints are judged at each step, and stops where it is told to."""

    def __init__(self, folder: Path, stop_in_judging: bool = False) -> None:
        self.folder, self.stops, self.is_over = folder, stop_in_judging, False
        self.seen: dict[int, list[int]] = {}
        self.progressed: list[tuple[int, int]] = []
        self.told: list[str] = []

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        path = self.folder / RANKING
        rows = json.loads(path.read_text())["checkpoints"] if path.exists() else []
        self.seen.setdefault(step, sorted(row["step"] for row in rows))

    def progress(self, done: int, total: int, note: str = "") -> None:
        if note == "training.stage.judging":
            self.progressed.append((done, total))
            self.is_over = self.stops

    def log(self, text: str) -> None:
        self.told.append(text)

    def should_stop(self) -> bool:
        return self.is_over


def test_evidence_comes_while_it_learns_and_changes_no_number(
    undisturbed: Path, tiny: Path, dataset: Path, tmp_path: Path
) -> None:
    run = run_in(tmp_path / "run", tiny, dataset)
    reporter = Looks(run.folder)
    told = finetune_and_judge(run, distracting, reporter)
    assert reporter.seen == {1: [], 2: [1], 3: [1, 2]}, "what was kept is judged before the next step"
    assert reporter.progressed == [(step, STEPS) for step in range(1, STEPS + 1)], "the run stands still meanwhile"
    assert sorted(one["step"] for one in told["ranking"]["checkpoints"]) == [1, 2, 3]
    assert all(one["train_loss"] > 0 for one in told["ranking"]["checkpoints"])
    assert read_curve(run.folder) == read_curve(undisturbed)
    for path in undisturbed.glob(f"{CHECKPOINTS}/*/adapter.safetensors"):
        own, other = load_adapter(run.folder / path.relative_to(undisturbed)), load_adapter(path)
        pairs = [pair for name, both in own.factors.items() for pair in zip(both, other.factors[name], strict=True)]
        assert pairs and all(torch.equal(*pair) for pair in pairs)


def test_at_the_end_means_not_before(undisturbed: Path, tiny: Path, dataset: Path, tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", tiny, dataset, when="end", most_prompts=1)
    reporter = Looks(run.folder)
    told = finetune_and_judge(run, Judges, reporter)
    assert reporter.seen == {1: [], 2: [], 3: []} and len(told["ranking"]["checkpoints"]) == STEPS


def test_stopped_while_it_listens_nothing_is_lost_and_what_was_kept_is_judged_later(
    undisturbed: Path,
    tiny: Path,
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = run_in(tmp_path / "run", tiny, dataset)
    with pytest.raises(Stopped):
        finetune_and_judge(run, Judges, stopping := Looks(run.folder, stop_in_judging=True))
    assert stopping.seen == {1: []}
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))  # a store without judges
    assert judge_xtts.main([str(run.folder), str(dataset), "--checkpoint", str(tiny)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["step"] for one in told["checkpoints"]] == [1] and told["hint"]["code"] == "not_measured"
    assert (run.folder / CHECKPOINTS / "step-000001" / EVIDENCE).is_file()
    finetune_and_judge(run, Judges, NullReporter())
    assert read_curve(run.folder) == read_curve(undisturbed)


def test_without_memory_it_learns_on_and_says_so(
    undisturbed: Path, tiny: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_in(tmp_path / "run", tiny, dataset)
    reporter = Looks(run.folder)
    with monkeypatch.context() as patched:
        patched.setattr("train.xtts.judging.memory_left", lambda device: 1000)
        with pytest.raises(SpeechError, match="machine_memory_short"):
            finetune_and_judge(run, Judges, reporter)
    assert [line.rpartition(": ")[2] for line in reporter.told] == ["judged_later_memory"]
    assert read_curve(run.folder) == read_curve(undisturbed), "all of it was learned"
    assert len(judge_run(run, Judges(), NullReporter())["checkpoints"]) == STEPS


def test_a_judge_that_fails_ends_nothing_before_the_end(tiny: Path, dataset: Path, tmp_path: Path) -> None:
    def broken(audio: Audio) -> float:
        raise RuntimeError("no such thing")

    run = run_in(tmp_path / "run", tiny, dataset)
    reporter = Looks(run.folder)
    with pytest.raises(RuntimeError, match="no such thing"):
        finetune_and_judge(run, lambda: Judges(opinion=broken), reporter)
    assert reporter.told == ["no such thing: judged_later"]
    assert max(row["step"] for row in read_curve(run.folder)) == STEPS


def test_a_time_to_judge_that_is_none_is_refused() -> None:
    with pytest.raises(SpeechError) as caught:
        options_from({"evidence": {"when": "never"}})
    assert caught.value.values["option"] == "evidence.when"
