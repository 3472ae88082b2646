"""A real nginx with the template of `deploy/nginx`, in front of a service: what passes, and what its log keeps."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
import yaml
from api_service import settings_in
from programs import program
from waiting import wait_for

from app.main import create_app
from bench.servers import free_port

pytestmark = [pytest.mark.processes]
socketio = pytest.importorskip("socketio")

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "nginx" / "templates" / "papagaio.conf.template"
HTTP2_ON = (1, 25, 1)  # the directive's first version (nginx.org, ngx_http_v2_module)
DEADLINE_S = 30.0
JOB = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}


@dataclass
class Proxied:
    """A service that is asked through nginx."""

    client: httpx2.Client
    url: str
    plain_url: str
    certificate: Path
    logs: Path
    service: uvicorn.Server

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.logs / "access.log").read_text().splitlines()]


def version_of(nginx: str) -> tuple[int, ...]:
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True).stderr
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", said)
    assert found, said
    return tuple(map(int, found.groups()))


def filled(nginx: str, folder: Path, upstream: str, plain: int, secure: int) -> str:
    """The template as the image's entry point fills it in, on ports and in folders of this test."""
    text = TEMPLATE.read_text().replace("${DOMAIN}", "localhost").replace("${UPSTREAM}", upstream)
    assert "${" not in text
    changes = {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
        "/etc/letsencrypt/live/localhost": str(folder),
        "/var/log/nginx": str(folder),
        "/var/www/certbot": str(folder / "challenges"),
    }
    if version_of(nginx) < HTTP2_ON:
        changes["    http2 on;\n"] = ""
        changes["listen 443 ssl;"] = f"listen 127.0.0.1:{secure} ssl http2;"
    for was, becomes in changes.items():
        assert was in text, was
        text = text.replace(was, becomes)
    return text


def write_certificate(folder: Path) -> None:
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    done = subprocess.run([*command, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def nginx_before(folder: Path, upstream: str) -> Iterator[tuple[int, int]]:
    """Its two ports: the plain one and that of TLS."""
    found = program("nginx")
    write_certificate(folder)
    plain, secure = free_port(), free_port()
    (folder / "site.conf").write_text(filled(found, folder, upstream, plain, secure))
    places = "".join(
        f"{name}_temp_path {folder}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    http = f"http {{ {places} include {folder}/site.conf; }}"
    main = f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/start.log; events {{}} {http}\n"
    (folder / "nginx.conf").write_text(main)
    command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert checked.returncode == 0 and "[warn]" not in checked.stderr, checked.stderr
    process = subprocess.Popen(command)
    try:
        wait_for(lambda: is_listening(secure) or process.poll() is not None)
        assert process.poll() is None, (folder / "start.log").read_text()
        yield plain, secure
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    logs = tmp_path / "nginx"
    logs.mkdir(mode=0o755)
    settings = settings_in(tmp_path / "data", extra_engines={"slow": "slow_engine:Slow"}, default_engine="slow")
    # As `papagaio serve` runs it.
    trusted = settings.trusted_proxies
    config = uvicorn.Config(create_app(settings), port=0, log_level="critical", forwarded_allow_ips=trusted)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with nginx_before(logs, f"127.0.0.1:{port}") as (plain, secure):
            certificate = logs / "fullchain.pem"
            trust = ssl.create_default_context(cafile=str(certificate))
            url = f"https://localhost:{secure}"
            with httpx2.Client(base_url=url, verify=trust, timeout=DEADLINE_S) as client:
                yield Proxied(client, url, f"http://localhost:{plain}", certificate, logs, server)
    finally:
        server.should_exit = True
        thread.join()


def test_the_image_knows_the_words_of_the_template() -> None:
    image = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["nginx"]["image"]
    found = re.fullmatch(r"nginx:(\d+)\.(\d+)-alpine", image)
    assert found and tuple(map(int, found.groups())) >= HTTP2_ON[:2]
    assert not re.search(r"listen [^;]*http2", TEMPLATE.read_text())


def test_a_request_and_an_upload_pass(proxied: Proxied) -> None:
    answer = proxied.client.get("/health/live")
    assert answer.status_code == 200 and answer.headers["strict-transport-security"].startswith("max-age=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    moved = httpx2.get(f"{proxied.plain_url}/webui?a=1")
    assert (moved.status_code, moved.headers["location"]) == (301, "https://localhost/webui?a=1")

    words = b"written,spoken\n" + b"".join(b"w%d,%s\n" % (number, b"x" * 200) for number in range(10_000))
    assert len(words) > 2_000_000
    sent = proxied.client.post("/text/dictionary/import", files={"file": ("a.csv", words)})
    assert (sent.status_code, sent.json()) == (200, {"read": 10_000, "total": 10_000})


def test_sound_comes_while_it_is_made(proxied: Proxied) -> None:
    body = {"model": "slow", "voice": "slow_voice", "input": "Bom dia. " * 10, "response_format": "pcm"}
    began = time.monotonic()
    with proxied.client.stream("POST", "/v1/audio/speech", json=body) as answer:
        assert answer.status_code == 200
        blocks = answer.iter_raw()
        assert next(blocks)
        first_s = time.monotonic() - began
        assert sum(map(len, blocks)) > 0
    whole_s = time.monotonic() - began
    assert whole_s > 1.5 and first_s < whole_s / 2, (first_s, whole_s)


def test_events_come_over_both_ways(proxied: Proxied) -> None:
    with proxied.client.stream("GET", "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": connected"
        job_id = proxied.client.post("/jobs", json=JOB).json()["id"]
        told = next(line for line in lines if line.startswith("data: "))
        assert job_id in told

    heard: list[tuple[str, dict[str, Any]]] = []
    options = {"sslopt": {"ca_certs": str(proxied.certificate)}, "origin": "https://localhost"}
    listener = socketio.Client(reconnection=False, request_timeout=DEADLINE_S, websocket_extra_options=options)
    listener.on("*", lambda kind, data: heard.append((kind, data)))
    listener.connect(proxied.url, transports=["websocket"], wait_timeout=DEADLINE_S)
    try:
        second = proxied.client.post("/jobs", json=JOB).json()["id"]
        wait_for(lambda: any(second in json.dumps(data) for _, data in heard))
    finally:
        listener.disconnect()
    wait_for(lambda: any(line["status"] == 101 and line["uri"].startswith("/socket.io/") for line in proxied.lines()))


SECRET = "geheim" * 7
ADDRESSES = (
    f"/shared/0123456789abcdef.{SECRET}",
    f"/shared/0123456789abcdef.{SECRET}/sample",
    f"/%73hared/0123456789abcdef.{SECRET}",
    f"//shared/0123456789abcdef.{SECRET}",
    f"/jobs?api_key={SECRET}&limit=1",
    f"/jobs?limit=1&key={SECRET}",
    f"/webui?TOKEN={SECRET}",
    f"/webui?%74oken={SECRET}",
    f"/socket.io/?EIO=4&transport=polling&access_token={SECRET}",
)


def test_its_logs_have_no_tokens(proxied: Proxied) -> None:
    for address in ADDRESSES:
        proxied.client.get(f"{proxied.url}{address}", headers={"Referer": f"https://localhost{ADDRESSES[0]}"})
        httpx2.get(f"{proxied.plain_url}{address}")
    proxied.client.get("/jobs?limit=1&status=completed", headers={"User-Agent": 'a"b'})
    asked = 2 * len(ADDRESSES) + 1
    wait_for(lambda: len(proxied.lines()) == asked)
    plain = proxied.lines()[-1]
    assert (plain["uri"], plain["status"], plain["agent"]) == ("/jobs?limit=1&status=completed", 200, 'a"b')
    assert [line["uri"] for line in proxied.lines()[:-1] if "[hidden]" not in line["uri"]] == []
    assert {line["referer"] for line in proxied.lines()} == {"https://localhost", ""}

    proxied.service.should_exit = True
    wait_for(lambda: not proxied.service.servers or not proxied.service.servers[0].is_serving())
    assert [proxied.client.get(f"{proxied.url}{address}").status_code for address in ADDRESSES] == [502] * len(
        ADDRESSES
    )
    wait_for(lambda: len(proxied.lines()) == asked + len(ADDRESSES))
    written = "".join((proxied.logs / name).read_text() for name in ("access.log", "error.log", "start.log"))
    assert SECRET not in written
