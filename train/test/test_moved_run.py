"""A run that goes on elsewhere: other folders, another device, another precision; what it learns stays the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import Stops, run_of, write_clips

from bench.xtts_weights import write_checkpoint
from speech.errors import SpeechError
from train.checkpoints import OPTIONS
from train.curve import read_curve
from train.progress import NullReporter, Stopped
from train.xtts.finetune import finetune

pytestmark = [pytest.mark.networks, pytest.mark.usefixtures("one_thread")]

SHORT = {"run": {"epochs": 2}}


@pytest.fixture(scope="module")
def tiny(made_once: Callable[..., Path]) -> Path:
    return made_once("moved_tiny", lambda folder: write_checkpoint(folder, "tiny"))


@pytest.fixture
def moved(tiny: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Weights, dataset and folder of a run that was stopped and copied to another machine, where nothing else is; the
    run says that it was begun on a GPU."""
    here, there = tmp_path / "here", tmp_path / "there" / "deep"
    here.mkdir()
    dataset = write_clips(here)
    with pytest.raises(Stopped):
        finetune(run_of(tiny, dataset, here / "run", **SHORT), Stops(4))
    shutil.copytree(tiny, there / "weights")
    for name in ("wavs", "metadata_train.csv", "metadata_val.csv"):
        (here / name).rename(there / name)
    (here / "run").rename(there / "runs")
    facts = json.loads((there / "runs" / OPTIONS).read_text())
    facts["options"]["run"] |= {"device": "cuda", "precision": "bf16"}
    (there / "runs" / OPTIONS).write_text(json.dumps(facts))
    return there / "weights", there, there / "runs"


def test_it_goes_on_with_the_same_losses(moved: tuple[Path, Path, Path], tiny: Path, tmp_path: Path) -> None:
    assert finetune(run_of(*moved, **SHORT), NullReporter())["steps"] == 6
    (tmp_path / "whole").mkdir()
    whole = run_of(tiny, write_clips(tmp_path / "whole"), tmp_path / "run", **SHORT)
    finetune(whole, NullReporter())
    assert read_curve(moved[2]) == read_curve(whole.folder)
    facts = json.loads((moved[2] / OPTIONS).read_text())["options"]["run"]
    assert (facts["device"], facts["precision"]) == ("cpu", "fp32"), "what it goes on with"


def test_it_goes_on_in_another_precision(moved: tuple[Path, Path, Path]) -> None:
    figures = finetune(run_of(*moved, run={"epochs": 2, "precision": "bf16"}), NullReporter())
    assert figures["steps"] == 6 and np.isfinite(figures["loss"])


@pytest.mark.parametrize("change", [{"epochs": 3}, {"epochs": 2, "average": 0.9}])
def test_what_the_optimizer_depends_on_is_kept(moved: tuple[Path, Path, Path], change: dict[str, float]) -> None:
    with pytest.raises(SpeechError) as caught:
        finetune(run_of(*moved, run=change), NullReporter())
    assert (caught.value.code, caught.value.values) == ("run_of_other_data", {"reason": "run"})
