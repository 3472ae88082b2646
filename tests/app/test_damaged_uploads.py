"""`bench/uploads.py` in short: damaged recordings are answered, each with a status that says whose fault it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from api_service import running

from bench import uploads
from speech.models import ModelStore


@pytest.mark.slow  # a process decodes each
def test_damaged_recordings_are_answered(installed: Callable[..., ModelStore], tmp_path: Path) -> None:
    with running(tmp_path, models_dir=installed("whisper-base").root) as service:
        uploads.run(service.client, count=2, seed=6, clients=1)  # bring the libraries, which on busy cores takes long
        figures = uploads.run(service.client, count=48, seed=7, clients=2)
        assert (figures["crashes"], figures["late"]) == ([], []), figures
        assert {status.split()[0] for status in figures["statuses"]} <= {"400", "413", "415", "422"}, figures
        assert 5 <= figures["statuses"]["422 language_not_heard"] < 44, figures  # some could be decoded
        assert service.client.get("/health/live").status_code == 200


def test_every_format_is_damaged_in_every_way_and_the_same_by_the_same_seed() -> None:
    originals = uploads.sounds()
    assert len(originals) == 8 and len(uploads.MUTATIONS) == 8
    made = [uploads.mutated(random.Random(number), originals, number) for number in range(400)]
    assert made == [uploads.mutated(random.Random(number), originals, number) for number in range(400)]
    assert {(name.split(".")[1], kind) for name, kind, _ in made} == {
        (a, b) for a in originals for b in uploads.MUTATIONS
    }
    assert sum(data == originals[name.split(".")[1]] for name, _, data in made) < 20


@pytest.mark.parametrize(("status", "is_crash"), [(0, True), (500, True), (502, True), (503, False), (422, False)])
def test_what_counts_as_a_crash(status: int, is_crash: bool) -> None:
    assert uploads.Answer("a.wav", "cut", status, "", 0.1).is_crash is is_crash
    assert uploads.Answer("a.wav", "cut", 200, "", 10.1).is_late
