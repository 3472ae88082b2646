"""The log of a long training, read from its end and only what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import Service, running

from app.api.training_log import PAGE, last_lines
from app.jobs.events import EventLog, append
from train.curve import CURVE, read_curve

JOB = "job_1"
STEPS = 2 * PAGE


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventLog]:
    """Two stages, then a thousand steps that each tell progress and a figure, with a validation every four hundred."""
    with running(tmp_path_factory.mktemp("log")) as service:
        _write(service)
        yield service.services.events


def _write(service: Service) -> None:
    with service.services.database.write() as connection:

        def tell(kind: str, data: dict[str, object]) -> None:
            append(connection, JOB, "local", kind, data)

        tell("job.started", {})
        tell("job.progress", {"note": "training.stage.preparing"})
        for step in range(1, STEPS + 1):
            tell("job.progress", {"note": "training.stage.learning", "done": step})
            tell("job.metric", {"step": step, "values": {"loss": 1 / step, "rate": 1e-5}})
            if step % 400 == 0:
                tell("job.metric", {"step": step, "values": {"held_out_loss": 1.0}})


def texts(log: EventLog, count: int, after: int = 0) -> list[str]:
    return [line.text for line in last_lines(log, JOB, "info", "en", count, after)]


def test_the_last_lines_are_those_of_the_whole_log(log: EventLog) -> None:
    everything = texts(log, 2000)
    assert everything.count("Learning") == 1 and len(everything) == 5
    for count in range(1, 6):
        assert texts(log, count) == everything[-count:]
    debug = last_lines(log, JOB, "debug", "en", 3, 0)
    assert [line.data["step"] for line in debug] == [STEPS - 2, STEPS - 1, STEPS]


def test_only_what_is_new_is_told(log: EventLog) -> None:
    everything = last_lines(log, JOB, "info", "en", 2000, 0)
    for place, line in enumerate(everything):
        later = last_lines(log, JOB, "info", "en", 2000, line.id)
        assert later == everything[place + 1 :], "no stage is told twice"


def test_the_curve_after_a_step(tmp_path: Path) -> None:
    (tmp_path / CURVE).write_text(
        '{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 2, "held_out_loss": 2}\n'
        '{"step": 3, "loss": 1}\n{"step": 4, "lo',
        encoding="utf-8",
    )
    assert [row["step"] for row in read_curve(tmp_path)] == [1, 2, 2, 3]
    assert [row["step"] for row in read_curve(tmp_path, 1)] == [2, 2, 3]
    assert read_curve(tmp_path, 4) == []
