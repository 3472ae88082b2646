"""What a training is said to take before it begins, against the network and the graph that it then has. Row 6.1-43."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.xtts_weights import write_checkpoint
from speech.engines.xtts.checkpoint import open_checkpoint
from speech.engines.xtts.config import read_config
from speech.errors import SpeechError
from train.manifest import Clip
from train.options import TrainOptions, options_from
from train.processor import multiplies_bf16
from train.xtts.corpus import Example
from train.xtts.estimate import (
    PROCESS_BYTES,
    Workload,
    estimate,
    keep_speed,
    kept_bytes,
    measured_speed,
    memory_bytes,
    network_numbers,
    step_operations,
)
from train.xtts.probe import multiplied, probed_speed
from train.xtts.trainable import XttsFit

GB = 1 << 30
TEXT = "Um texto qualquer."
LOAD = Workload(clips=90, held_out=10, left_out=0, duration_s=900.0, mean_positions=300.0, most_positions=400)


@pytest.fixture(scope="module")
def tiny(made_once: Callable[..., Path]) -> Path:
    return made_once("estimate_tiny", lambda folder: write_checkpoint(folder, "tiny"))


def examples(count: int) -> list[Example]:
    generator = torch.Generator().manual_seed(0)
    codes = [torch.randint(0, 1024, (200,), generator=generator) for _ in range(count)]
    mels = torch.randn(80, 520, generator=generator)
    return [Example(str(index), "a", tuple(range(5, 85)), one, mels, 9.3) for index, one in enumerate(codes)]


def test_the_network_is_counted_to_the_number(tiny: Path) -> None:
    checkpoint = open_checkpoint(tiny)
    whole = XttsFit(checkpoint, examples(3), examples(1), options_from({"model": {"method": "full"}}).model)
    counted = tuple(sum(each.numel() for each in part.parameters()) for part in (whole.gpt, whole.conditioning))
    assert network_numbers(checkpoint.config) == counted
    fit = XttsFit(checkpoint, examples(3), examples(1), TrainOptions().model)
    adapters = sum(parameter.numel() for group in fit.parameters() for parameter in group.parameters)
    options = TrainOptions()
    more = replace(options, model=replace(options.model, rank=options.model.rank + 1))
    grown = memory_bytes(checkpoint.config, LOAD, more) - memory_bytes(checkpoint.config, LOAD, options)
    assert grown == pytest.approx(24 * adapters / options.model.rank, abs=2)


@pytest.mark.parametrize("model", [{"method": "lora"}, {"method": "lora", "recompute": True}, {"method": "full"}])
def test_what_a_step_keeps_is_near_what_the_graph_holds(tiny: Path, model: dict[str, object]) -> None:
    checkpoint = open_checkpoint(tiny)
    options = options_from({"model": model})
    fit = XttsFit(checkpoint, examples(2), examples(1), options.model)
    own = {each.untyped_storage().data_ptr() for part in (fit.gpt, fit.conditioning) for each in part.parameters()}
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses = fit.losses(0, torch.Generator().manual_seed(0))
    assert len(losses) == 2  # and with them the graph is alive
    # The way back adds the gradient of the logits, which are much of so small a network, and prompts may be longer.
    assert 0.35 < sum(held.values()) / kept_bytes(checkpoint.config, options, 317) < 1.05


def test_full_size_fits_as_its_memory_says(tiny: Path) -> None:
    """Adapters of the published size want a few GB, all weights several times as much."""
    config = replace(read_config(tiny / "config.json"), layers=30, width=1024, heads=16, text_tokens=6681)
    lora = memory_bytes(config, LOAD, TrainOptions())
    full = memory_bytes(config, LOAD, options_from({"model": {"method": "full"}}))
    assert 3 * GB < lora < 6 * GB and 12 * GB < full < 20 * GB
    found = estimate(
        config, LOAD, options_from({"model": {"method": "full", "batch_size": 8}}), 1e11, "computed", 4 * GB
    )
    assert found.fits is False and [change.code for change in found.changes] == ["use_lora", "batch_size"]
    assert found.changes[-1].fields == {"batch_size": 1, "accumulation": 8}
    memories = [found.memory_bytes, *(change.memory_bytes for change in found.changes)]
    assert memories == sorted(memories, reverse=True) and memories[-1] <= 4 * GB
    assert not estimate(config, LOAD, TrainOptions(), 1e11, "computed", 64 * GB).changes
    tight = estimate(config, LOAD, TrainOptions(), 0.0, "computed", PROCESS_BYTES)
    assert [change.code for change in tight.changes] == ["batch_size", "recompute"]
    assert (tight.duration_s, tight.time_basis, tight.fits) == (None, "unknown", False)
    assert estimate(config, LOAD, TrainOptions(), 1e11, "computed", None).fits is None


def test_time_follows_the_work_and_the_speed(tiny: Path) -> None:
    config = read_config(tiny / "config.json")
    options = options_from({"run": {"epochs": 10, "accumulation": 3}})
    found = estimate(config, LOAD, options, 1e9, "measured", None)
    assert found.steps == 10 * (45 // 3) and found.time_basis == "measured"
    assert found.step_s == pytest.approx(step_operations(config, LOAD, options) / 1e9)
    step_s = step_operations(config, LOAD, options) / 1e9
    assert found.duration_s is not None and found.duration_s > found.steps * step_s
    twice = estimate(config, LOAD, options, 2e9, "measured", None)
    assert twice.duration_s == pytest.approx(found.duration_s / 2)
    full = options_from({"run": {"accumulation": 3}, "model": {"method": "full"}})
    assert step_operations(config, LOAD, full) == pytest.approx(1.5 * step_operations(config, LOAD, options))


@pytest.mark.parametrize(
    ("flags", "has_bf16"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\n", False),
        ("flags\t\t: fpu avx2 avx512_bf16\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("cpu : unknown\n", None),
    ],
)
def test_half_precision_is_advised_against_where_the_processor_has_none(
    tiny: Path, tmp_path: Path, flags: str, has_bf16: bool | None
) -> None:
    (tmp_path / "cpuinfo").write_text(flags)
    found = multiplies_bf16(tmp_path / "cpuinfo")
    assert found is has_bf16 and multiplies_bf16(tmp_path / "nowhere") is None
    config = read_config(tiny / "config.json")
    for run, is_advised in (
        ({"precision": "bf16"}, has_bf16 is False),
        ({"precision": "fp16"}, has_bf16 is False),
        ({"precision": "fp32"}, False),
        ({"precision": "fp16", "device": "cuda"}, False),
    ):
        told = estimate(config, LOAD, options_from({"run": run}), 1e9, "computed", None, found)
        assert [one.code for one in told.advice] == ["full_precision"] * is_advised
        for one in told.advice:
            assert one.fields == {"mixed_precision": False}
            assert one.memory_bytes == memory_bytes(config, LOAD, TrainOptions())


def test_the_speed_of_this_machine(tmp_path: Path) -> None:
    assert measured_speed(tmp_path, "cpu", "fp32") == 0.0
    for name, speed in (("old", 1e9), ("new", 2e9)):
        (tmp_path / name).mkdir()
        keep_speed(tmp_path / name, TrainOptions(), speed)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "speed.json").write_text("{")
    assert measured_speed(tmp_path, "cpu", "fp32") in (1e9, 2e9)
    assert measured_speed(tmp_path, "cuda", "fp32") == 0.0


def test_a_probe_is_made_once_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first = probed_speed("cpu", "fp32")
    assert first > 1e8 and probed_speed("cuda", "fp16") == 0.0
    assert 0.1 < multiplied("fp32") / first < 10
    monkeypatch.setattr("train.xtts.probe.sys.executable", "/nowhere/python")
    assert probed_speed("cpu", "fp32") == first and probed_speed("cpu", "fp8") == 0.0


def test_clips_are_counted_as_the_training_takes_them(tiny: Path) -> None:
    lengths = (0.2, 3.0, 5.0, 9.0, 14.0)
    clips = [
        Clip(str(index), f"{index}.wav", "a", 0.0, duration_s, duration_s, TEXT, "", "pt-BR", {}, ())
        for index, duration_s in enumerate(lengths)
    ]
    clips.append(replace(clips[1], clip_id="empty", text=" "))
    found = Workload.of(clips, tiny / "vocab.json", 0.1)
    assert (found.clips, found.held_out, found.left_out) == (2, 1, 3)
    marked = Workload.of([*clips[1:3], replace(clips[3], split="val")], tiny / "vocab.json", 0.1)
    assert (marked.clips, marked.held_out, marked.duration_s) == (2, 1, 8.0)
    with pytest.raises(SpeechError, match="dataset_too_small"):
        config = read_config(tiny / "config.json")
        estimate(config, Workload.of(clips[:2], tiny / "vocab.json", 0.1), TrainOptions(), 1e9, "computed", None)
