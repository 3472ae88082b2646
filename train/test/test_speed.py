"""How fast this machine fits: real steps, which take time, tell nothing and stop when they are asked to."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest

from speech.models import ModelStore
from train.kokoro.speed import STEPS, measure_step_s
from train.progress import NullReporter, Stopped


class Told(NullReporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[int] = []
        self.is_stopping = False

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.notes.append(note)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self.steps.append(step)

    def should_stop(self) -> bool:
        return self.is_stopping


def test_a_step_is_timed_and_no_figure_of_it_told(fit_store: ModelStore) -> None:
    told = Told()
    began = time.monotonic()
    step_s = measure_step_s(fit_store, told)
    assert 0.01 < step_s < (time.monotonic() - began) / (STEPS - 1)
    assert told.notes == ["clone.stage.timing"] and told.steps == []


def test_it_stops_when_asked(fit_store: ModelStore) -> None:
    told = Told()
    told.is_stopping = True
    with pytest.raises(Stopped):
        measure_step_s(fit_store, told)
