"""Every route that answers CSV: no cell of it is a formula to a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from api_service import Service, running

from app.callers import LOCAL
from speech.audio import Audio
from speech.text.csv_text import FORMULA
from train import compare

EVIL = '=HYPERLINK("http://evil.example")'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("csv")) as service:
        yield service


def jobs(service: Service) -> str:
    service.completed(EVIL)
    return "/jobs/export"


def log_of_a_job(service: Service) -> str:
    return f"/jobs/{service.completed(EVIL)['id']}/log?format=csv"


def dictionary(service: Service) -> str:
    for written, spoken in ((EVIL, "+1"), ("'=a", EVIL), ("-1", "@a")):
        entry = {"written": written, "spoken": spoken, "voice": EVIL}
        assert service.client.post("/text/dictionary", json=entry).status_code in (201, 409)  # there already
    return "/text/dictionary/export"


def votes(service: Service) -> str:
    comparisons, sound = service.services.comparisons, Audio(np.zeros(240, np.float32), 24000)
    comparisons.begin("job_csv", LOCAL)
    folder = comparisons.folder("job_csv", LOCAL)
    session = compare.begin(folder, "ab", (EVIL, "base"), [(EVIL, sound, sound)])
    trial = session.trials[0]
    vote = {"trial_id": trial.trial_id, "choice": trial.sounds[0], "listener": EVIL}
    assert service.client.post("/training/comparisons/job_csv/votes", json=vote).status_code == 200
    return "/training/comparisons/job_csv/export"


ROUTES: tuple[tuple[Callable[[Service], str], int], ...] = ((jobs, 1), (log_of_a_job, 0), (dictionary, 6), (votes, 2))


@pytest.mark.parametrize(("made", "least"), ROUTES)
def test_no_cell_is_a_formula(service: Service, made: Callable[[Service], str], least: int) -> None:
    """`least`: cells that would be one without their apostrophe."""
    answer = service.client.get(made(service))
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/csv")
    cells = [cell for row in csv.reader(io.StringIO(answer.text, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(FORMULA)]
    assert sum(cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) for cell in cells) >= least


def test_the_table_has_every_route_that_answers_csv() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path("app").rglob("*.py")]
    assert sum(text.count('media_type="text/csv') for text in sources) == len(ROUTES)


def test_a_dictionary_takes_its_own_export(service: Service) -> None:
    client = service.client
    dictionary(service)
    before = client.get("/text/dictionary/export")
    known = client.get("/text/dictionary").json()["entries"]
    sent = {"files": {"file": ("dictionary.csv", before.content)}, "data": {"replace": "true"}}
    assert client.post("/text/dictionary/import", **sent).json()["read"] == len(known)
    kept = [{**entry, "id": 0, "updated_at": ""} for entry in client.get("/text/dictionary").json()["entries"]]
    assert kept == [{**entry, "id": 0, "updated_at": ""} for entry in known]
    assert client.get("/text/dictionary/export").content == before.content
