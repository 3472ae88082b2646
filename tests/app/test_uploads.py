"""What is looked at before an upload is taken: by ClamAV, and by its first bytes."""

from __future__ import annotations

import io
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from clone_service import wav

from app.errors import Problem
from app.security.clamav import ClamAv
from app.security.clamd_rehearsal import EICAR, RehearsalClamd
from app.security.sniffing import other_than_sound
from speech.audio import FORMATS, Audio, load, to_bytes


def code_of(scanner: ClamAv, data: bytes) -> str:
    file = io.BytesIO(data)
    file.seek(len(data))
    try:
        scanner.scan(file, "a.wav")
    except Problem as problem:
        assert file.tell() == 0
        return problem.code
    assert file.tell() in (0, len(data))
    return "taken"


def test_what_is_found_is_refused_and_silence_by_the_mode() -> None:
    with RehearsalClamd(max_bytes=300_000) as clamd:
        for mode in ("warn", "require"):
            scanner = ClamAv(mode, clamd.address, 5)  # type: ignore[arg-type]
            assert code_of(scanner, b"") == code_of(scanner, bytes(200_000)) == "taken"
            assert code_of(scanner, b"RIFF" + bytes(70_000) + EICAR + bytes(100)) == "upload_infected"
        assert clamd.scanned == 6
        assert code_of(ClamAv("require", clamd.address, 5), bytes(10_000_000)) == "upload_not_scanned"
        assert code_of(ClamAv("warn", clamd.address, 5), bytes(10_000_000)) == "taken"
        assert code_of(ClamAv("off", clamd.address), EICAR) == "taken"
    assert code_of(ClamAv("require", clamd.address, 1), b"x") == "upload_not_scanned"
    assert code_of(ClamAv("warn", clamd.address, 1), b"x") == "taken"
    assert code_of(ClamAv("require", "nonsense", 1), b"x") == "upload_not_scanned"
    assert code_of(ClamAv("require", "/none/clamd.sock", 1), b"x") == "upload_not_scanned"


def test_a_scanner_that_hangs_or_babbles_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts, and never answers
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        assert code_of(ClamAv("require", address, 0.2), b"x") == "upload_not_scanned"


def test_every_upload_passes_the_scanner(tmp_path: Path) -> None:
    with RehearsalClamd() as clamd, running(tmp_path, clamav="require", clamav_address=clamd.address) as service:
        document = service.client.get("/openapi.json").json()
        routes = [
            (path, content["multipart/form-data"]["schema"]["properties"])
            for path, methods in document["paths"].items()
            for operation in methods.values()
            if "multipart/form-data" in (content := operation.get("requestBody", {}).get("content", {}))
        ]
        files = {path: next((n for n, p in fields.items() if _is_file(p)), None) for path, fields in routes}
        walked = {path: name for path, name in files.items() if name}
        assert len(walked) >= 8
        for path, name in walked.items():
            answer = service.client.post(path, files={name: ("a.wav", EICAR)})
            body = answer.json()
            code = body.get("code") or body["error"]["code"]  # in the envelope of another contract
            assert (answer.status_code, code) == (422, "upload_infected"), path
        table = {"file": ("a.csv", b"written,spoken\nGIF,gife\n")}
        assert service.client.post("/text/dictionary/import", files=table).status_code == 200
    with running(tmp_path / "down", clamav="require", clamav_address=clamd.address) as service:
        assert service.client.post("/text/dictionary/import", files=table).json()["code"] == "upload_not_scanned"
        assert service.is_empty()


def _is_file(schema: dict[str, Any]) -> bool:
    return '"binary"' in str(schema).replace("'", '"')


def test_recordings_that_are_something_else_are_refused(service: Service, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.wav", b"x")
    for data in (made.getvalue(), b"MZ\x90\0", b"%PDF-1.7", b"\xef\xbb\xbf <!DOCTYPE html>", b"#!/bin/sh\n"):
        sent: Any = {"files": {"file": ("a.wav", data)}, "data": {"voice_id": "silence_male", "language": "pt-BR"}}
        assert other_than_sound(data)
        answer = service.client.post("/voices/convert", **sent)
        assert answer.status_code in (415, 422, 503), answer.text
    sound = load(wav(tmp_path / "a.wav", 0.5))
    for name in FORMATS:
        assert other_than_sound(to_bytes(Audio(sound.samples, sound.sample_rate), name)) is None, name


@pytest.mark.parametrize(
    "data", [b"\xff\xfb\x90\x44", b"ID3\x04", b"\0\0\0 ftypM4A ", b"\x1aE\xdf\xa3", b"#!AMR\n", b""]
)
def test_what_may_be_sound_is_not_refused_here(data: bytes) -> None:
    assert other_than_sound(data) is None
