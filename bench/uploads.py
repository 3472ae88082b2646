"""Damaged recordings sent to a running service: none may crash it, none may keep it waiting.

`./run bench uploads [--count 4000] [--seed 1] [--clients 2] [--hear] [--url http://127.0.0.1:8005]` has sounds of
eight formats encoded, damages each copy in one way (bits turned over, parts cut out, zeroed or doubled, a length made
huge, the beginning of another format before it), and sends them to the route that decodes before it answers: the one
that writes down. It asks for a language that nobody hears, so that what could be decoded is answered 422
`language_not_heard`; with `--hear` it is written down, which takes ten times as long. Without `--url` it starts
`papagaio serve` for itself, and looks whether its processes are still the same afterwards.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import numpy as np

from bench.crash import Service
from speech.audio import FORMATS, HEADERLESS, Audio, to_bytes

SAMPLE_RATE = 24_000
SECONDS = 0.2  # shorter than a word, so that little is left to write down
LATE_S = 10.0
TIMEOUT_S = 120.0
HEAD = 512  # bytes in which a format says what it is
NOT_HEARD = "xx"
HUGE = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")
Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Answer:
    """`status` 0: the connection broke."""

    file: str
    kind: str
    status: int
    code: str
    seconds: float

    @property
    def is_crash(self) -> bool:
        return self.status == 0 or (self.status >= 500 and self.status not in (503, 507))

    @property
    def is_late(self) -> bool:
        return self.seconds > LATE_S


def sounds() -> dict[str, bytes]:
    """A short quiet tone, by the ending of the file: seven formats that we write, and AIFF."""
    import soundfile

    times = np.arange(round(SAMPLE_RATE * SECONDS)) / SAMPLE_RATE
    audio = Audio((0.05 * np.sin(2 * np.pi * 220 * times)).astype(np.float32), SAMPLE_RATE)
    made = {name: to_bytes(audio, name) for name in FORMATS if name not in HEADERLESS}
    file = io.BytesIO()
    soundfile.write(file, audio.samples, SAMPLE_RATE, format="AIFF")
    return {**made, "aiff": file.getvalue()}


def mutated(pick: random.Random, originals: Mapping[str, bytes], number: int) -> tuple[str, str, bytes]:
    """Name of the file, what was done to it, and its bytes; `number` chooses the format, in turn."""
    names = list(originals)
    name = names[number % len(names)]
    kind = pick.choice(list(MUTATIONS))
    others = [data for other, data in originals.items() if other != name]
    return f"{number:04}.{name}", kind, MUTATIONS[kind](pick, bytearray(originals[name]), others)


def _flipped(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    for _ in range(pick.choice((1, 3, 30, 300))):
        data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
    return bytes(data)


def _flipped_head(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    for _ in range(pick.choice((1, 2, 5))):
        data[pick.randrange(min(HEAD, len(data)))] = pick.randrange(256)
    return bytes(data)


def _cut(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    return bytes(data[: pick.randrange(len(data))])


def _gap(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    start, end = _span(pick, data)
    return bytes(data[:start] + data[end:])


def _zeroed(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    start, end = _span(pick, data)
    data[start:end] = bytes(end - start)
    return bytes(data)


def _doubled(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    start, end = _span(pick, data)
    return bytes(data[:end] + data[start:end] * pick.choice((1, 5, 50)) + data[end:])


def _huge(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    at = pick.randrange(max(1, min(HEAD, len(data)) - 4))
    data[at : at + 4] = pick.choice(HUGE)
    return bytes(data)


def _spliced(pick: random.Random, data: bytearray, others: Sequence[bytes]) -> bytes:
    other = pick.choice(others)
    return other[: pick.randrange(4, min(HEAD, len(other)))] + bytes(data[pick.choice((0, pick.randrange(HEAD))) :])


def _span(pick: random.Random, data: bytearray) -> tuple[int, int]:
    start = pick.randrange(len(data))
    return start, min(len(data), start + pick.randrange(1, 2048))


MUTATIONS: Mapping[str, Mutation] = {
    "flipped": _flipped,
    "flipped_head": _flipped_head,
    "cut": _cut,
    "gap": _gap,
    "zeroed": _zeroed,
    "doubled": _doubled,
    "huge": _huge,
    "spliced": _spliced,
}


def run(client: Any, count: int, seed: int, clients: int, language: str = NOT_HEARD) -> dict[str, Any]:
    """Send `count` of them, `clients` at a time, and count what came back; `client` posts as that of httpx does."""
    pick, originals = random.Random(seed), sounds()
    damaged = [mutated(pick, originals, number) for number in range(count)]
    with ThreadPoolExecutor(clients) as threads:
        answers = list(threads.map(lambda one: _asked(client, language, *one), damaged))
    return {
        "uploads": count,
        "seed": seed,
        "crashes": [f"{one.file} {one.kind}: {one.status} {one.code}" for one in answers if one.is_crash],
        "late": [f"{one.file} {one.kind}: {one.seconds:.1f} s" for one in answers if one.is_late],
        "statuses": _counted(f"{one.status} {one.code}".strip() for one in answers),
        "kinds": _counted(one.kind for one in answers),
        "longest_s": round(max(one.seconds for one in answers), 2),
    }


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _asked(client: Any, language: str, name: str, kind: str, data: bytes) -> Answer:
    """One upload; the code is the problem's, where it is refused."""
    started = time.perf_counter()
    fields = {"model": "whisper-1", "language": language}
    try:
        answer = client.post("/v1/audio/transcriptions", files={"file": (name, data)}, data=fields)
    except Exception as error:  # the connection broke, or nothing came
        return Answer(name, kind, 0, type(error).__name__, time.perf_counter() - started)
    code = answer.json()["error"]["code"] if answer.status_code >= 400 else ""
    return Answer(name, kind, answer.status_code, code, time.perf_counter() - started)


def _processes(client: httpx2.Client) -> list[int]:
    return [host["pid"] for host in client.get("/health/engines").json()["hosts"]]


def _measured(url: str, count: int, seed: int, clients: int, language: str) -> dict[str, Any]:
    with httpx2.Client(base_url=url, timeout=TIMEOUT_S) as client:
        _asked(client, "en", "first.wav", "", sounds()["wav"])  # brings the engine that listens
        before = _processes(client)
        figures = run(client, count, seed, clients, language)
        alive = client.get("/health/live").status_code == 200
        return {**figures, "answers_afterwards": alive, "same_processes": _processes(client) == before}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--hear", action="store_true")
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    asked = (options.count, options.seed, options.clients, "en" if options.hear else NOT_HEARD)
    if options.url:
        figures = _measured(options.url, *asked)
    else:
        with TemporaryDirectory() as folder:
            more = {"REQUESTS_PER_MINUTE": "0", "WORKERS": "1"}
            service = Service(Path(folder), "silence", **more)
            try:
                figures = _measured(f"http://127.0.0.1:{service.port}", *asked)
            finally:
                service.process.terminate()
                service.process.wait()
    print(json.dumps(figures, ensure_ascii=False, indent=2))
    if figures["crashes"] or figures["late"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
