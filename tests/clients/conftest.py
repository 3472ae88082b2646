"""One service for the tests of all clients: the embedded voice and whisper in its engine host, on its own socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from waiting import wait_for

from app.api.services import Services
from app.host.client import HostedSynthesizer
from app.main import create_app
from app.settings import Settings
from speech.models import ModelStore

SILENCE = {"silence": "speech.engines.silence:Silence"}


@pytest.fixture(scope="session")
def live(live_service: tuple[str, Services]) -> str:
    """Its address."""
    return live_service[0]


@pytest.fixture(scope="session")
def live_service(
    installed: Callable[..., ModelStore], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Services]]:
    """Its address, and what it works with."""
    store = installed("kokoro-int8", "kokoro-voices", "whisper-base", "speaker-resnet34")
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("clients"),
        models_dir=store.root,
        default_engine="kokoro",
        extra_engines=SILENCE,
        max_streams=4,
        allowed_origins=("http://localhost:8000",),
    )
    app = create_app(settings, supervised=True)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    services: Services = app.state.services
    hosted = services.synthesizer
    assert isinstance(hosted, HostedSynthesizer)
    wait_for(lambda: hosted.hosts()[0].pid is not None)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", services
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def recording(live: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two English sentences, spoken by the service itself."""
    import httpx2

    body = {"model": "tts-1", "voice": "alloy", "input": SAID, "response_format": "flac"}
    response = httpx2.post(f"{live}/v1/audio/speech", json=body, timeout=120)
    assert response.status_code == 200, response.text
    path = tmp_path_factory.mktemp("recording") / "said.flac"
    path.write_bytes(response.content)
    return path


SAID = "Seven parrots live in the old garden. They sing every morning before breakfast."
