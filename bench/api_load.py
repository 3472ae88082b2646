"""The service under load from the same machine: answers of routes that do not speak, live events, and empty jobs.

`python -m bench.api_load [--clients 50] [--seconds 20] [--sockets 200]` starts `papagaio serve` with the engine of
silence, and asks it from a process of its own.

`python -m bench.api_load --streams 12 [--engine silence] [--every SECONDS]` does something else: it has the embedded
engine (or another) speak so many texts, at once or one each so many seconds, and tells of each stream whether a player
that began at its first chunk would have had to wait.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from bench.crash import Service
from bench.record import write

ROUTES = (
    "/",
    "/health/live",
    "/languages",
    "/v1/models",
    "/v1/audio/voices",
    "/voices",
    "/presets",
    "/jobs",
    "/quality-profiles",
    "/components",
    "/analytics/jobs-per-day",
    "/text/dictionary",
)
JOB = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "silence"}
EVENTS = 50  # that every socket hears
FEW = 10  # clients that ask without a pause, which is still more than a full house
VOICES, SAMPLE_BYTES = {"kokoro": "pf_dora", "silence": "silence_female"}, 2
TEXT = (
    "O papagaio aprende uma palavra por dia, e à noite conta todas. Quem ouve com calma aprende também. De manhã ele "
    "repete o que ouviu na rua, e a casa inteira sabe das novidades antes do café. Só uma coisa ele nunca aprendeu: "
    "ficar calado."
)


def main() -> None:
    options = _options()
    if options.streams:
        print(json.dumps(_streams_at_once(options.streams, options.engine, options.every), indent=2))
        return
    figures: dict[str, Any] = {"load_average_before": os.getloadavg()[0]}
    with TemporaryDirectory() as folder:
        service = Service(Path(folder), "silence", REQUESTS_PER_MINUTE="0", WORKERS="1")
        try:
            for name, run, *arguments in (
                ("routes", _load, options.clients, options.seconds),
                ("routes_by_few", _load, FEW, options.seconds),
                ("jobs", _jobs, options.jobs),
                ("idle", _idle, 30),
                ("sockets", _sockets, options.sockets),
            ):
                figures[name] = _in_child(run, service.port, *arguments)
                print(name, json.dumps(figures[name], indent=2), flush=True)
        finally:
            service.process.terminate()
            service.process.wait()
    write("api_load", {"clients": options.clients, **figures})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--streams", type=int, default=0)
    parser.add_argument("--engine", choices=sorted(VOICES), default="kokoro")
    parser.add_argument("--every", type=float, default=0.0, help="seconds between the beginnings of two streams")
    return parser.parse_args()


def _in_child(run: Any, *arguments: Any) -> dict[str, Any]:
    """What `run` returns, by a process that shares no interpreter with ours."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figures: dict[str, Any] = pool.apply(run, arguments)
        return figures


def _load(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Each client asks one route after the other, the next as soon as the last is answered."""
    took: dict[str, list[float]] = {route: [] for route in ROUTES}
    statuses: dict[int, int] = {}

    async def client(number: int, until: float) -> None:
        async with connection(port) as ask:
            turn = number
            while time.perf_counter() < until:
                route = ROUTES[turn % len(ROUTES)]
                turn += 1
                started = time.perf_counter()
                status = await ask(route)
                took[route].append(time.perf_counter() - started)
                statuses[status] = statuses.get(status, 0) + 1

    async def all_clients() -> None:
        async with connection(port) as ask:
            for route in ROUTES:  # what a service imports when it is first asked
                await ask(route)
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(number, until) for number in range(clients)))

    asyncio.run(all_clients())
    every = [one for each in took.values() for one in each]
    return {
        "requests": len(every),
        "requests_per_s": round(len(every) / seconds, 1),
        "p50_ms": _ms(every, 0.5),
        "p95_ms": _ms(every, 0.95),
        "p99_ms": _ms(every, 0.99),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "p95_ms_of": {route: _ms(each, 0.95) for route, each in took.items()},
    }


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Callable[[str], Awaitable[int]]]:
    """Asks one path after the other and tells the status of each answer.

    The load comes from the cores that the service answers on, and a whole HTTP client takes longer for an answer than
    the service does; so this reads no more of HTTP/1.1 than what uvicorn sends.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(path: str) -> int:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if (length := re.search(r"\r\ncontent-length: (\d+)", head)) is not None:
            await reader.readexactly(int(length[1]))
        else:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        return int(head.split(" ", 2)[1])

    try:
        yield ask
    finally:
        writer.close()
        await writer.wait_closed()


def _jobs(port: int, count: int) -> dict[str, Any]:
    """Empty jobs, sent one after the other by four clients; until all are done."""

    async def sent(asking: httpx2.AsyncClient, some: int) -> None:
        for _ in range(some):
            (await asking.post("/jobs", json=JOB)).raise_for_status()

    async def run() -> dict[str, Any]:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as asking:
            started = time.perf_counter()
            await asyncio.gather(*(sent(asking, count // 4) for _ in range(4)))
            submitted_s = time.perf_counter() - started
            total = count // 4 * 4
            while (await asking.get("/jobs?status=completed&limit=1")).json()["total"] < total:
                await asyncio.sleep(0.05)
            done_s = time.perf_counter() - started
        return {"jobs": total, "submitted_per_s": round(total / submitted_s, 1), "done_per_s": round(total / done_s, 1)}

    return asyncio.run(run())


def _idle(port: int, count: int) -> dict[str, Any]:
    """From the sending of one job, while nothing else is to do, to its sound."""
    took = []
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as asking:
        for _ in range(count):
            started = time.perf_counter()
            job_id = asking.post("/jobs", json=JOB).json()["id"]
            asking.get(f"/jobs/{job_id}/download?timeout=30").raise_for_status()
            took.append(time.perf_counter() - started)
    return {"jobs": count, "p50_ms": _ms(took, 0.5), "p95_ms": _ms(took, 0.95)}


def _sockets(port: int, count: int) -> dict[str, Any]:
    """Bare Socket.IO over WebSocket, so that the listeners cost little; each must hear every event once, in order."""
    from websockets.asyncio.client import connect

    async def listen(wanted: asyncio.Event, heard: list[int], came: list[float]) -> None:
        async with connect(f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket", max_size=None) as socket:
            await socket.recv()
            await socket.send("40{}")
            while not str(await socket.recv()).startswith("40"):
                continue
            wanted.set()
            while len(heard) < EVENTS:
                text = str(await asyncio.wait_for(socket.recv(), 60))
                if text == "2":
                    await socket.send("3")
                elif text.startswith("42"):
                    kind, data = json.loads(text[2:])
                    if kind == "job.created":
                        heard.append(data["id"])
                        came.append(time.time() - data["created_at"])

    async def run() -> dict[str, Any]:
        ready = [asyncio.Event() for _ in range(count)]
        heard: list[list[int]] = [[] for _ in range(count)]
        came: list[float] = []
        listeners = [asyncio.create_task(listen(event, ids, came)) for event, ids in zip(ready, heard, strict=True)]
        await asyncio.gather(*(event.wait() for event in ready))
        await asyncio.sleep(1)  # the rooms are entered just after the answer
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as asking:
            for _ in range(EVENTS):
                (await asking.post("/jobs", json=JOB)).raise_for_status()
                await asyncio.sleep(0.05)
        ended = await asyncio.gather(*listeners, return_exceptions=True)
        exact = sum(ids == sorted(set(ids)) and len(ids) == EVENTS for ids in heard)
        return {
            "sockets": count,
            "events": EVENTS,
            "sockets_with_every_event_once_in_order": exact,
            "failed": sum(isinstance(one, BaseException) for one in ended),
            "p50_ms": _ms(came, 0.5),
            "p95_ms": _ms(came, 0.95),
        }

    return asyncio.run(run())


def _streams_at_once(count: int, engine: str, every_s: float) -> dict[str, Any]:
    """By a service of its own, whose engine is loaded when they begin."""
    with TemporaryDirectory() as folder:
        service = Service(Path(folder), engine, REQUESTS_PER_MINUTE="0", WORKERS="1", MAX_STREAMS=str(count))
        try:
            _in_child(streams, service.port, 1, engine)
            found = _in_child(streams, service.port, count, engine, every_s)
            return {"load_average_before": os.getloadavg()[0], **found}
        finally:
            service.process.terminate()
            service.process.wait()


def streams(port: int, count: int, engine: str = "kokoro", every_s: float = 0.0) -> dict[str, Any]:
    """`count` streams of PCM that begin `every_s` seconds after each other; `first_s` is until the first sound."""

    async def stream(asking: httpx2.AsyncClient, number: int) -> dict[str, Any]:
        body = {"model": engine, "voice": VOICES[engine], "input": TEXT, "response_format": "pcm"}
        await asyncio.sleep(number * every_s)
        arrivals: list[tuple[float, float]] = []
        started = time.perf_counter()
        async with asking.stream("POST", "/v1/audio/speech", json=body) as response:
            response.raise_for_status()
            bytes_per_s = SAMPLE_BYTES * int(response.headers["X-Sample-Rate"])
            async for block in response.aiter_raw():
                arrivals.append((time.perf_counter() - started, len(block) / bytes_per_s))
        smallest_s, underruns = margin_of(arrivals)
        return {
            "stream": number,
            "first_s": round(arrivals[0][0], 2),
            "audio_s": round(sum(audio_s for _, audio_s in arrivals), 2),
            "smallest_margin_s": None if smallest_s is None else round(smallest_s, 2),
            "underruns": underruns,
        }

    async def run() -> list[dict[str, Any]]:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600) as asking:
            return list(await asyncio.gather(*(stream(asking, number) for number in range(count))))

    each = asyncio.run(run())
    return {"streams": each, "underruns": sum(one["underruns"] for one in each)}


def margin_of(arrivals: Sequence[tuple[float, float]]) -> tuple[float | None, int]:
    """The fewest seconds of sound that a player still had when more came, and how often it had to wait for more.

    `arrivals`: when each block came, and the seconds of sound in it. The player starts with the first block; where it
    had to wait it goes on with the block that it waited for, and what it lacked is negative. None: there is one block.
    """
    smallest_s, underruns = None, 0
    began_s = received_s = 0.0
    for number, (at_s, audio_s) in enumerate(arrivals):
        if number == 0:
            began_s = at_s
        else:
            left_s = began_s + received_s - at_s
            smallest_s = left_s if smallest_s is None else min(smallest_s, left_s)
            if left_s < 0:
                underruns += 1
                began_s -= left_s
        received_s += audio_s
    return smallest_s, underruns


def _ms(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    at = median(ordered) if share == 0.5 else ordered[min(len(ordered) - 1, int(len(ordered) * share))]
    return round(at * 1000, 1)


if __name__ == "__main__":
    main()
