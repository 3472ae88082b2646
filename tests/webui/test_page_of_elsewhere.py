"""A page of another origin in a real browser: what `docs/CLIENTS.md` tells it to do works, and is refused to others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ContextManager

import httpx2
from browsing import WAIT_MS
from playwright.sync_api import Browser

PAGE = """<!doctype html><title>Elsewhere</title><script type="module">
import { io } from "SERVICE/webui/vendor/socket-io-client/socket.io.esm.min.js";
const socket = io("SERVICE", { transports: ["TRANSPORT"] });
window.heard = [];
socket.on("connect", () => { document.title = "connected"; });
socket.on("connect_error", () => { document.title = "refused"; });
socket.on("job.created", ({ job_id }) => window.heard.push(job_id));
const answer = await fetch("SERVICE/v1/audio/speech", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ model: "tts-1", voice: "silence_male", input: "Oi.", instructions: "slowly" }),
});
window.told = answer.headers.get("x-papagaio-without-effect");
</script>"""


@contextmanager
def elsewhere() -> Iterator[tuple[str, dict[str, str]]]:
    """An origin of its own, and its pages by their paths."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_of_an_allowed_origin_hears_events_by_either_transport(
    sharing: Callable[[str], ContextManager[str]], browser: Browser
) -> None:
    with elsewhere() as (origin, pages), sharing(origin) as service:
        pages |= {
            f"/{transport}": PAGE.replace("SERVICE", service).replace("TRANSPORT", transport)
            for transport in ("polling", "websocket")
        }
        for path in pages:
            with browser.new_context() as context:
                page = context.new_page()
                page.goto(origin + path)
                page.wait_for_function("document.title === 'connected'", timeout=WAIT_MS)
                page.wait_for_function("window.told !== undefined", timeout=WAIT_MS)
                assert page.evaluate("window.told") == "instructions"
                body = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing"}
                job_id = httpx2.post(f"{service}/jobs", json=body, timeout=60).json()["id"]
                page.wait_for_function(f"window.heard.includes('{job_id}')", timeout=WAIT_MS)
