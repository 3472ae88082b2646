"""Engines that nobody uses give their memory to a training that would not fit beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import Service, running
from built_datasets import write_dataset

from app.api.training_log import log_lines
from app.jobs.events import Event
from app.tasks import training_estimate
from app.tasks.training_estimate import make_room

SECTIONS = {"run": {"device": "cpu"}}


@pytest.fixture
def service(tmp_path: Path, xtts_tiny: Path) -> Iterator[Service]:
    with running(tmp_path, xtts_dir=xtts_tiny) as service:
        write_dataset(service.services.settings.datasets_path / "ana", clips=4)
        service.completed()  # so that the engine of silence is loaded
        yield service


def released(service: Service, dataset: str = "ana") -> tuple[str, ...]:
    return make_room(service.services.training, service.services.synthesizer, dataset, SECTIONS)


def test_only_where_it_would_not_fit(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = service.services.synthesizer.pool
    assert released(service) == () and pool.stats().loaded == ("silence",)
    monkeypatch.setattr(training_estimate, "available_bytes", lambda: 1 << 20)
    (service.services.settings.datasets_path / "empty" / "MyTTSDataset").mkdir(parents=True)
    (service.services.settings.datasets_path / "empty" / "MyTTSDataset" / "metadata.csv").touch()
    assert released(service, "empty") == (), "the training tells what is wrong with it"
    assert released(service) == ("silence",) and pool.stats().loaded == ()
    assert service.completed()["status"] == "completed", "and it is loaded again"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "kokoro, xtts gave their memory to the training; the next sentence loads them again"),
        ("pt-BR", "kokoro, xtts: a memória passou para o treinamento; a próxima frase os carrega de novo"),
    ],
)
def test_the_log_says_so(language: str, text: str) -> None:
    event = Event(7, "j", "u", "job.log", {"text": "kokoro, xtts: engines_unloaded"}, 0.0)
    assert [line.text for line in log_lines([event], "info", language)] == [text]
