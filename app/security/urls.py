"""Links that somebody gave, fetched without reaching what is behind this machine's back (OWASP: server-side request
forgery).

A host is looked up once a hop, every address found must be public, and the connection goes to that address, so that
a second look-up (DNS rebinding) changes nothing. Each redirect passes the same checks. Proxies of the environment are
not used: they would look the host up themselves.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from app.errors import Problem
from speech.addresses import is_public

SCHEMES = {"http": 80, "https": 443}
LEAST_PORT = 1024  # below it only the two of SCHEMES: the others belong to mail, name and file servers
MOST_REDIRECTS = 5
MOST_CHARACTERS = 2048
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BLOCK = 1 << 16
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Target:
    """Where a request goes: a URL that passed, and the addresses that its host had then."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Fetched:
    """`url`: after redirects."""

    url: str
    media_type: str
    size_bytes: int


def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises Problem `url_unreachable`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Problem("url_unreachable", host=host[:80], reason=str(error)[:200]) from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@dataclass(frozen=True)
class UrlGuard:
    """What may be fetched. `private_hosts`: names that are reached whatever their address is, as the operator set."""

    private_hosts: frozenset[str] = frozenset()
    resolve: Resolve = looked_up
    timeout_s: float = 30.0  # without a byte
    total_s: float = 600.0

    def check(self, url: str) -> Target:
        """Raises Problem `url_bad`, `url_scheme`, `url_port`, `url_private`, `url_unreachable`."""
        scheme, host, port, path = _parts(url)
        addresses = tuple(self.resolve(host, port))
        if not addresses:
            raise Problem("url_unreachable", host=host[:80], reason="–")
        if host not in self.private_hosts:
            private = [address for address in addresses if not is_public(address)]
            if private or port < LEAST_PORT and port not in SCHEMES.values():
                raise Problem("url_private" if private else "url_port", url=url[:200], host=host[:80], port=port)
        return Target(url, scheme, host, port, path, addresses)

    def fetch(self, url: str, into: BinaryIO, max_bytes: int) -> Fetched:
        """The body of `url` into a file. Raises Problem as `check`, and `url_redirects`, `url_status`,
        `url_too_large`, `url_unreachable`; what was written until then is the caller's to drop."""
        deadline = time.monotonic() + self.total_s
        target = self.check(url)
        for _ in range(MOST_REDIRECTS + 1):
            with self._opened(target) as response:
                if response.status not in REDIRECTS:
                    return _copied(target, response, into, max_bytes, deadline)
                target = self._next(target, response.getheader("Location") or "")
        raise Problem("url_redirects", url=url[:200], most=MOST_REDIRECTS)

    def _next(self, before: Target, location: str) -> Target:
        after = self.check(urljoin(before.url, location))
        if before.scheme == "https" and after.scheme != "https":
            raise Problem("url_scheme", url=after.url[:200], choices=["https"])
        return after

    @contextmanager
    def _opened(self, target: Target) -> Iterator[http.client.HTTPResponse]:
        connection = _Pinned(target, self.timeout_s)
        default = SCHEMES[target.scheme] == target.port
        name = f"[{target.host}]" if ":" in target.host else target.host
        headers = {
            "Host": name if default else f"{name}:{target.port}",
            "Accept-Encoding": "identity",
            "User-Agent": "papagaio",
        }
        try:
            connection.request("GET", target.path, headers=headers)
            with connection.getresponse() as response:
                yield response
        except (OSError, http.client.HTTPException) as error:
            reason = str(error)[:200] or type(error).__name__
            raise Problem("url_unreachable", host=target.host[:80], reason=reason) from error
        finally:
            connection.close()


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that was checked, whatever the name means by now."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._target = target

    def connect(self) -> None:
        last: OSError | None = None
        for address in self._target.addresses:
            try:
                self.sock = socket.create_connection((address, self._target.port), self.timeout)
            except OSError as error:
                last = error
                continue
            if self._target.scheme == "https":
                self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self._target.host)
            return
        raise last or OSError("no address")


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host in its ASCII form, port, and path with query."""
    if len(url) > MOST_CHARACTERS or any(letter <= " " or letter in "\\\x7f" for letter in url):
        raise Problem("url_bad", url=url[:200])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host = host.rstrip(".") if ":" in host else host.rstrip(".").encode("idna").decode("ascii")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path.encode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise Problem("url_bad", url=url[:200]) from error
    if parts.scheme not in SCHEMES:
        raise Problem("url_scheme", url=url[:200], choices=sorted(SCHEMES))
    if not host or "@" in parts.netloc or port == 0:
        raise Problem("url_bad", url=url[:200])
    return parts.scheme, host.lower(), port or SCHEMES[parts.scheme], path


def _copied(
    target: Target, response: http.client.HTTPResponse, into: BinaryIO, max_bytes: int, deadline: float
) -> Fetched:
    if response.status != 200:
        raise Problem("url_status", url=target.url[:200], http_status=response.status)
    if (response.getheader("Content-Encoding") or "identity").lower() != "identity":
        raise Problem("url_unreachable", host=target.host[:80], reason="Content-Encoding")
    done = 0
    while block := response.read1(BLOCK):
        done += len(block)
        if done > max_bytes:
            raise Problem("url_too_large", url=target.url[:200], limit_mb=f"{max_bytes / 1e6:g}")
        if time.monotonic() > deadline:
            raise Problem("url_unreachable", host=target.host[:80], reason="timeout")
        into.write(block)
    if response.length:  # fewer bytes than were announced
        raise Problem("url_unreachable", host=target.host[:80], reason=f"{done} + {response.length} bytes")
    return Fetched(target.url, (response.headers.get_content_type() or "").lower(), done)
