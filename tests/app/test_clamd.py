"""Uploads looked through by a real clamd, with `deploy/clamav/clamd.conf` and two signatures of EICAR's file."""

from __future__ import annotations

import getpass
import hashlib
import io
import re
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from api_service import running
from programs import program
from waiting import wait_for

from app.errors import Problem
from app.security.clamav import ClamAv
from app.security.clamd_rehearsal import EICAR
from app.settings import Settings
from bench.servers import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "clamav" / "clamd.conf"
MEGABYTES = re.compile(r"^(\d+)M$")
LONGEST_HERE_MB = 2


def configured() -> dict[str, str]:
    lines = CONFIGURATION.read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as asked:
            asked.sendall(b"zPING\0")
            return asked.recv(16) == b"PONG\0"
    except OSError:
        return False


@contextmanager
def clamd(folder: Path) -> Iterator[tuple[str, str]]:
    """One that runs; its address and the path of its socket."""
    found = program("clamd")
    signatures, port = folder / "signatures", free_port()
    signatures.mkdir()
    digest = hashlib.md5(EICAR, usedforsecurity=False).hexdigest()
    (signatures / "whole.hdb").write_text(f"{digest}:{len(EICAR)}:Test.Whole\n")
    (signatures / "within.ndb").write_text(f"Test.Within:0:*:{EICAR.hex()}\n")
    changes = {
        "TCPSocket": str(port),
        "TCPAddr": "127.0.0.1",
        "LocalSocket": str(folder / "clamd.sock"),
        "DatabaseDirectory": str(signatures),
        "User": getpass.getuser(),
        "StreamMaxLength": f"{LONGEST_HERE_MB}M",
    }
    own = configured()
    assert set(changes) <= set(own)
    (folder / "clamd.conf").write_text("".join(f"{name} {value}\n" for name, value in {**own, **changes}.items()))
    command = [found, "--foreground", "--config-file", str(folder / "clamd.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None, "clamd did not start"
        yield f"127.0.0.1:{port}", str(folder / "clamd.sock")
    finally:
        process.terminate()
        process.wait()


def code_of(address: str, data: bytes) -> str:
    try:
        ClamAv("require", address, 30).scan(io.BytesIO(data), "a.wav")
    except Problem as problem:
        return problem.code
    return "taken"


def zipped(data: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clips/a.wav", data)
    return made.getvalue()


def test_the_configuration_takes_the_largest_upload_and_is_where_the_service_asks() -> None:
    own = configured()
    largest = Settings.model_fields["max_body_mb"].default
    for name in ("StreamMaxLength", "MaxFileSize", "MaxScanSize"):
        told = MEGABYTES.match(own[name])
        assert told and int(told[1]) > largest, name
    assert Settings.model_fields["clamav_address"].default.endswith(f":{own['TCPSocket']}")


@pytest.mark.processes
def test_a_real_clamd_finds_and_refuses(tmp_path: Path) -> None:
    with clamd(tmp_path) as addresses:
        for address in addresses:
            assert code_of(address, b"RIFF" + bytes(300_000)) == code_of(address, b"") == "taken"
            assert code_of(address, EICAR) == "upload_infected"
            assert code_of(address, b"RIFF" + bytes(70_000) + EICAR + bytes(100)) == "upload_infected"
            assert code_of(address, zipped(b"RIFF" + EICAR)) == "upload_infected"
            assert code_of(address, bytes((LONGEST_HERE_MB << 20) + 100_000)) == "upload_not_scanned"
            assert code_of(address, EICAR) == "upload_infected"  # still there after that


@pytest.mark.processes
def test_an_upload_to_the_service_passes_a_real_clamd(tmp_path: Path) -> None:
    table = b"written,spoken\nGIF,gife\n"
    with clamd(tmp_path) as (address, _):
        with running(tmp_path / "data", clamav="require", clamav_address=address) as service:

            def sent(data: bytes) -> tuple[int, str]:
                answer = service.client.post("/text/dictionary/import", files={"file": ("a.csv", data)})
                return answer.status_code, answer.json().get("code", "")

            assert sent(table) == (200, "")
            assert sent(table + EICAR) == (422, "upload_infected")
    with running(tmp_path / "down", clamav="require", clamav_address=address) as service:
        assert sent(table) == (503, "upload_not_scanned")
