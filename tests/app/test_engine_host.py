"""The engine host: one process speaks for streams and jobs; what dies with it, and what does not."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from waiting import wait_for

from app.api.services import Services
from app.cli import main
from app.commands import doctor
from app.errors import Problem
from app.host import wire
from app.host.client import HostAddress, HostedSynthesizer
from app.host.server import serving, tcp_socket, unix_socket
from app.main import create_app
from app.settings import Settings
from app.tasks import options_of, synthesizer_of
from app.texts import render
from app.worker import work_alone
from speech.audio import join
from speech.engines.base import Chunk
from speech.errors import SpeechError
from speech.plan import Plan
from speech.synthesis import Synthesizer

pytestmark = pytest.mark.processes

SLOW = {"slow": "slow_engine:Slow"}
SECRET = "a secret of more than sixteen"


def settings_in(folder: Path, **changes: Any) -> Settings:
    values = {"data_dir": folder, "extra_engines": SLOW, "default_engine": "slow", "poll_s": 0.02, "lease_s": 60}
    return Settings(**{**values, **changes})


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service whose only speaking process is its engine host."""
    app = create_app(settings_in(tmp_path_factory.mktemp("hosted")), supervised=True)
    with TestClient(app, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def services(client: TestClient) -> Services:
    found: Services = client.app.state.services  # type: ignore[attr-defined]
    return found


def plan_of(synthesizer: Synthesizer, text: str) -> Plan:
    return synthesizer.plan(text, engine="slow", language="pt-BR", voice="slow_voice")


def spoken(synthesizer: Synthesizer, text: str) -> list[Any]:
    return list(synthesizer.speak(plan_of(synthesizer, text)))


def test_a_plan_goes_over_by_value(tmp_path: Path) -> None:
    plan = plan_of(synthesizer_of(settings_in(tmp_path)), "Bom dia. São 3 horas!")
    assert wire.load_plan(wire.dump_plan(plan)) == plan
    with pytest.raises(SpeechError, match="bad_plan"):
        wire.load_plan(b'{"engine": "slow"}')


def test_frames_are_what_was_sent_however_they_are_cut() -> None:
    sent = [Chunk(np.linspace(-1, 1, n, dtype=np.float32), 24000, ends=n % 3, is_cut=n > 5) for n in (0, 7, 1000)]
    data = b"".join(map(wire.chunk_frame, sent)) + wire.frame(b"Z")
    for size in (1, 13, len(data)):
        got = list(wire.chunks(iter([data[at : at + size] for at in range(0, len(data), size)])))
        assert [(one.ends, one.is_cut) for one in got] == [(one.ends, one.is_cut) for one in sent]
        assert all(np.array_equal(one.samples, other.samples) for one, other in zip(got, sent, strict=True))
    with pytest.raises(EOFError):
        list(wire.chunks(iter([data[:-1]])))
    told = wire.frame(b"E", b'{"code": "speech_empty", "values": {"engine": "slow"}}')
    with pytest.raises(SpeechError, match="speech_empty"):
        list(wire.chunks(iter([told])))


def test_streams_and_jobs_share_one_set_of_weights(client: TestClient, services: Services) -> None:
    body = {"input": "Bom dia. Tudo bem?", "model": "slow", "voice": "slow_voice", "response_format": "wav"}
    stream = client.post("/v1/audio/speech", json=body)
    assert stream.status_code == 200 and stream.content[:4] == b"RIFF"
    asked = {"text": "Bom dia. Tudo bem?", "source_language": "pt-BR", "mode": "dubbing", "voice_id": "slow_voice"}
    job = client.post("/jobs", json=asked).json()
    done = client.get(f"/jobs/{job['id']}/download?timeout=30")
    assert done.status_code == 200 and done.content[44:] == stream.content[44:]
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    assert synthesizer.load(synthesizer.voices_of("slow")[0]) == "cpu"  # in the host, which has it already
    [host] = synthesizer.hosts()
    assert services.driver is not None and host.pid in services.driver.processes("cpu").values()
    assert host.pool is not None and (host.pool.loaded, host.pool.loads) == (("slow",), 1)
    assert Synthesizer.pool_stats(synthesizer).loaded == ()  # this process holds none
    assert host.memory_bytes is None or host.memory_bytes > 1 << 20
    health = client.get("/health/engines").json()
    assert [one["name"] for one in health["hosts"]] == [host.name] and health["hosts"][0]["loaded"] == ["slow"]


def test_the_doctor_says_which_host_holds_what(
    services: Services, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(services.synthesizer, HostedSynthesizer)
    spoken(services.synthesizer, "Bom dia.")
    [host] = services.synthesizer.hosts()
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(services.settings.data_dir))
    lines = [f"{one.what}: {one.state}" for one in doctor._hosts(lambda code, **values: render(code, "en", values))]
    assert len(lines) == 1 and host.name in lines[0] and "slow (cpu); " in lines[0]
    assert f"process {host.pid}" in lines[0] and " MB of weights" in lines[0]
    main(["doctor"])
    assert f"process {host.pid}" in capsys.readouterr().out
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(services.settings.data_dir / "other"))
    [none] = doctor._hosts(lambda code, **values: render(code, "en", values))
    assert not none.is_good and not none.needed and none.remedy == "papagaio serve"


def test_what_fails_in_the_host_is_said_with_its_own_code(client: TestClient, services: Services) -> None:
    body = {"input": "fail", "model": "slow", "voice": "slow_voice"}
    assert client.post("/v1/audio/speech", json=body).json()["error"]["code"] == "engine_not_loaded"
    chunks = services.synthesizer.speak(plan_of(services.synthesizer, "Bom dia. Isto fail aqui."))
    assert isinstance(next(chunks), Chunk)
    with pytest.raises(SpeechError, match="engine_not_loaded"):
        next(chunks)


def test_a_mistake_in_an_engine_is_no_death_of_its_host(services: Services) -> None:
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    [before] = synthesizer.hosts()
    for text, heard in (("Bom dia. Isto stumble aqui.", 1), ("Isto stumble já.", 0)):
        chunks = synthesizer.speak(plan_of(synthesizer, text))
        assert [next(chunks).ends for _ in range(heard)] == [1] * heard
        with pytest.raises(SpeechError) as caught:
            next(chunks)
        assert (caught.value.code, caught.value.values["status"]) == ("engine_host_failed", 500)
    wait_for(lambda: [host.pid for host in synthesizer.hosts()] == [before.pid])


def test_a_killed_host_ends_its_streams_and_the_next_is_served(services: Services) -> None:
    synthesizer = services.synthesizer
    chunks = synthesizer.speak(plan_of(synthesizer, "Bom dia. Isto crash aqui. Depois."))
    next(chunks)
    with pytest.raises(SpeechError, match="engine_host_died"):
        list(chunks)
    assert len(spoken(synthesizer, "Boa noite. Até logo.")) == 2


def test_an_engine_that_fills_the_memory_is_told_and_its_host_goes_on(services: Services) -> None:
    """What asks for more than there is, is refused it; what the kernel kills for it is `crash` above."""
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    [before] = synthesizer.hosts()
    chunks = synthesizer.speak(plan_of(synthesizer, "Bom dia. Isto fill aqui."))
    next(chunks)
    with pytest.raises(SpeechError) as caught:
        list(chunks)
    assert caught.value.code == "engine_no_memory", caught.value.values
    assert len(spoken(synthesizer, "Boa noite. Até logo.")) == 2
    assert [host.pid for host in synthesizer.hosts()] == [before.pid]


def test_a_dead_device_ends_its_host_after_the_answer_and_the_next_is_served(services: Services) -> None:
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    [before] = synthesizer.hosts()
    chunks = synthesizer.speak(plan_of(synthesizer, "Bom dia. Isto é illegal."))
    next(chunks)
    with pytest.raises(SpeechError) as caught:
        list(chunks)
    assert caught.value.code == "device_failed"
    assert caught.value.values == {
        "engine": "slow",
        "reason": "CUDA error: an illegal memory access was encountered",
    }
    wait_for(lambda: not Path(f"/proc/{before.pid}").exists())
    assert len(spoken(synthesizer, "Boa noite. Até logo.")) == 2
    assert [host.pid for host in synthesizer.hosts()] != [before.pid]


def test_jobs_survive_the_death_of_the_host(client: TestClient, services: Services) -> None:
    assert isinstance(services.synthesizer, HostedSynthesizer)
    text = " ".join(f"Frase {number}." for number in range(8))
    asked = {"text": text, "source_language": "pt-BR", "mode": "dubbing", "voice_id": "slow_voice"}
    ids = [client.post("/jobs", json=asked).json()["id"] for _ in range(4)]
    wait_for(lambda: services.jobs.counts()["processing"] == 4)  # the engine batches four
    assert services.driver is not None
    with pytest.raises(SpeechError, match="engine_host_died"):
        list(services.synthesizer.speak(plan_of(services.synthesizer, "Bom dia. Isto crash.")))
    lengths = {len(client.get(f"/jobs/{job_id}/download?timeout=60").content) for job_id in ids}
    assert len(lengths) == 1 and all(services.jobs.get(job_id).status == "completed" for job_id in ids)


def test_a_host_killed_amid_twenty_streams_and_twenty_jobs(client: TestClient, services: Services) -> None:
    synthesizer = services.synthesizer
    assert isinstance(synthesizer, HostedSynthesizer)
    asked = {"text": "Uma. Duas. Três.", "source_language": "pt-BR", "mode": "dubbing", "voice_id": "slow_voice"}
    ids = [client.post("/jobs", json=asked).json()["id"] for _ in range(20)]
    plan = plan_of(synthesizer, " ".join(f"Frase {number}." for number in range(60)))
    begun = threading.Semaphore(0)

    def listened(_: int) -> str:
        chunks = synthesizer.speak(plan)
        next(chunks)
        begun.release()
        with pytest.raises(SpeechError) as ended:
            list(chunks)
        return ended.value.code

    with ThreadPoolExecutor(20) as threads:
        streams = threads.map(listened, range(20))
        for _ in range(20):
            assert begun.acquire(timeout=60)
        [host] = synthesizer.hosts()
        assert host.pid is not None
        os.kill(host.pid, signal.SIGKILL)
        assert set(streams) == {"engine_host_died"}
    assert len({len(client.get(f"/jobs/{job_id}/download?timeout=60").content) for job_id in ids}) == 1
    events = [event for job_id in ids for event in services.events.since(0, 500, job_id)]
    assert Counter(event.job_id for event in events if event.kind == "job.completed") == Counter(ids)
    assert len(spoken(synthesizer, "Boa noite. Até logo.")) == 2


def test_what_nobody_uses_gives_its_memory(tmp_path: Path) -> None:
    local, listening = synthesizer_of(settings_in(tmp_path)), tcp_socket("127.0.0.1:0")
    with serving(local, listening):
        hosted = HostedSynthesizer(options_of(settings_in(tmp_path)), [address_of(listening)])
        chunks = hosted.speak(plan_of(hosted, "Bom dia. Tudo bem? Até logo. E mais uma. Fim."))
        next(chunks)
        assert hosted.release() == () and hosted.pool_stats().loaded == ("slow",), "it speaks"
        list(chunks)
        wait_for(lambda: hosted.release() == ("slow",))
        assert hosted.pool_stats().loaded == () and spoken(hosted, "Bom dia."), "it is loaded again"
        hosted.close()
    assert hosted.release() == (), "no host answers"


def test_closing_a_stream_stops_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = tmp_path / "closed"
    monkeypatch.setenv("SLOW_ENGINE_CLOSED", str(noted))
    local, listening = synthesizer_of(settings_in(tmp_path)), tcp_socket("127.0.0.1:0")
    with serving(local, listening):
        hosted = HostedSynthesizer(options_of(settings_in(tmp_path)), [address_of(listening)])
        chunks = hosted.speak(plan_of(hosted, " ".join(f"Frase {number}." for number in range(200))))
        next(chunks)
        chunks.close()
        wait_for(noted.exists)
        hosted.close()


def address_of(listening: socket.socket, secret: str = "") -> HostAddress:
    return HostAddress(url=f"http://127.0.0.1:{listening.getsockname()[1]}", secret=secret)


def test_a_host_on_the_network_asks_for_its_secret(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    listening = tcp_socket("127.0.0.1:0")
    with serving(synthesizer_of(settings), listening, SECRET):
        with closing(HostedSynthesizer(options_of(settings), [address_of(listening, SECRET)])) as friend:
            heard = join(friend.speak(plan_of(friend, "Bom dia.")))
        with closing(synthesizer_of(settings)) as local:
            assert np.array_equal(heard.samples, join(spoken(local, "Bom dia.")).samples)
        for secret in ("", "another one, just as long"):
            with closing(HostedSynthesizer(options_of(settings), [address_of(listening, secret)])) as stranger:
                with pytest.raises(SpeechError, match="engine_secret_wrong"):
                    spoken(stranger, "Bom dia.")
                assert stranger.hosts()[0].pool is None
    with pytest.raises(Problem, match="engine_secret_missing"):
        work_alone(settings, "w", "cpu", "127.0.0.1:0")
    for address in ("127.0.0.1", "127.0.0.1:99999", "256.0.0.1:80"):
        with pytest.raises(Problem, match="engine_address_unusable"):
            tcp_socket(address)


def test_no_host_and_a_host_that_hangs(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    listening = tcp_socket("127.0.0.1:0")
    address = address_of(listening)
    with serving(synthesizer_of(settings), listening):
        hosted = HostedSynthesizer(options_of(settings), [address], silence_s=0.6)
        with pytest.raises(SpeechError, match="engine_host_silent"):
            spoken(hosted, "Bom dia. Isto hang.")
    with pytest.raises(SpeechError, match="engine_host_(absent|died)"):
        spoken(hosted, "Bom dia.")
    assert hosted.pool_stats().loaded == ()
    hosted.close()


def test_one_host_a_data_folder_and_a_dead_ones_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with unix_socket(path):
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(Problem, match="engine_host_running"), unix_socket(path):
            pass
    assert not path.exists()
    deep = settings_in(tmp_path / ("d" * 90) / ("e" * 90))
    assert len(str(deep.engine_socket)) < 108 and deep.engine_socket == deep.engine_socket
