"""A fine-tuning without disk or memory: it ends with what helps, and what was kept stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import Stops, run_of, write_clips

from bench.xtts_weights import write_checkpoint
from speech.errors import SpeechError
from train.progress import NullReporter, Stopped
from train.xtts.finetune import RESUME, finetune

pytestmark = pytest.mark.networks


@pytest.fixture(scope="module")
def tiny(made_once: Callable[..., Path]) -> Path:
    return made_once("faults_tiny", lambda folder: write_checkpoint(folder, "tiny"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = write_clips(tmp_path_factory.mktemp("dataset"))
    return folder


def test_a_full_disk_while_saving_leaves_the_checkpoint_before(
    tiny: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(tiny, dataset, tmp_path / "run")
    with pytest.raises(Stopped):
        finetune(run, Stops(4))
    before = (run.folder / RESUME).read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(SpeechError) as caught:
            finetune(run, NullReporter())
    assert caught.value.code == "training_disk_full" and (run.folder / RESUME).read_bytes() == before
    assert finetune(run, NullReporter())["steps"] == 12


SHORT = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.\nSee"


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory. Tried"), MemoryError(), RuntimeError(SHORT), OSError(12, "memory")],
)
def test_a_step_without_memory_ends_with_advice_and_what_was_kept_stays(
    tiny: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    run = run_of(tiny, dataset, tmp_path / "run")
    with pytest.raises(Stopped):
        finetune(run, Stops(4))
    before = {path: path.read_bytes() for path in [run.folder / RESUME, *run.folder.glob("checkpoints/*/*")]}

    def attention(*arguments: Any, **named: Any) -> torch.Tensor:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr("torch.nn.functional.scaled_dot_product_attention", attention)
        with pytest.raises(SpeechError) as caught:
            finetune(run, NullReporter())
    assert caught.value.code == "training_no_memory" and "\n" not in str(caught.value.values["reason"])
    assert caught.value.values | {"reason": ""} == {"device": "cpu", "method": "lora", "batch_size": 2, "reason": ""}
    assert len(before) > 2 and all(path.read_bytes() == content for path, content in before.items())
    assert finetune(run, NullReporter())["steps"] == 12


def test_an_error_of_the_code_is_not_told_as_a_lack_of_memory(
    tiny: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attention(*arguments: Any, **named: Any) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("torch.nn.functional.scaled_dot_product_attention", attention)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        finetune(run_of(tiny, dataset, tmp_path / "run"), NullReporter())
