"""The cloning's estimates: by what was measured on this machine, once something was."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.tasks.cloning_service import CloningService
from speech.models import ModelStore
from train.cloning import TWO_CORES_STEP_S
from train.progress import NullReporter, Stopped

DEFAULT_S = 551.95  # 240 steps and the rest, 175 more, at 1.33 s


def test_estimates_go_by_the_speed_of_the_last_fit_here(tmp_path: Path) -> None:
    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "voices")
    before = cloning.estimate_s("default")
    cloning.keep_speed({"loss": 0.7})  # a fit that only went on from its last step has no speed
    assert cloning.estimate_s("default") == before and list(tmp_path.iterdir()) == []
    cloning.keep_speed({"step_s": 3 * TWO_CORES_STEP_S})
    one, same = cloning, CloningService(cloning.store, cloning.voices_dir)
    assert one.estimate_s("fast") == same.estimate_s("fast") < same.estimate_s("default")
    cloning.keep_speed({"step_s": TWO_CORES_STEP_S})
    assert same.estimate_s("best") == pytest.approx(one.estimate_s("best"))
    assert one.estimate_s("default") == one.estimate_s("default", 50.0) == pytest.approx(DEFAULT_S)
    assert one.estimate_s("default", 150.0) == pytest.approx(DEFAULT_S + 75.81)  # 0.57 steps a second
    assert [path.name for path in tmp_path.iterdir()] == ["fit-speed.json"]


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "voices")
    before = cloning.estimate_s("default")
    for damaged in ("", "[]", '{"step_s": "fast"}', "{}"):
        (tmp_path / "fit-speed.json").write_text(damaged)
        assert cloning.estimate_s("default") == before


def test_speed_is_measured_once_and_only_where_a_fit_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ModelStore] = []

    def measured(store: ModelStore, reporter: NullReporter) -> float:
        asked.append(store)
        return 2 * TWO_CORES_STEP_S

    monkeypatch.setattr("train.kokoro.speed.measure_step_s", measured)
    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "data" / "voices")
    cloning.measure_speed(NullReporter())
    assert asked == [] and list(tmp_path.iterdir()) == []
    monkeypatch.setattr(cloning.store, "is_installed", lambda name: True)
    cloning.measure_speed(NullReporter())
    cloning.measure_speed(NullReporter())
    assert asked == [cloning.store] and cloning.estimate_s("default") == pytest.approx(2 * DEFAULT_S)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't allocate memory"), OSError(28, "full")])
def test_a_trial_that_fails_leaves_the_estimate_and_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fails(store: ModelStore, reporter: NullReporter) -> float:
        raise error

    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "voices")
    before = cloning.estimate_s("default")
    monkeypatch.setattr("train.kokoro.speed.measure_step_s", fails)
    monkeypatch.setattr(cloning.store, "is_installed", lambda name: True)
    cloning.measure_speed(NullReporter())
    assert cloning.estimate_s("default") == before and list(tmp_path.iterdir()) == []
    assert "could not be measured" in caplog.text


def test_a_trial_stops_when_its_job_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stops(store: ModelStore, reporter: NullReporter) -> float:
        raise Stopped

    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "voices")
    monkeypatch.setattr("train.kokoro.speed.measure_step_s", stops)
    monkeypatch.setattr(cloning.store, "is_installed", lambda name: True)
    with pytest.raises(Stopped):
        cloning.measure_speed(NullReporter())
