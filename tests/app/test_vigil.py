"""An engine that hangs: its host is ended, its stream gets an error, its job is tried again and then fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from test_engine_host import plan_of, settings_in
from waiting import wait_for

from app.host.client import HostedSynthesizer
from app.host.vigil import Vigil
from app.main import create_app
from speech.errors import SpeechError

SILENCE_S = 1.5
JOB = {"source_language": "pt-BR", "mode": "dubbing", "voice_id": "slow_voice"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(tmp_path_factory.mktemp("hung"), engine_silence_s=SILENCE_S, max_attempts=2)
    with TestClient(create_app(settings, supervised=True), base_url="http://localhost") as client:
        yield client


@pytest.mark.processes
def test_a_stream_that_hangs_gets_an_error_and_the_next_is_served(client: TestClient) -> None:
    synthesizer = client.app.state.services.synthesizer  # type: ignore[attr-defined]
    assert isinstance(synthesizer, HostedSynthesizer)
    wait_for(lambda: synthesizer.hosts()[0].pool is not None, 60)
    chunks = synthesizer.speak(plan_of(synthesizer, "Bom dia. Isto hang aqui."))
    next(chunks)
    [before] = synthesizer.hosts()
    with pytest.raises(SpeechError, match="engine_host_(died|silent)"):
        list(chunks)
    wait_for(lambda: not Path(f"/proc/{before.pid}").exists())
    wait_for(lambda: synthesizer.hosts()[0].pool is not None, 60)
    assert len(list(synthesizer.speak(plan_of(synthesizer, "Boa noite. Até logo.")))) == 2
    assert [host.pid for host in synthesizer.hosts()] != [before.pid]


@pytest.mark.processes
def test_a_job_that_hangs_is_tried_again_and_fails_and_others_are_done(client: TestClient) -> None:
    hung = client.post("/jobs", json={**JOB, "text": "Isto hang aqui."}).json()["id"]

    def status(job_id: str) -> str:
        found: str = client.get(f"/jobs/{job_id}").json()["status"]
        return found

    wait_for(lambda: status(hung) == "processing")
    wait_for(lambda: status(hung) == "failed", 60)
    job = client.get(f"/jobs/{hung}").json()
    assert (job["error"]["code"], job["attempt"]) == ("too_many_attempts", 2)
    good = client.post("/jobs", json={**JOB, "text": "Bom dia."}).json()["id"]
    wait_for(lambda: status(good) == "completed", 60)


def steps(*seconds: float) -> Generator[int, None, None]:
    for number, pause_s in enumerate(seconds):
        time.sleep(pause_s)
        yield number


def test_signs_of_life_and_a_slow_consumer_are_no_hang() -> None:
    hung = threading.Event()
    vigil = Vigil(0.3, hung.set)
    for _ in vigil.over(steps(0.1, 0.1, 0.1, 0.1, 0.1)):
        continue
    for _ in vigil.over(steps(0.0, 0.0)):
        time.sleep(0.5)  # a client that reads slowly
    assert not hung.is_set()
    list(vigil.over(steps(0.0, 0.8)))
    assert hung.is_set()


def test_what_is_closed_is_closed_and_what_fails_fails() -> None:
    hung = threading.Event()
    vigil = Vigil(0.2, hung.set)
    closed = threading.Event()

    def breaking() -> Generator[int, None, None]:
        try:
            yield 1
            raise ValueError("broken")
        finally:
            closed.set()

    left = vigil.over(breaking())
    assert next(left) == 1
    left.close()
    assert closed.is_set()
    with pytest.raises(ValueError, match="broken"):
        list(vigil.over(breaking()))
    time.sleep(0.4)
    assert not hung.is_set()
