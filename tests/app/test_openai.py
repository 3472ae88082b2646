"""OpenAI's contract over a real server: formats, one header, errors in its envelope, and a client that hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from api_service import Service, settings_in

from app.api.compat.openai import VOICE_ALIASES
from app.main import create_app
from speech.audio import load
from speech.engines.kokoro.voices import stock_ids

SPEECH = "/v1/audio/speech"
ASK: dict[str, Any] = {"model": "silence", "voice": "silence_female", "input": "Bom dia. Tudo bem com você?"}
MAGIC = {"mp3": b"ID3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF"}


@pytest.mark.parametrize("name", [*MAGIC, "pcm"])
def test_every_format_is_what_it_says(service: Service, name: str) -> None:
    response = service.client.post(SPEECH, json=ASK | {"response_format": name})
    assert response.status_code == 200, response.text
    assert response.headers["x-papagaio-voice"] == "silence_female"
    if name == "pcm":
        assert len(response.content) % 2 == 0 and response.headers["x-sample-rate"] == "24000"
    else:
        assert response.content.startswith(MAGIC[name])
        assert load(BytesIO(response.content)).duration_s > 1


def test_the_default_is_really_mp3(service: Service) -> None:
    response = service.client.post(SPEECH, json=ASK)
    assert response.headers["content-type"] == "audio/mpeg"
    assert response.content.count(b"ID3") == 1


def test_openai_model_names_speak_and_say_with_what(service: Service) -> None:
    response = service.client.post(SPEECH, json=ASK | {"model": "tts-1", "voice": {"id": "silence_male"}})
    assert response.headers["x-papagaio-engine"] == "silence"
    assert response.headers["x-papagaio-voice"] == "silence_male"


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"input": ""}, 422, "input"),
        ({"input": "a" * 10_001}, 422, "input"),
        ({"input": "🎉"}, 422, None),
        ({"input": "你好"}, 422, None),
        ({"voice": "nobody"}, 404, None),
        ({"model": "gpt-9"}, 404, None),
        ({"response_format": "midi"}, 422, "response_format"),
        ({"speed": 0.1}, 422, "speed"),
        ({"speed": 4.5}, 422, "speed"),
        ({"params": {"warmth": 1}}, 422, "params.warmth"),
        ({"language": "ja"}, 422, None),
        ({"stream_format": "ws"}, 422, "stream_format"),
        ({"emotion": "sad"}, 422, "emotion"),
    ],
)
def test_errors_wear_openais_envelope(service: Service, change: dict[str, Any], status: int, param: str | None) -> None:
    response = service.client.post(SPEECH, json=ASK | change)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"] and "{" not in error["message"]


@pytest.mark.parametrize(("text", "is_told"), [("Uma frase.", True), ("Uma frase. Outra frase.", False)])
def test_a_wav_carries_its_length_where_it_is_known(service: Service, text: str, is_told: bool) -> None:
    response = service.client.post(SPEECH, json=ASK | {"input": text, "response_format": "wav"})
    riff_bytes, data_bytes = (int.from_bytes(response.content[at : at + 4], "little") for at in (4, 40))
    assert ("content-length" in response.headers) is is_told
    assert (riff_bytes + 8 == data_bytes + 44 == len(response.content)) is is_told
    assert is_told or riff_bytes == data_bytes == 0xFFFFFFFF


@pytest.mark.parametrize(("asked", "told"), [(3.0, "speed=2"), (0.25, "speed=0.5"), (2.0, None)])
def test_a_speed_out_of_the_engines_range_is_moved_into_it_and_told(
    service: Service, asked: float, told: str | None
) -> None:
    response = service.client.post(SPEECH, json=ASK | {"speed": asked})
    assert response.status_code == 200 and response.headers.get("x-papagaio-fitted") == told


def test_openais_voices_stand_for_some_of_ours() -> None:
    assert set(VOICE_ALIASES.values()) <= set(stock_ids()) and len(set(VOICE_ALIASES.values())) == len(VOICE_ALIASES)


def test_each_of_several_at_once_gets_its_own_sound(service: Service) -> None:
    bodies = [ASK | {"input": "Bom dia. " * count, "response_format": "wav"} for count in range(1, 9)]
    alone = [service.client.post(SPEECH, json=body).content for body in bodies]
    with ThreadPoolExecutor(8) as threads:
        at_once = list(threads.map(lambda body: service.client.post(SPEECH, json=body).content, bodies))
    assert at_once == alone and len(set(alone)) == len(alone)


def test_what_clients_look_up_first(service: Service) -> None:
    models = service.client.get("/v1/models").json()
    assert models["object"] == "list" and {"silence", "kokoro", "tts-1"} <= {m["id"] for m in models["data"]}
    assert service.client.get("/v1/models/kokoro").json()["object"] == "model"
    assert service.client.get("/v1/models/nothing").json()["error"]["code"] == "unknown_model_name"
    assert {"id", "name"} == set(service.client.get("/v1/audio/voices").json()["voices"][0])
    assert service.client.get("/v1/audio/models").json()["models"][0]["id"]
    assert service.client.get("/v1/test").json() == {"status": "ok"}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[uvicorn.Server, str]]:
    """A real server on a free port of loopback, its sentences slowed by the engine's own speed."""
    app = create_app(settings_in(tmp_path))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield server, f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def test_a_client_that_hangs_up_stops_the_work(
    address: tuple[uvicorn.Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from speech.engines.silence import Silence

    _, url = address
    began: list[float] = []
    ended = threading.Event()
    speak = Silence.speak

    def slow(engine: Silence, request: Any) -> Iterator[Any]:
        try:
            for chunk in speak(engine, request):
                began.append(time.monotonic())
                time.sleep(0.02)
                yield chunk
        finally:
            ended.set()

    monkeypatch.setattr(Silence, "speak", slow)
    host, port = url.removeprefix("http://").split(":")
    body = httpx2.Request("POST", url + SPEECH, json=ASK | {"input": "Uma frase. " * 500, "response_format": "pcm"})
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST {SPEECH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + f"Content-Length: {len(body.content)}\r\n\r\n".encode() + body.content)
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
    assert ended.wait(5)
    assert 0 < len(began) < 250


def test_the_first_sound_leaves_before_the_last_is_made(address: tuple[uvicorn.Server, str]) -> None:
    _, url = address
    body = ASK | {"input": "Uma frase longa o bastante. " * 100, "response_format": "wav"}
    with httpx2.stream("POST", url + SPEECH, json=body) as response:
        blocks = [len(block) for block in response.iter_raw()]
    assert response.headers["transfer-encoding"] == "chunked"
    assert len(blocks) > 5 and blocks[0] < sum(blocks) / 5
