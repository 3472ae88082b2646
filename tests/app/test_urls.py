"""Links that somebody gave: what is fetched, and what is not reached whatever it is called."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from app.errors import Problem
from app.security.urls import UrlGuard
from speech.addresses import is_public

PLACES = {
    "files.example": ["127.0.0.1"],  # the server of this test, allowed below
    "public.example": ["93.184.216.34"],
    "inside.example": ["10.0.0.8"],
    "both.example": ["93.184.216.34", "10.0.0.8"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
}


class Site(BaseHTTPRequestHandler):
    """`/file` is a file, `/to?<url>` leads there, `/cut` ends before its length, `/packed` is compressed."""

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        route, _, query = self.path.partition("?")
        body = b"x" * 1000
        self.send_response(302 if route == "/to" else 404 if route == "/none" else 200)
        if route == "/to":
            self.send_header("Location", query)
        if route == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", "application/JSON; charset=utf-8")
        self.send_header("Content-Length", "2000" if route == "/cut" else "1000")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is told."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://files.example:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def resolve(host: str, port: int) -> Sequence[str]:
    return PLACES.get(host, [host])


GUARD = UrlGuard(frozenset({"files.example"}), resolve, timeout_s=5)


def code_of(guard: UrlGuard, url: str, max_bytes: int = 10_000) -> str:
    with pytest.raises(Problem) as refusal:
        guard.fetch(url, io.BytesIO(), max_bytes)
    return refusal.value.code


def test_a_file_is_fetched_also_over_redirects(site: str) -> None:
    into = io.BytesIO()
    fetched = GUARD.fetch(f"{site}/to?/to?{site}/file", into, 1000)
    assert (fetched.url, fetched.media_type, fetched.size_bytes) == (f"{site}/file", "application/json", 1000)
    assert into.getvalue() == b"x" * 1000


def test_a_name_is_looked_up_once_a_hop(site: str) -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) <= 2 else ["10.0.0.8"]  # a third look-up would lead elsewhere

    UrlGuard(frozenset({"files.example"}), rebinding).fetch(f"{site}/to?/file", io.BytesIO(), 1000)
    assert asked == ["files.example"] * 2


@pytest.mark.parametrize(
    "place",
    ["http://inside.example/", "http://both.example/", "http://metadata.example/latest", "http://mapped.example:8080/"]
    + ["http://127.0.0.1/", "http://[::1]/", "http://169.254.169.254/", "http://10.1.2.3:9000/", "http://0.0.0.0/"],
)
def test_what_is_not_public_is_not_reached_directly_or_by_redirect(site: str, place: str) -> None:
    assert code_of(GUARD, place) == "url_private"
    assert code_of(GUARD, f"{site}/to?{place}") == "url_private"


def test_names_for_this_machine_are_looked_up_as_the_system_does() -> None:
    for host in ("localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001"):
        assert code_of(UrlGuard(), f"http://{host}/") == "url_private", host


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://public.example/", "url_scheme"),
        ("//public.example/", "url_scheme"),
        ("http:///x", "url_bad"),
        ("http://user:secret@public.example/", "url_bad"),
        ("http://public.example\\@inside.example/", "url_bad"),
        ("http://public.example/\r\nHost: inside.example", "url_bad"),
        ("http://public.example:0/", "url_bad"),
        ("http://public.example:99999/", "url_bad"),
        ("http://" + "a" * 3000, "url_bad"),
        ("http://public.example:25/", "url_port"),
        ("https://public.example:22/", "url_port"),
    ],
)
def test_what_is_no_address_of_a_web_server(url: str, code: str) -> None:
    assert code_of(GUARD, url) == code


def test_what_a_server_does_wrong(site: str) -> None:
    assert code_of(GUARD, f"{site}/file", 999) == "url_too_large"
    assert code_of(GUARD, f"{site}/cut") == "url_unreachable"
    assert code_of(GUARD, f"{site}/packed") == "url_unreachable"
    assert code_of(GUARD, f"{site}/none") == "url_status"
    assert code_of(GUARD, f"{site}/to?file:///etc/passwd") == "url_scheme"
    assert code_of(GUARD, f"{site}/to?" * 7 + "/file") == "url_redirects"


def test_addresses() -> None:
    for address in ("93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"):
        assert is_public(address), address
    inside = ["10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "0.0.0.0"]
    inside += ["::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"]
    inside += ["2002:0a00:0001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe"]  # 6to4 of 10.0.0.1; Teredo of 127.0.0.1
    for address in inside:
        assert not is_public(address), address
