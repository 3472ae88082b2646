"""A hundred jobs of the real service while it is killed: none may be lost, none done twice.

`python -m bench.crash [--seed N] [--engine silence]` starts `papagaio serve`, sends the jobs over HTTP, and kills (-9)
the service or its worker at thirty random moments, starting the service again each time it died.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request, urlopen

from app.settings import load_settings
from app.storage.database import Database
from app.storage.files import Files
from bench.record import write

JOBS, KILLS = 100, 30
SILENCE = '{"silence": "speech.engines.silence:Silence"}'


class Service:
    """`papagaio serve` on a folder and a port of its own, started again when it was killed; `more`: other settings."""

    def __init__(self, folder: Path, engine: str, **more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        own = {"DATA_DIR": str(folder), "PORT": str(self.port), "DEFAULT_ENGINE": engine, "EXTRA_ENGINES": SILENCE}
        own["MODELS_DIR"] = str(load_settings().models_path)
        settings = own | more
        self.environment = {**os.environ, **{f"PAPAGAIO_{key}": value for key, value in settings.items()}}
        self.log = (folder / "service.log").open("ab")
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "app.cli", "serve"]
        self.process = subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log)
        _until(self.answers, 60)

    def answers(self) -> bool:
        try:
            self.ask("/")
        except OSError:
            return False
        return True

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as response:
            return json.load(response)

    def workers(self) -> list[int]:
        """Process ids of the service's children that hold a task table (not multiprocessing's own helper)."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        children = [pid for thread in threads for pid in thread.read_text().split()]
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
        return [pid for pid, command in commands.items() if b"spawn_main" in command]

    def kill(self, pick: random.Random) -> str:
        """Kill the worker or, one time in three, the service, which is started again; which it was."""
        workers = self.workers()
        if workers and pick.random() < 2 / 3:
            os.kill(pick.choice(workers), signal.SIGKILL)
            return "worker"
        self.process.kill()
        self.process.wait()
        self.start()
        return "service"


def _until(holds: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(holds)
        time.sleep(0.05)


def run(folder: Path, engine: str, seed: int, most_s: float) -> dict[str, Any]:
    """Send, kill, wait, count."""
    pick = random.Random(seed)
    service = Service(folder, engine)
    ids = [
        service.ask("/jobs", {"text": f"Frase número {n}.", "source_language": "pt-BR", "mode": "dubbing"})["id"]
        for n in range(JOBS)
    ]
    killed: Counter[str] = Counter()
    for _ in range(KILLS):
        time.sleep(pick.uniform(0.2, most_s))
        killed[service.kill(pick)] += 1
    _until(lambda: service.ask("/admin/stats")["jobs"]["pending"] == 0, 600)
    _until(lambda: service.ask("/admin/stats")["jobs"]["processing"] == 0, 60)
    statuses = Counter(service.ask(f"/jobs/{job_id}")["status"] for job_id in ids)
    service.process.terminate()
    service.process.wait()
    return {
        "seed": seed,
        "most_s": most_s,
        "engine": engine,
        "killed": dict(killed),
        "statuses": dict(statuses),
        **_counts(folder, ids),
    }


def _counts(folder: Path, ids: list[str]) -> dict[str, Any]:
    """What the event log and the folders say of each job."""
    database, files = Database(f"sqlite:///{folder / 'papagaio.db'}"), Files(folder / "jobs")
    with database.read() as connection:
        rows = connection.exec_driver_sql("SELECT job_id, kind FROM job_events").fetchall()
    database.close()
    completed = Counter(job_id for job_id, kind in rows if kind == "job.completed")
    sounds = {job_id: len(list(files.path(job_id, "any").parent.glob("*"))) for job_id in ids}
    return {
        "retried": sum(kind == "job.retried" for _, kind in rows),
        "completed_once": sum(completed[job_id] == 1 for job_id in ids),
        "one_file": sum(count == 1 for count in sounds.values()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--most-s", type=float, default=6.0, help="seconds between two kills, at most")
    parser.add_argument("--engine", default="kokoro", choices=["kokoro", "silence"])
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        figures = run(Path(folder), asked.engine, asked.seed, asked.most_s)
    print(figures)
    print("written:", write("crash", figures))
    return 0 if figures["completed_once"] == figures["one_file"] == JOBS else 1


if __name__ == "__main__":
    raise SystemExit(main())
