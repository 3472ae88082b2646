"""The engine host's side: a small application over the engines of this process, on a Unix socket or an address.

`POST /speak` takes a plan and answers frames of sound (`app.host.wire`), `POST /hear` a recording, and answers what is
said in it; closing the connection stops the work. `POST /load` takes a voice and answers once what speaks it is in
memory. `POST /release` unloads what nobody uses. `GET /state` says what is loaded and what it holds.
"""

from __future__ import annotations

import fcntl
import hmac
import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from app.errors import Problem
from app.host import wire
from app.host.memory import proportional_bytes
from app.host.responses import MadeResponse
from app.observability.gpu import gpus
from speech.errors import SpeechError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from speech.synthesis import Synthesizer

log = logging.getLogger(__name__)
THREADS = 64  # streams at a time, each of which waits in a thread
STOP_S = 5.0


def host_app(synthesizer: Synthesizer, secret: str = "") -> Starlette:
    """`secret`: what callers must send as a bearer token; "" where the socket's permissions guard."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def refused(request: Request) -> Response | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secret or hmac.compare_digest(given.encode(), secret.encode()):
            return None
        return JSONResponse({"code": "engine_secret_wrong", "values": {}}, 401)

    def work(does: Callable[[Synthesizer, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            if (answer := refused(request)) is not None:
                return answer
            body = await request.body()
            return await run_in_threadpool(does, synthesizer, body)

        return answered

    async def state(request: Request) -> Response:
        return refused(request) or JSONResponse(await run_in_threadpool(_state, synthesizer))

    does = {"/speak": _spoken, "/hear": _heard, "/load": _loaded, "/release": _released}
    routes = [Route(path, work(each), methods=["POST"]) for path, each in does.items()]
    return Starlette(routes=[*routes, Route("/state", state)])


def _spoken(synthesizer: Synthesizer, body: bytes) -> Response:
    """What fails before the first chunk is an error with a status; what fails later, a frame."""
    from starlette.responses import JSONResponse

    try:
        sound = synthesizer.speak(wire.load_plan(body))
    except SpeechError as error:
        return JSONResponse(wire.error_document(error), 422)
    try:
        first = next(sound)
    except SpeechError as error:
        sound.close()
        return JSONResponse(wire.error_document(error), 422)
    except BaseException:
        sound.close()
        raise
    return MadeResponse(_ended(map(wire.chunk_frame, chain([first], sound))), sound, wire.MEDIA_TYPE)


def _loaded(synthesizer: Synthesizer, body: bytes) -> Response:
    from starlette.responses import JSONResponse

    try:
        return JSONResponse({"device": synthesizer.load(wire.load_voice(body))})
    except SpeechError as error:
        return JSONResponse(wire.error_document(error), 422)


def _released(synthesizer: Synthesizer, body: bytes) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"engines": synthesizer.release()})


def _heard(synthesizer: Synthesizer, body: bytes) -> Response:
    from starlette.responses import JSONResponse

    try:
        heard = synthesizer.hear(*wire.load_recording(body))
    except SpeechError as error:
        return JSONResponse(wire.error_document(error), 422)
    language = wire.frame(b"L", _json({"language": heard.language}))
    frames = chain([language], map(wire.segment_frame, heard.segments))
    return MadeResponse(_ended(frames), heard.segments, wire.MEDIA_TYPE)


def _ended(frames: Iterator[bytes]) -> Iterator[bytes]:
    """With the end, or with what has failed."""
    try:
        yield from frames
    except SpeechError as error:
        yield wire.frame(b"E", _json(wire.error_document(error)))
        return
    except Exception:
        log.exception("engine_failed")
        failed = SpeechError("engine_host_failed", host=f"pid {os.getpid()}", status=500)
        yield wire.frame(b"E", _json(wire.error_document(failed)))
        return
    yield wire.frame(b"Z")


def _state(synthesizer: Synthesizer) -> dict[str, Any]:
    pool, cards = asdict(synthesizer.pool_stats()), [asdict(gpu) for gpu in gpus()]
    return {"pid": os.getpid(), "memory_bytes": proportional_bytes(), "pool": pool, "gpus": cards}


def _json(document: dict[str, Any]) -> bytes:
    import json

    return json.dumps(document, ensure_ascii=False).encode()


@contextmanager
def serving(synthesizer: Synthesizer, listening: socket.socket, secret: str = "") -> Iterator[None]:
    """Answer on a bound socket, in a thread, while the block runs."""
    import uvicorn

    config = uvicorn.Config(host_app(synthesizer, secret), log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="engine-host", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(STOP_S)
        listening.close()


@contextmanager
def unix_socket(path: Path) -> Iterator[socket.socket]:
    """A listening socket that only this user may use; one that a dead host left is replaced.

    Raises Problem `engine_host_running` while another process has it.
    """
    with _owned(path):
        path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        try:
            yield listening
        finally:
            listening.close()
            path.unlink(missing_ok=True)


def tcp_socket(address: str) -> socket.socket:
    """A listening socket on "host:port". Raises Problem `engine_address_unusable`."""
    host, _, port = address.rpartition(":")
    try:
        if not 0 <= int(port) < 1 << 16:
            raise ValueError(f"port {port}")
        return socket.create_server((host.strip("[]"), int(port)), family=_family(host))
    except (OSError, ValueError) as error:
        raise Problem("engine_address_unusable", address=address, reason=str(error)) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


@contextmanager
def _owned(path: Path) -> Iterator[TextIO]:
    """The kernel frees the lock at any death."""
    with path.with_suffix(".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("engine_host_running", path=str(path)) from None
        yield file
