"""Every route that speaks holds to the places and to the characters a minute, and stops when its client has gone."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from api_service import PASSWORD, Service, running, settings_in, signed_in
from waiting import wait_for
from xtts_brief import write_brief

from app.main import create_app
from speech.asr import Heard, Segment
from speech.audio import Audio, to_bytes
from speech.dsp import silence
from speech.engines.silence import Silence
from speech.synthesis import Synthesizer

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

API = Path(__file__).parents[2] / "app" / "api"
TEXT = "Bom dia."
VOICE, XTTS = "silence_female", "xtts_luis_moray"
HALVES = [{"voice_id": XTTS, "weight": 0.5}, {"voice_id": "xtts_ana_florence", "weight": 0.5}]
MIXED = {"voices": HALVES, "language": "pt-BR"}
STYLED = {"timbre_voice_id": XTTS, "prosody_voice_id": "xtts_ana_florence", "language": "pt-BR"}
READ = {"text": TEXT, "speaker_wav": VOICE, "language": "pt"}
SOVITS = {"text": TEXT, "text_lang": "pt", "ref_audio_path": VOICE}
# Method, path, body or query of every route that speaks at once.
SPEAKING: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/audio/speech", {"input": TEXT, "model": "silence", "voice": VOICE}),
    ("POST", f"/v1/text-to-speech/{VOICE}", {"text": TEXT}),
    ("POST", f"/v1/text-to-speech/{VOICE}/stream", {"text": TEXT}),
    ("POST", "/tts_to_audio/", READ),
    ("POST", "/tts_stream", READ),
    ("GET", "/tts_stream", READ),
    ("GET", "/api/tts-generate-streaming", {"text": TEXT, "voice": VOICE, "language": "pt"}),
    ("POST", "/tts", SOVITS),
    ("GET", "/tts", SOVITS),
    ("POST", "/quality-profiles/silence/preview", {"text": TEXT, "voice_id": VOICE}),
    ("POST", "/voices/morph/preview", {"text": TEXT, **MIXED}),
    ("POST", "/voices/style/preview", {"text": TEXT, **STYLED}),
    ("POST", "/training/inference/synthesize", {"text": TEXT, "voice": VOICE}),
    ("POST", "/training/synthesize", {"text": TEXT, "voice": VOICE}),
    ("POST", "/v1/finetune/synthesize", {"text": TEXT}),
    ("GET", f"/voices/{VOICE}/sample", {}),
    ("GET", f"/sample/{VOICE}.wav", {}),
]


@pytest.fixture(scope="module")
def brief(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_brief(xtts_tiny, tmp_path_factory.mktemp("xtts_brief"), 8.0)
    shutil.copyfile(xtts_tiny / "dvae.pth", folder / "dvae.pth")
    return folder


def ask(client: Any, method: str, path: str, fields: dict[str, Any]) -> Any:
    return client.request(method, path, **({"params": fields} if method == "GET" else {"json": fields}))


def test_above_the_places_everybody_is_told_to_come_again(brief: Path, tmp_path: Path) -> None:
    with running(tmp_path, max_streams=1, xtts_dir=brief, device="cpu") as service:
        place = service.services.capacity.take()
        for method, path, fields in SPEAKING:
            full = ask(service.client, method, path, fields)
            assert (full.status_code, full.headers.get("retry-after")) == (503, "2"), (path, full.text)
            assert full.json().get("code", "over_capacity") == "over_capacity", path
        place.close()
        for method, path, fields in SPEAKING:
            spoken = ask(service.client, method, path, fields)
            assert spoken.status_code == 200 and service.services.capacity.taken == 0, (path, spoken.text)


def test_all_of_them_count_the_characters_of_a_minute(brief: Path, tmp_path: Path) -> None:
    with running(tmp_path, characters_per_minute=40, xtts_dir=brief, device="cpu") as service:
        ana = maker(service)
        job = {"text": "a" * 40, "source_language": "pt-BR", "mode": "dubbing"}
        assert ana.post("/jobs", json=job).status_code == 202  # all that a minute has
        for method, path, fields in SPEAKING:
            over = ask(ana, method, path, fields)
            assert over.status_code == 429 and int(over.headers["retry-after"]) >= 1, (path, over.text)
            assert over.json().get("code", "too_many_requests") == "too_many_requests", path
        assert service.services.capacity.taken == 0


def maker(service: Service) -> Any:
    accounts = service.services.identity.accounts
    accounts.add("root", PASSWORD, "admin")
    accounts.add("ana", PASSWORD, "maker")
    return signed_in(service, "ana")


def test_no_route_speaks_by_itself() -> None:
    """What speaks outside `Sound` would hold to neither limit, and stand in no table here."""
    speaking = {path.name for path in API.rglob("*.py") if re.search(r"\.speak\(", path.read_text(encoding="utf-8"))}
    assert speaking == {"streaming.py"}


class Watched:
    """What an engine or a recogniser made, piece by piece, and whether it was told to end."""

    def __init__(self) -> None:
        self.made, self.wanted, self.ended = 0, 0, threading.Event()

    def over(self, pieces: Iterator[Any], wanted: int) -> Iterator[Any]:
        self.wanted = wanted
        try:
            for piece in pieces:
                self.made += 1
                time.sleep(0.05)
                yield piece
        finally:
            self.ended.set()


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Over both engines, each slowed down."""
    from speech.engines.xtts.engine import XttsEngine

    seen = Watched()
    for engine in (Silence, XttsEngine):
        monkeypatch.setattr(engine, "speak", _slowly(seen, engine.speak))
    return seen


def _slowly(seen: Watched, speak: Any) -> Any:
    return lambda self, request: seen.over(speak(self, request), len(request.sentences))


@pytest.fixture
def port(brief: Path, tmp_path: Path) -> Iterator[int]:
    """Of loopback, where a real server listens."""
    app = create_app(settings_in(tmp_path, xtts_dir=brief, device="cpu"))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()
    assert app.state.services.capacity.taken == 0


def hang_up(port: int, seen: Watched, path: str, body: bytes, content_type: str = "application/json") -> None:
    """As soon as something is made."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + body)
        wait_for(lambda: seen.made > 0)
    assert seen.ended.wait(30)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/training/inference/synthesize", {"text": "Uma frase.\n\n" * 100, "voice": VOICE}),
        ("/training/synthesize", {"text": "Uma frase.\n\n" * 100, "voice": VOICE}),
        ("/v1/finetune/synthesize", {"text": "Uma frase.\n\n" * 100}),
        ("/voices/morph/preview", {"text": "Uma frase.\n\n" * 40, **MIXED}),
        ("/voices/style/preview", {"text": "Uma frase.\n\n" * 40, **STYLED}),
    ],
)
def test_who_hangs_up_is_not_spoken_for(port: int, watched: Watched, path: str, fields: dict[str, Any]) -> None:
    hang_up(port, watched, path, json.dumps(fields).encode())
    assert watched.made <= watched.wanted // 2, watched.wanted


@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations"])
def test_who_hangs_up_is_not_listened_for(port: int, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """With a recogniser of a hundred segments in whisper's place."""
    seen, segment = Watched(), Segment("Oi.", 0.0, 1.0, 0, (), 0.0, -0.1, 1.0, 0.0)
    monkeypatch.setattr(Synthesizer, "check_listening", lambda self, with_speakers=False: None)
    monkeypatch.setattr(Synthesizer, "hear", lambda *_: Heard("pt", seen.over(iter([segment] * 100), 100)))
    wav = to_bytes(Audio(silence(1.0, 16000).samples, 16000), "wav")
    fields = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + wav + b"\r\n--x--\r\n"
    hang_up(port, seen, path, fields + file, "multipart/form-data; boundary=x")
    assert seen.made <= seen.wanted // 2
