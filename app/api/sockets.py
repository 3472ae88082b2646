"""Socket.IO over the same durable log as server-sent events: rooms by caller and by job; a client that says its last id
misses nothing and gets nothing twice.

Each service reads the log itself, so that several behind one address need nothing between them for this
(docs/ARCHITECTURE.md, "Jobs", says why no message queue is).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.events import data_of
from app.api.guards import is_of_other_site
from app.api.problems import answer
from app.callers import Caller
from app.errors import Problem
from app.jobs.wake import Wake
from app.storage.away import is_database_away

if TYPE_CHECKING:
    from app.api.services import Services

log = logging.getLogger(__name__)

PATH = "/socket.io"
PAGE = 500
MOST_MISSED = 20_000  # events that are told again; who was away for more reads the lists anew ("gap")
CHECK_S = 60.0  # how often it is looked whether credentials still hold
MOST_JOBS = 200  # that one client hears of each by itself; its own room has all of them
MOST_BYTES = 100_000  # of one message of a client
ADMINS = "admins"


@dataclass
class Client:
    """One connection: for whom, by which credentials, and the job it is about, if it is about one alone."""

    caller: Caller
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    jobs: set[str] = field(default_factory=set)


class Sockets:
    """The ASGI application at PATH. What it needs is made when the first client comes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._origins = frozenset(services.settings.allowed_origins)
        self._app: ASGIApp | None = None
        self._server: Any = None
        self._clients: dict[str, Client] = {}
        self._position = 0  # the last event that was given to the rooms
        self._turn: asyncio.Lock | None = None
        self._pump: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            self._app = self._made()
        headers = Headers(scope=scope)
        # Polling begins with a GET, which a page of any site may send.
        if scope["type"] == "http" and is_of_other_site(headers, scope["scheme"], self._origins):
            problem = Problem("cross_site_refused", origin=headers["origin"][:80], host=headers.get("host", "")[:80])
            await answer(scope, problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._server is not None:
            await self._server.shutdown()

    def _made(self) -> ASGIApp:
        import socketio

        self._turn = asyncio.Lock()
        self._server = socketio.AsyncServer(
            async_mode="asgi",
            max_http_buffer_size=MOST_BYTES,
            cors_allowed_origins=[],  # app.api.guards tells pages of elsewhere what they may, and refuses WebSockets
        )
        for name, handler in (
            ("connect", self._connect),
            ("disconnect", self._disconnect),
            ("subscribe", self._subscribe),
            ("unsubscribe", self._unsubscribe),
        ):
            self._server.on(name, handler)
        app: ASGIApp = socketio.ASGIApp(self._server, socketio_path=PATH)
        return app

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        """`auth`: `token` (else the cookie or the header of the request), `last_event_id`, `job_id`: of that job alone.

        Refused with a problem's code.
        """
        from socketio.exceptions import ConnectionRefusedError

        given = auth if isinstance(auth, dict) else {}
        try:
            client = await run_in_threadpool(self._identified, environ, given)
            job_id = _text(given, "job_id")
            if job_id:
                await run_in_threadpool(self._services.jobs.of(client.caller).get, job_id)
            last_id = _number(given, "last_event_id")
        except Exception as error:
            if code := _code_of(error):
                raise ConnectionRefusedError(code) from error
            raise
        self._clients[sid] = client
        # Events sent from here would come before the answer that the client is connected.
        self._server.start_background_task(self._enter, sid, client, last_id, job_id)

    async def _enter(self, sid: str, client: Client, last_id: int | None, job_id: str | None) -> None:
        """What was missed, and then the rooms. Where that fails the client is sent away, so that it comes again."""
        try:
            await self._enter_rooms(sid, client, last_id, job_id)
        except Exception:  # a database that is away for a moment
            log.exception("client_not_entered")
            await self._server.disconnect(sid)

    async def _enter_rooms(self, sid: str, client: Client, last_id: int | None, job_id: str | None) -> None:
        """In one turn: between what was missed and the rooms nothing is given out."""
        assert self._turn is not None
        async with self._turn:
            if self._pump is None:
                self._position = await run_in_threadpool(self._services.events.last_id)
                self._pump = asyncio.create_task(self._give_out())
            if sid not in self._clients:  # it left meanwhile
                return
            if job_id is None:
                rooms = [f"user:{client.caller.user_id}"] + ([ADMINS] if client.caller.is_admin else [])
            else:
                client.jobs.add(job_id)
                rooms = [f"job:{job_id}"]
            for room in rooms:
                await self._server.enter_room(sid, room)
            if last_id is not None:
                await self._replay(sid, client.caller, last_id, job_id)

    async def _replay(self, sid: str, caller: Caller, last_id: int, job_id: str | None) -> None:
        """Up to where the rooms are; in the turn of `_enter`."""
        events, told = self._services.events.of(caller), 0
        while last_id < self._position:
            batch = await run_in_threadpool(events.since, last_id, PAGE, job_id)
            missed = [event for event in batch if event.id <= self._position]
            told += len(missed)
            if told > MOST_MISSED:
                await self._server.emit("gap", {"last_event_id": self._position}, to=sid)
                return
            for event in missed:
                await self._server.emit(event.kind, data_of(event), to=sid)
            if len(missed) < PAGE:
                return
            last_id = missed[-1].id

    async def _subscribe(self, sid: str, asked: Any = None) -> dict[str, Any]:
        """Events of one job more, by `job_id`; with `last_event_id` those that were missed. Answers ok, or a code."""
        client, given = self._clients[sid], asked if isinstance(asked, dict) else {}
        try:
            job = await run_in_threadpool(self._services.jobs.of(client.caller).get, _text(given, "job_id") or "")
            last_id = _number(given, "last_event_id")
        except Exception as error:
            if code := _code_of(error):
                return {"ok": False, "code": code}
            raise
        assert self._turn is not None
        async with self._turn:
            if len(client.jobs | {job.id}) > MOST_JOBS:
                return {"ok": False, "code": Problem("too_many_subscriptions", limit=MOST_JOBS).code}
            client.jobs.add(job.id)
            await self._server.enter_room(sid, f"job:{job.id}")
            if last_id is not None:
                await self._replay(sid, client.caller, last_id, job.id)
        return {"ok": True, "job_id": job.id}

    async def _unsubscribe(self, sid: str, asked: Any = None) -> dict[str, Any]:
        job_id = _text(asked if isinstance(asked, dict) else {}, "job_id") or ""
        self._clients[sid].jobs.discard(job_id)
        await self._server.leave_room(sid, f"job:{job_id}")
        return {"ok": True, "job_id": job_id}

    async def _disconnect(self, sid: str, reason: Any = None) -> None:
        self._clients.pop(sid, None)

    async def _give_out(self) -> None:
        """From the log to the rooms, in order, while there is a service."""
        assert self._turn is not None
        wake: Wake | None = None
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            try:
                wake = wake or Wake(self._services.database, self._services.settings.poll_s)
                async with self._turn:
                    batch = await run_in_threadpool(self._services.events.since, self._position, PAGE)
                    for event in batch:
                        rooms = [f"user:{event.user_id}", f"job:{event.job_id}", ADMINS]
                        await self._server.emit(event.kind, data_of(event), room=rooms)
                        self._position = event.id
                if loop.time() - checked > CHECK_S:
                    checked = loop.time()
                    await self._send_away()
                if len(batch) < PAGE:
                    await wake.wait_async(CHECK_S)
            except Exception:  # a database that is away for a moment
                log.exception("events_not_given_out")
                await asyncio.sleep(1)

    async def _send_away(self) -> None:
        """Whoever's credentials have ended; a client connects again with others, and says its last id."""
        for sid, client in list(self._clients.items()):
            try:
                await run_in_threadpool(self._caller, client.headers, client.cookies)
            except Problem:
                await self._server.disconnect(sid)

    def _identified(self, environ: Mapping[str, Any], given: Mapping[str, Any]) -> Client:
        """Raises Problem as `Identity.caller` does."""
        token = _text(given, "token")
        header = f"Bearer {token}" if token else environ.get("HTTP_AUTHORIZATION", "")
        headers = {"authorization": header, "xi-api-key": environ.get("HTTP_XI_API_KEY", "")}
        cookies = _cookies(environ.get("HTTP_COOKIE", ""))
        return Client(self._caller(headers, cookies), headers, cookies)

    def _caller(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        return self._services.identity.caller("GET", "/events", headers, cookies)


def _code_of(error: Exception) -> str:
    """What a client is told of; "" for what is no refusal."""
    if isinstance(error, Problem):
        return error.code
    return "database_unavailable" if is_database_away(error) else ""


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return value[:200] if isinstance(value, str) and value else None


def _number(given: Mapping[str, Any], name: str) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise Problem("bad_request", reason=name)
    return value
