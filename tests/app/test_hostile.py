"""What somebody sends who means harm: each shape is refused with an error of the catalogue, and nothing is written."""

from __future__ import annotations

import io
import json
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from api_service import Service, running
from starlette.testclient import TestClient

from app.errors import Problem
from app.security import tokens
from app.statuses import STATUS
from speech.errors import SpeechError
from train.dataset.folder import DatasetFolder
from train.dataset.options import DatasetOptions
from train.dataset.sources import add
from train.progress import NullReporter

PASSWORD = "correct horse battery"
JOB = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing"}


@pytest.fixture(scope="module")
def open_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Nobody has an account: whoever gets by may do everything."""
    with running(tmp_path_factory.mktemp("open"), max_body_mb=1) as service:
        yield service


@pytest.fixture(scope="module")
def closed_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("closed"), requests_per_minute=0) as service:
        service.services.identity.accounts.add("root", PASSWORD, "admin")
        service.services.identity.accounts.add("bea", PASSWORD, "listener")
        yield service


# ---- archives -------------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes], mode: int = 0) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.filename, info.external_attr, info.compress_type = name, mode << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return made.getvalue()


def bent(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new) and old in data
    return data.replace(old, new)


GOOD = zipped(("a.wav", b"RIFF" * 500))
ZIPS: dict[str, bytes] = {
    "no zip": b"PK nothing",
    "empty file": b"",
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "end record alone": b"PK\x05\x06" + b"\xff" * 18,
    "directory larger than the file": GOOD[:-10] + struct.pack("<I", 2**31) + GOOD[-6:],
    "central directory elsewhere": GOOD[:-6] + struct.pack("<I", 2**31) + GOOD[-2:],
    "damaged data": GOOD[:40] + b"\xff" * 8 + GOOD[48:],
    "unknown compression": GOOD.replace(b"\x08\x00\x00\x00!\x00", b"\x63\x00\x00\x00!\x00"),
    "encrypted": bytes(bytearray(GOOD[:6]) + b"\x01" + GOOD[7:]).replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
    ),
    "parent folder": zipped(("../evil.wav", b"x")),
    "parent folder inside": zipped(("a/../../evil.wav", b"x")),
    "parent folder of Windows": zipped(("..\\evil.wav", b"x")),
    "absolute": zipped(("/tmp/evil.wav", b"x")),
    "absolute of Windows": zipped(("C:\\evil.wav", b"x")),
    "line break in a name": zipped(("a\n.wav", b"x")),
    "zero in a name": bent(zipped(("aXb.wav", b"x")), b"aXb.wav", b"a\0b.wav"),
    "name too long": zipped(("a" * 300 + ".wav", b"x")),
    "folders too deep": zipped(("a/" * 50 + "b.wav", b"x")),
    "symbolic link": zipped(("a.wav", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777),
    "device": zipped(("a.wav", b""), mode=stat.S_IFCHR | 0o666),
    "one name twice": bent(zipped(("a.wav", b"x"), ("b.wav", b"y")), b"b.wav", b"a.wav"),
    "unpacks to too much": zipped(*[(f"{number}.wav", bytes(30 << 20)) for number in range(8)]),
}


@pytest.mark.parametrize("shape", ZIPS)
def test_archives(tmp_path: Path, shape: str) -> None:
    folder = DatasetFolder.create(tmp_path / "set", "pt-BR")
    (tmp_path / "a.zip").write_bytes(ZIPS[shape])
    with pytest.raises(SpeechError) as refusal:
        add(folder, str(tmp_path / "a.zip"), DatasetOptions().download, NullReporter())
    assert refusal.value.code == "archive_unusable", refusal.value
    assert not folder.sources() and not list(tmp_path.rglob("evil*"))
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


# ---- links ----------------------------------------------------------------------------------------------------------

URLS = {
    "file": "file:///etc/passwd",
    "another protocol": "gopher://127.0.0.1:6379/_FLUSHALL",
    "script": "javascript:alert(1)",
    "data": "data:text/plain,x",
    "no protocol": "//youtu.be/a",
    "no host": "http:///x",
    "this machine": "http://localhost/x",
    "this machine by number": "http://2130706433/",
    "this machine in hexadecimal": "http://0x7f.1/",
    "this machine in octal": "http://0177.0.0.1/",
    "this machine, IPv6": "http://[::1]/",
    "this machine, IPv4 in IPv6": "http://[::ffff:127.0.0.1]/",
    "every address": "http://0.0.0.0/",
    "this network": "http://192.168.0.1/",
    "a cloud's metadata": "http://169.254.169.254/latest/meta-data/",
    "host in the user's name": "https://youtu.be@127.0.0.1/",
    "backslash": "https://youtu.be\\@127.0.0.1/",
    "line break": "https://youtu.be/\r\nHost: evil",
    "a letter that looks the same": "https://yоutu.be/a",  # Cyrillic о
    "a name that ends like ours": "https://notyoutu.be.evil.example/",
    "port of another service": "http://example.com:25/",
    "zone": "http://[fe80::1%25eth0]/",
    "too long": "https://youtu.be/" + "a" * 3000,
}


@pytest.mark.parametrize("shape", URLS)
def test_links(open_service: Service, shape: str) -> None:
    pytest.importorskip("yt_dlp")
    answer = open_service.client.post("/training/dataset/queue", json={"youtube_url": URLS[shape]})
    refused(answer, "link_refused", "invalid_request")
    with pytest.raises(Problem) as refusal:
        open_service.services.urls.check(URLS[shape])
    assert refusal.value.code in ("url_bad", "url_scheme", "url_private", "url_port", "url_unreachable")


# ---- paths ----------------------------------------------------------------------------------------------------------

UP = "..%2f..%2f..%2fetc%2fpasswd"
PATHS = {
    "page": "/webui/../../etc/passwd",
    "page, escaped": f"/webui/{UP}",
    "page, escaped twice": f"/webui/{UP.replace('%', '%25')}",
    "page, backslash": "/webui/..%5c..%5csettings.py",
    "page, zero": "/webui/index.html%00.js",
    "library": f"/webui/vendor/qrcode-generator/{UP}",
    "texts": f"/webui/texts/{UP}.json",
    "job": f"/jobs/{UP}",
    "sound of a job": f"/jobs/{UP}/download",
    "sample of a job": f"/jobs/job_none/samples/{UP}",
    "clip of a job": f"/jobs/job_none/clips/{UP}",
    "voice": f"/voices/{UP}",
    "file of a voice": f"/voices/{UP}/export",
    "sample of a voice": f"/voices/silence_male/samples/{UP}",
    "RVC model": f"/rvc-models/{UP}/preview",
    "profile": f"/quality-profiles/silence/{UP}",
    "checkpoint": f"/training/checkpoints/{UP}/step-000001/download",
    "step": f"/training/checkpoints/run/{UP}/download",
    "dataset": f"/training/dataset/stats?dataset={UP}",
    "clip of a dataset": f"/training/dataset/samples/{UP}/audio",
    "batch": f"/jobs/batch/{UP}/download",
    "many jobs": f"/jobs/archive?ids={UP}",
    "shared voice": f"/shared/{UP}",
    "reference": f"/docs/{UP}",
}


@pytest.mark.parametrize("shape", PATHS)
def test_paths(open_service: Service, shape: str) -> None:
    answer = open_service.client.get(PATHS[shape])
    assert b"root:" not in answer.content
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] in STATUS


# ---- credentials ----------------------------------------------------------------------------------------------------


def signed(**changes: Any) -> Callable[[Service], str]:
    def made(service: Service) -> str:
        claims = {"sub": "local", "ver": 1, "aud": "papagaio", "jti": "1", "exp": time.time() + 60, **changes}
        secrets = service.services.identity.secrets.now()
        given = {k: v for k, v in claims.items() if v is not None}
        return jwt.encode(given, secrets.token_key, "HS256", {"kid": secrets.token_key_id})

    return made


def unsigned(service: Service) -> str:
    claims = {"sub": "local", "ver": 1, "aud": "papagaio", "jti": "1", "exp": time.time() + 60}
    return jwt.encode(claims, None, "none")  # type: ignore[arg-type]


def cut(service: Service) -> str:
    return signed()(service).rpartition(".")[0] + "."


def key_with(change: Callable[[str], str]) -> Callable[[Service], str]:
    def made(service: Service) -> str:
        user = next(user for user in service.services.identity.accounts.list() if user.name == "root")
        return change(service.services.identity.keys.add(user.caller(), "k", ["read"], None)[1])

    return made


TOKENS: dict[str, Callable[[Service], str]] = {
    "no algorithm": unsigned,
    "no signature": cut,
    "another's key": lambda service: jwt.encode({"sub": "local"}, "x" * 32, "HS256"),
    "expired": signed(exp=time.time() - 1),
    "without an end": signed(exp=None),
    "for another service": signed(aud="other"),
    "of a later account": signed(ver=99),
    "version as text": signed(ver="1"),
    "of nobody": signed(sub="user_none"),
    "subject as a list": signed(sub=["local"]),
    "SQL": signed(sub="' OR 1=1 --"),
    "two dots": lambda service: "..",
    "not ASCII": lambda service: "Bearer ☃".encode().decode("latin-1"),
    "very long": lambda service: "a" * 60_000,
    "key without a secret": key_with(lambda text: text.rpartition("_")[0] + "_"),
    "key with another secret": key_with(lambda text: text[:-1] + ("a" if text[-1] != "a" else "b")),
    "key of another kind": key_with(lambda text: text.replace("pg_", "rt_", 1)),
    "key in capitals": key_with(str.upper),
    "refresh token": lambda service: service.services.identity.sessions.start("local", "refresh"),
    "cookie as a token": lambda service: service.services.identity.sessions.start("local", "page"),
    "secret's digest": lambda service: f"pg_000000000000_{tokens.digest('x')}",
}


@pytest.mark.parametrize("shape", TOKENS)
def test_credentials(closed_service: Service, shape: str) -> None:
    stranger = TestClient(closed_service.client.app, base_url="http://localhost", raise_server_exceptions=False)
    token = TOKENS[shape](closed_service)
    header = {"Authorization": f"Bearer {token}".encode("latin-1")}
    refused(stranger.get("/jobs", headers=header), "token_invalid", "token_expired")
    refused(
        stranger.get("/jobs", headers={"Cookie": f"papagaio_session={token[:4000]}".encode("latin-1")}),
        *(("token_invalid", "token_expired", "not_signed_in") if shape != "cookie as a token" else ()),
    )


# ---- headers and bodies ---------------------------------------------------------------------------------------------

DEEP = b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "foreign host": ({"headers": {"Host": "evil.example"}}, "host_not_allowed"),
    "host that ends like ours": ({"headers": {"Host": "localhost.evil.example"}}, "host_not_allowed"),
    "host with a user": ({"headers": {"Host": "localhost@evil.example"}}, "host_not_allowed"),
    "forwarded host": ({"headers": {"Host": "evil.example", "X-Forwarded-Host": "localhost"}}, "host_not_allowed"),
    "foreign origin": ({"headers": {"Origin": "https://evil.example"}}, "cross_site_refused"),
    "origin of a file": ({"headers": {"Origin": "null"}}, "cross_site_refused"),
    "origin on another port": ({"headers": {"Origin": "http://localhost:81"}}, "cross_site_refused"),
    "plain text, as a form of another site sends": (
        {"headers": {"Content-Type": "text/plain"}, "content": b"{}"},
        "body_type_unsupported",
    ),
    "announced too large": ({"headers": {"Content-Length": "9" * 12}, "content": b"{}"}, "body_too_large"),
    "too large": ({"content": b'{"text": "' + b"a" * 1_100_000 + b'"}'}, "body_too_large"),
    "no JSON": ({"content": b"{"}, "bad_body"),
    "JSON too deep": ({"content": DEEP}, "bad_body"),
    "one name twice": ({"content": b'{"text": "a", "text": "b"}'}, "invalid_request"),
    "no number": ({"content": b'{"speed": NaN}'}, "bad_body"),
    "no finite number": (
        {"content": json.dumps({**JOB, "speed": 1}).replace("1}", "1e999}").encode()},
        "invalid_request",
    ),
    "a list": ({"content": b"[]"}, "bad_body"),
    "not UTF-8": ({"content": b'{"text": "\xff\xfe"}'}, "bad_body"),
    "half a pair": (
        {"content": b'{"text": "\\ud800", "source_language": "pt-BR", "mode": "dubbing"}'},
        "invalid_request",
    ),
    "unknown field": ({"json": {**JOB, "__class__": "x"}}, "invalid_request"),
    "a form without a boundary": ({"headers": {"Content-Type": "multipart/form-data"}, "content": b"x"}, "bad_request"),
    "a form of a thousand fields": ({"data": {f"f{n}": "x" for n in range(1000)}, "files": {}}, "bad_request"),
    "a job id that is a path": ({"path": "/jobs/..%2f..", "method": "DELETE"}, "route_not_found"),
    "range that is none": ({"path": "/events?last_event_id=-1", "method": "GET"}, "invalid_request"),
    "last id that is none": (
        {"path": "/events", "method": "GET", "headers": {"Last-Event-ID": "1;DROP"}},
        "invalid_request",
    ),
    "unknown method": ({"method": "TRACE"}, "method_not_allowed"),
}


@pytest.mark.parametrize("shape", HEADERS)
def test_headers_and_bodies(open_service: Service, shape: str) -> None:
    sent, code = HEADERS[shape]
    headers = {"Content-Type": "application/json"} if "content" in sent else {}
    request = {**sent, "headers": {**headers, **sent.get("headers", {})}}
    method, path = request.pop("method", "POST"), request.pop("path", "/jobs")
    answer = open_service.client.request(method, path, **request)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"] == code, answer.text
    assert open_service.is_empty()


def test_there_are_enough_of_them() -> None:
    assert sum(map(len, (ZIPS, URLS, PATHS, TOKENS, HEADERS))) >= 110


def refused(answer: Any, *codes: str) -> None:
    if codes:
        assert 400 <= answer.status_code < 500 and answer.json()["code"] in codes, answer.text
