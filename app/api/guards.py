"""What every request passes before a route sees it: id, host, origin, size; and what every response carries."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection
from secrets import token_hex
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import answer
from app.errors import Problem
from app.observability.logging import bound
from app.observability.metrics import UNROUTED
from app.storage.away import is_database_away
from app.storage.space import is_disk_full

log = logging.getLogger(__name__)

QUIET = frozenset({"/metrics", "/health/live", "/health/ready"})  # asked all day long
FULL_S = 60  # when to ask again where the disk is full
AWAY_S = 5  # when to ask again where the database is away
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Beside those that a page may always read (https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name).
EXPOSED = (
    "X-Request-ID",
    "X-Sample-Rate",
    "X-Papagaio-Engine",
    "X-Papagaio-Voice",
    "X-Papagaio-Language",
    "X-Papagaio-Seed",
    "X-Papagaio-Licence",
    "X-Papagaio-Fitted",
    "X-Papagaio-Without-Effect",
    "X-Papagaio-Job",
    "Content-Disposition",
    "Content-Location",
    "Link",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
)
HEADER_NAMES = re.compile(r"[A-Za-z0-9, _-]{1,1000}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Bootstrap draws its icons from data: images; sound made in the page is a blob. The hash is of the one style sheet
# that WaveSurfer 8.0.1 writes into its shadow root, at the height that the page gives it.
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self' blob:; object-src 'none'; "
    "style-src 'self' 'sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js='; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
REFERENCE_POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"
SHARED_POLICY = "default-src 'none'; media-src 'self'; frame-ancestors 'none'; base-uri 'none'"
# The page records; nothing else that a browser can do beyond its window is used
# (https://www.w3.org/TR/permissions-policy/).
UNUSED = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "midi",
    "payment",
    "usb",
)
PERMISSIONS = ", ".join([*(f"{name}=()" for name in UNUSED), "microphone=(self)"])
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Guards:
    """Pure ASGI, outermost of the application's own middleware; an unexpected exception ends here as `internal`."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: Collection[str], max_body_bytes: int, allowed_origins: Collection[str] = ()
    ) -> None:
        self.app = app
        self.allowed_origins = frozenset(allowed_origins)
        self.allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and self._is_foreign(scope):
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if REQUEST_ID.fullmatch(offered) else token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        with bound(request_id=request_id):
            try:
                await self._guard(scope, receive, send)
            finally:
                self._observe(scope, time.perf_counter() - started)

    def _observe(self, scope: Scope, seconds: float) -> None:
        """By the route's template, so that no client makes names of figures."""
        route = getattr(scope.get("route"), "path", UNROUTED)
        status = scope["state"].get("status", 499)  # 499: the client left first, as nginx counts it
        scope["app"].state.services.metrics.observe(scope["method"], route, status, seconds)
        told = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)}
        log.log(logging.DEBUG if route in QUIET else logging.INFO, "request_answered", extra=told)

    async def _guard(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, scope["state"]["request_id"], self.max_body_bytes)
        exchange.headers |= self._shared(scope)
        problem = self._refusal(scope, exchange)
        if problem is None and "access-control-request-method" in (headers := Headers(scope=scope)):
            if exchange.headers:
                await Response(status_code=204, headers=_preflight(headers))(scope, receive, exchange.send)
                return
        if problem is None:
            problem = await self._run(scope, exchange)
        if problem is not None and not exchange.started:
            exchange.refused = False
            await answer(scope, problem)(scope, receive, exchange.send)

    async def _run(self, scope: Scope, exchange: Exchange) -> Problem | None:
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except Problem as problem:  # after the first byte: the connection ends without a last one, which a client sees
            log.warning("response_aborted", extra={"code": problem.code})
            return problem
        except ClientDisconnect:
            return None
        except Exception as error:
            if is_disk_full(error):
                log.error("storage_full")
                return Problem("storage_full", headers={"Retry-After": str(FULL_S)})
            if is_database_away(error):
                log.error("database_away")
                return Problem("database_unavailable", headers={"Retry-After": str(AWAY_S)})
            if not exchange.refused:
                log.exception("request_failed")
                return Problem("internal")
        return self._too_large() if exchange.refused else None

    def _shared(self, scope: Scope) -> dict[str, str]:
        """What lets a page of an allowed origin read the answer (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
        origin = Headers(scope=scope).get("origin", "")
        if origin not in self.allowed_origins:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": ", ".join(EXPOSED)}

    def _refusal(self, scope: Scope, exchange: Exchange) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_known(host, scope):
            return Problem("host_not_allowed", host=host[:80], choices=sorted(self.allowed_hosts))
        if scope["method"] not in SAFE_METHODS and is_of_other_site(headers, scope["scheme"], self.allowed_origins):
            return Problem("cross_site_refused", origin=headers["origin"][:80], host=host)
        if exchange.declared_bytes > self.max_body_bytes:
            return self._too_large()
        return None

    def _is_known(self, host: str, scope: Scope) -> bool:
        """Whether we are called so: by a name of ours, or the very address that the request came to, which no name
        leads to. Prometheus asks each of several services by its address."""
        name, (address, *_) = _name(host), scope.get("server") or ("",)
        return "*" in self.allowed_hosts or name in self.allowed_hosts or name.strip("[]") == address

    def _is_foreign(self, scope: Scope) -> bool:
        """Whether a WebSocket has a foreign Host, or comes from a page of another site."""
        headers = Headers(scope=scope)
        scheme = {"ws": "http", "wss": "https"}[scope["scheme"]]
        is_known = self._is_known(headers.get("host", ""), scope)
        return not is_known or is_of_other_site(headers, scheme, self.allowed_origins)

    def _too_large(self) -> Problem:
        limit = f"{self.max_body_bytes / 1e6:g}"
        return Problem("body_too_large", limit_mb=limit, headers={"Connection": "close"})


class Exchange:
    """One request and its response: counts the body's bytes as they come, completes the response's headers."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str, max_body_bytes: int) -> None:
        self._receive, self._send, self._state = receive, send, scope["state"]
        self._path, self._request_id, self._max_body_bytes = scope["path"], request_id, max_body_bytes
        self._bytes = 0
        declared = Headers(scope=scope).get("content-length", "")
        self.declared_bytes = int(declared) if declared.isascii() and declared.isdigit() else 0
        self.started = False
        self.refused = False
        self.headers: dict[str, str] = {}  # of the answer, beside those that every answer has

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._max_body_bytes:
            self.refused = True
            raise Problem("body_too_large", limit_mb=f"{self._max_body_bytes / 1e6:g}")
        return message

    async def send(self, message: Message) -> None:
        if self.refused:  # whatever the route made of the cut body, the answer is that it was too large
            return
        if message["type"] == "http.response.start":
            self.started = True
            self._state["status"] = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            headers.update(self.headers)
            if self.headers:
                headers.add_vary_header("Origin")
            for name, value in self._state.get("rate_limit", {}).items():
                headers.setdefault(name, value)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["Referrer-Policy"] = "no-referrer"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Permissions-Policy"] = PERMISSIONS
            headers["Content-Security-Policy"] = _policy(self._path)
        await self._send(message)


def _preflight(headers: Headers) -> dict[str, str]:
    asked = headers.get("access-control-request-headers", "")
    return {
        "Access-Control-Allow-Methods": ", ".join(METHODS),
        "Access-Control-Allow-Headers": asked if HEADER_NAMES.fullmatch(asked) else "",
        "Access-Control-Max-Age": "600",
    }


def _policy(path: str) -> str:
    if path == "/webui" or path.startswith("/webui/"):
        return PAGE_POLICY
    if path.startswith("/shared/"):
        return SHARED_POLICY
    return REFERENCE_POLICY if path.startswith("/docs") else DATA_POLICY


def _name(host: str) -> str:
    """The host without its port: `[::1]:8005` is `[::1]`."""
    name, _, port = host.lower().rpartition(":")
    return name if name and port.isdigit() else host.lower()


def is_of_other_site(headers: Headers, scheme: str, allowed_origins: Collection[str]) -> bool:
    """Whether a page asks that is neither ours nor of an origin that the operator has allowed."""
    origin = headers.get("origin")
    if origin is None or origin in allowed_origins:
        return False
    return not _same_site(origin, headers.get("host", ""), scheme)


def _same_site(origin: str, host: str, scheme: str) -> bool:
    parts = urlsplit(origin)
    defaults = {"http": ":80", "https": ":443"}
    return parts.netloc.lower().removesuffix(defaults.get(parts.scheme, "")) == host.lower().removesuffix(
        defaults.get(scheme, "")
    )
