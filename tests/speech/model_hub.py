"""Weights over HTTP: a small hub on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hub:
    """Files by path over HTTP with ranges; `cut` bytes into an answer the connection is dropped once."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cut: int | None = None
        self.gate: threading.Event | None = None  # an answer waits half way until it is set
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        body = self.files.get(request.path)
        if body is None:
            request.send_error(404)
            return
        start, _, end = (asked or "bytes=0-").removeprefix("bytes=").partition("-")
        if end != "0":  # the probe asks for one byte
            self.ranges.append(asked)
        part = body[int(start) : int(end) + 1 if end else None]
        request.send_response(206 if asked else 200)
        request.send_header("Content-Length", str(len(part)))
        request.end_headers()
        cut, self.cut = (self.cut, None) if end != "0" else (None, self.cut)
        half = len(part) // 2
        try:
            request.wfile.write(part[: half if cut is None else cut])
            if self.gate and end != "0":
                self.gate.wait(20)
            if cut is None:
                request.wfile.write(part[half:])
        except OSError:
            return  # the client was killed
