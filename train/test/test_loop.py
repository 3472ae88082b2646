"""The training loop on a small problem of the same shape: adapters of a mean, held out and stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from train.checkpoints import SnapshotPolicy, Snapshots, load_checkpoint, save_checkpoint, snapshots_in
from train.curve import Curve, read_curve
from train.evidence import EVIDENCE, Evidence
from train.loop import OPTIMIZERS, fit, schedule
from train.loop_options import LoopOptions, Optimizer, Precision
from train.progress import NullReporter, Stopped
from train.trainable import ParameterGroup


class Line:
    """A Trainable: y = w x + b from noisy points; `worse_after` a step, held-out points move away."""

    def __init__(self, worse_after: int = 10**9) -> None:
        self.w, self.b = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))
        self._worse_after, self._step = worse_after, 0

    def parameters(self) -> list[ParameterGroup]:
        return [ParameterGroup("slope", (self.w,), 0.05), ParameterGroup("offset", (self.b,), 0.05)]

    def losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        x = torch.randn(16, generator=generator)
        y = 3 * x - 1 + 0.1 * torch.randn(16, generator=generator)
        return {"fit": (self.w * x + self.b - y).square().mean()}

    def validate(self) -> dict[str, float]:
        away = max(0, self._step - self._worse_after)
        return {"loss": (self.w.item() - 3) ** 2 + (self.b.item() + 1) ** 2 + away}

    def milestone(self, step: int) -> None:
        self._step = step

    def state(self) -> dict[str, Any]:
        return {"step": self._step}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._step = state["step"]


class Steep(Line):
    """A Line one of whose losses is more than its gradient can hold."""

    def __init__(self, overflows_at: int) -> None:
        super().__init__()
        self._overflows_at = overflows_at

    def losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
        (loss,) = super().losses(step, generator).values()
        return {"fit": loss * 1e36 if step == self._overflows_at else loss}


class StopAt(NullReporter):
    """Stops after a number of steps; keeps what it was told."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.curve: list[float] = []

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        if "fit" in values:
            self.curve.append(values["fit"])

    def should_stop(self) -> bool:
        self.left -= 1
        return self.left < 0


OPTIONS = LoopOptions(steps=200, validate_every=20, patience=4)


def test_it_learns_and_leaves_the_best_mean_in_place(tmp_path: Path) -> None:
    line = Line()
    values = fit(line, OPTIONS, tmp_path / "checkpoint.pt", NullReporter())
    assert abs(line.w.item() - 3) < 0.15
    assert abs(line.b.item() + 1) < 0.15
    assert values["loss"] == pytest.approx(line.validate()["loss"])


def test_stopped_and_resumed_it_draws_the_same_curve(tmp_path: Path) -> None:
    whole, parts = StopAt(10**9), StopAt(57)
    one = Line()
    fit(one, OPTIONS, tmp_path / "one.pt", whole)
    with pytest.raises(Stopped):
        fit(Line(), OPTIONS, tmp_path / "two.pt", parts)
    assert len(parts.curve) == 57
    rest = StopAt(10**9)
    two = Line()
    fit(two, OPTIONS, tmp_path / "two.pt", rest)
    assert parts.curve + rest.curve == whole.curve
    assert torch.equal(one.w, two.w)


def test_killed_between_two_saves_it_goes_on_from_the_last(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    class Kill(StopAt):
        def progress(self, done: int, total: int, note: str = "") -> None:
            if done == 90:
                raise Killed

    with pytest.raises(Killed):
        fit(Line(), OPTIONS, tmp_path / "checkpoint.pt", Kill(10**9))
    rest, whole = StopAt(10**9), StopAt(10**9)
    fit(Line(), OPTIONS, tmp_path / "checkpoint.pt", rest)
    fit(Line(), OPTIONS, tmp_path / "whole.pt", whole)
    assert len(rest.curve) == 120, "saved at step 80"
    assert whole.curve[80:] == rest.curve


def test_it_ends_when_held_out_clips_get_no_better(tmp_path: Path) -> None:
    line = Line(worse_after=60)
    values = fit(line, OPTIONS, tmp_path / "checkpoint.pt", NullReporter())
    assert values["steps"] < 180


def test_the_rate_rises_and_falls() -> None:
    options = LoopOptions(steps=110, warm_up=10, final_rate=0.1)
    rates = [schedule(step, options) for step in range(111)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(1.0)
    assert rates[110] == pytest.approx(0.1)
    assert all(later <= earlier + 1e-9 for earlier, later in zip(rates[10:], rates[11:]))


def test_after_is_called_with_the_mean_weights_in_place(tmp_path: Path) -> None:
    line = Line()
    seen: list[tuple[int, float]] = []
    fit(line, OPTIONS, tmp_path / "checkpoint.pt", NullReporter(), lambda step: seen.append((step, line.w.item())))
    assert [step for step, _ in seen] == list(range(20, 201, 20))[: len(seen)]
    assert seen[0][1] < seen[1][1] < 3.5


def test_accumulated_batches_are_one_larger_batch(tmp_path: Path) -> None:
    """Two batches a step give the mean of their gradients: the first weights of plain descent say so."""
    seen: list[int] = []

    class Counting(Line):
        def losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
            seen.append(step)
            return super().losses(step, generator)

    options = LoopOptions(steps=3, validate_every=3, accumulation=2)
    fit(Counting(), options, tmp_path / "checkpoint.pt", NullReporter())
    assert seen == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "change", [{"optimizer": "adamw", "betas": (0.9, 0.96)}, {"precision": "bf16"}, {"average": 0}]
)
def test_every_option_learns_and_resumes(tmp_path: Path, change: dict[str, Any]) -> None:
    options = LoopOptions(steps=120, validate_every=20, patience=0, **change)
    whole, parts, rest = StopAt(10**9), StopAt(47), StopAt(10**9)
    one, two = Line(), Line()
    fit(one, options, tmp_path / "one.pt", whole)
    with pytest.raises(Stopped):
        fit(Line(), options, tmp_path / "two.pt", parts)
    fit(two, options, tmp_path / "two.pt", rest)
    assert parts.curve + rest.curve == whole.curve and len(whole.curve) == 120
    assert torch.equal(one.w, two.w) and abs(one.w.item() - 3) < 1


def test_gradients_that_are_no_numbers_change_nothing(tmp_path: Path) -> None:
    class Broken(Line):
        def losses(self, step: int, generator: torch.Generator) -> dict[str, Tensor]:
            return {"fit": (self.w + self.b) * (float("nan") if step else 1.0)}

    line, told = Broken(), Curve(tmp_path, NullReporter())
    fit(line, LoopOptions(steps=4, validate_every=4, average=0), tmp_path / "checkpoint.pt", told)
    first, *others = [row for row in read_curve(tmp_path) if "rate" in row]
    assert set(first) == {"step", "fit", "loss", "rate"}
    assert [set(row) for row in others] == [{"step", "rate", "skipped"}] * 3 and others[-1]["skipped"] == 3
    assert torch.isfinite(line.w) and line.w.item() == pytest.approx(-0.005)


def gradients_of(options: LoopOptions, tmp_path: Path) -> Tensor:
    """What one step went down by: fit leaves it at the parameters."""
    line = Line()
    fit(line, options, tmp_path / f"{options.precision}-{options.largest_gradient}.pt", NullReporter())
    assert line.w.grad is not None and line.b.grad is not None
    return torch.stack([line.w.grad, line.b.grad])


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_gradients_are_shortened_in_their_own_unit(tmp_path: Path, precision: Precision) -> None:
    """By fp16 they are scaled by 65 536 for the backward pass: what is compared with the bound is not."""
    once = replace(OPTIONS, steps=1, precision=precision)
    whole = gradients_of(replace(once, largest_gradient=1e9), tmp_path)
    short = gradients_of(replace(once, largest_gradient=0.5), tmp_path)
    assert whole.norm() > 4 and short.norm() == pytest.approx(0.5, rel=1e-3)
    assert torch.allclose(short / 0.5, whole / whole.norm(), atol=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_learns_what_full_precision_learns(tmp_path: Path, precision: Precision) -> None:
    lines: dict[Precision, Line] = {"fp32": Line(), precision: Line()}
    for name, line in lines.items():
        fit(line, replace(OPTIONS, precision=name), tmp_path / f"{name}.pt", NullReporter())
    full, mixed = lines.values()
    assert mixed.w.item() == pytest.approx(full.w.item(), abs=0.05)
    assert mixed.b.item() == pytest.approx(full.b.item(), abs=0.05)


def test_the_scaler_lowers_its_scale_where_fp16_overflows_and_goes_on_so(tmp_path: Path) -> None:
    """A step that overflows is left out and told; the scale is part of what a stopped run goes on with."""
    options = replace(OPTIONS, steps=20, precision="fp16")
    steep, checkpoint, told = Steep(overflows_at=3), tmp_path / "checkpoint.pt", StopAt(6)
    with pytest.raises(Stopped):
        fit(steep, options, checkpoint, Curve(tmp_path, told))
    assert [row["step"] for row in read_curve(tmp_path) if row.get("skipped") == 1] == [4]
    saved = load_checkpoint(checkpoint)
    assert saved is not None and saved["skipped"] == 1
    assert saved["scaler"]["scale"] == torch.amp.GradScaler("cpu").get_scale() / 2
    whole, resumed = Steep(overflows_at=3), Steep(overflows_at=3)
    fit(whole, options, tmp_path / "whole.pt", NullReporter())
    fit(resumed, options, checkpoint, NullReporter())
    assert torch.equal(whole.w, resumed.w) and torch.isfinite(whole.w)


def test_options_that_nobody_knows_are_refused() -> None:
    for change in ({"optimizer": "lion"}, {"precision": "int4"}, {"accumulation": 0}):
        with pytest.raises(ValueError):
            LoopOptions(steps=1, **change)


def test_snapshots_are_kept_by_their_policy(tmp_path: Path) -> None:
    def write(folder: Path) -> dict[str, Any]:
        (folder / "weights").write_text("w")
        return {"kind": "line"}

    snapshots = Snapshots(tmp_path / "kept", SnapshotPolicy(every=20, keep=2), write)
    options = LoopOptions(steps=200, validate_every=20, patience=0)
    fit(Line(worse_after=60), options, tmp_path / "checkpoint.pt", NullReporter(), snapshots=snapshots)
    kept = snapshots_in(tmp_path / "kept")
    steps = [meta["step"] for _, meta in kept]
    losses = {meta["step"]: meta["losses"]["loss"] for _, meta in kept}
    assert steps[-2:] == [180, 200] and len(steps) == 3 and min(losses, key=losses.__getitem__) == steps[0]
    assert all((path / "weights").exists() and meta["kind"] == "line" for path, meta in kept)


def test_the_best_by_ear_and_the_best_by_loss_stay(tmp_path: Path) -> None:
    scores = {20: 0.7, 40: 0.5, 60: 0.1}

    def write(folder: Path) -> dict[str, Any]:
        return {}

    def heard(step: int) -> None:
        one = {"step": step, "score": scores.get(step, 0.0)} | dict.fromkeys(list(Evidence.__annotations__)[1:7], 1.0)
        (tmp_path / "kept" / f"step-{step:06}" / EVIDENCE).write_text(json.dumps(one))

    snapshots = Snapshots(tmp_path / "kept", SnapshotPolicy(every=20, keep=1), write)
    options = LoopOptions(steps=160, validate_every=20, patience=0)
    fit(Line(worse_after=60), options, tmp_path / "checkpoint.pt", NullReporter(), snapshots=snapshots, kept=heard)
    kept = {meta["step"]: meta["losses"]["loss"] for _, meta in snapshots_in(tmp_path / "kept")}
    by_loss = min(kept, key=kept.__getitem__)
    assert sorted(kept) == [20, by_loss, 160] and by_loss not in (20, 160)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path) == {"step": 1} and [one.name for one in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_every_optimizer_that_can_be_asked_for_is_built() -> None:
    assert set(OPTIMIZERS) == set(get_args(Optimizer))
