"""Workers, Redis and the disk fail while jobs run: none may be lost, none finished twice.

`python -m bench.faults [--jobs 200] [--kills 30] [--seed 1]` starts a real Valkey and a real PostgreSQL on loopback
(`bench/servers.py`), and in each of the four pairings of driver and database kills (-9) workers at random moments:
those that a service keeps, whose death it sees, and bare ones, whose jobs come back when their lease ends. Then Redis
is killed and comes back empty, and the disk is full.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select

from app.jobs.celery_driver import CeleryDriver
from app.jobs.context import JobContext
from app.jobs.embedded import EmbeddedDriver
from app.jobs.kinds import Kind
from app.jobs.store import JobPolicy, JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import job_events, jobs
from bench.record import write
from bench.servers import Postgresql, Valkey

PAIRINGS = [(driver, database) for driver in ("embedded", "celery") for database in ("sqlite", "postgresql")]
DRIVERS = {"embedded": EmbeddedDriver, "celery": CeleryDriver}
TASKS = "bench.faults:tasks"
LEASE_S, ALLOWED_S, JOB_S = 2.0, 2.0, 1.0
KEPT, BARE, SLOTS = 2, 2, 3
WORK = Kind("work", "cpu")
LONGEST_S = 600.0


def tasks(settings: Settings, synthesizer: object) -> dict[str, Callable[[JobContext, Mapping[str, Any]], Any]]:
    return {WORK.name: work}


def work(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Writes its number over `seconds`; a half-written one must never be found."""
    temporary = context.temporary(".txt")
    for step in range(4):
        with temporary.open("a") as file:
            file.write(f"{params['number']}\n")
        time.sleep(params["seconds"] / 4)
        context.progress(step + 1, 4)
    return {"file": context.publish(temporary, "result.txt").name}


def bare_worker(settings: dict[str, Any], worker_id: str) -> None:
    """A worker that nobody watches."""
    from app.jobs.celery_driver import serve_queue
    from app.tasks import synthesizer_of
    from app.worker import create_worker

    options = Settings(**settings)
    worker = create_worker(options, worker_id, synthesizer_of(options), TASKS)
    if options.jobs == "celery":
        serve_queue(options, worker, worker_id, "cpu", slots=options.slots, once=False)
    worker.run()


class Studio:
    """A data folder, a service's driver with workers of its own, and bare workers beside it."""

    def __init__(self, folder: Path, driver: str, url: str | None, redis: str, bare: int = BARE) -> None:
        values: dict[str, Any] = {"workers": KEPT, "slots": SLOTS, "train_workers": 0, "allow_install": False}
        values |= {"data_dir": folder, "lease_s": LEASE_S, "jobs": driver, "redis_url": redis, "database_url": url}
        self.settings = Settings(**values)
        self.database = Database(self.settings.url)
        self.database.migrate()
        self.files = Files(folder / "jobs")
        self.driver = DRIVERS[driver](self.settings, self.database, self.files, tasks_path=TASKS)
        self.store = JobStore(self.database, JobPolicy(99, 86400), publish=self.driver.publish)
        self.bare: dict[str, SpawnProcess] = {}
        self.driver.start()
        for _ in range(bare):
            self.start_bare()

    def start_bare(self) -> None:
        worker_id = f"bare_{random.randbytes(4).hex()}"
        arguments = (self.settings.model_dump(mode="json"), worker_id)
        process = multiprocessing.get_context("spawn").Process(target=bare_worker, args=arguments, daemon=True)
        process.start()
        self.bare[worker_id] = process

    def add(self, number: int, seconds: float) -> str:
        return self.store.add(WORK, {"number": number, "seconds": seconds}).id

    def alive(self) -> dict[str, int]:
        """Process id by worker_id."""
        bare = {name: process.pid for name, process in self.bare.items() if process.pid}
        return {**self.driver.processes("cpu"), **bare}

    def running(self) -> dict[str, list[str]]:
        """Ids of running jobs by worker_id."""
        found: dict[str, list[str]] = {}
        with self.database.read() as connection:
            for row in connection.execute(select(jobs.c.id, jobs.c.worker_id).where(jobs.c.status == "processing")):
                found.setdefault(row.worker_id, []).append(row.id)
        return found

    def kill(self, worker_id: str) -> None:
        os.kill(self.alive()[worker_id], signal.SIGKILL)
        if worker_id in self.bare:
            self.bare.pop(worker_id).join()
            self.start_bare()

    def left(self) -> int:
        counts = self.store.counts()
        return counts["pending"] + counts["processing"]

    def close(self) -> None:
        for process in self.bare.values():
            process.kill()
            process.join()
        self.driver.stop()
        self.database.close()


def until(holds: Callable[[], bool], timeout_s: float = LONGEST_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(holds)
        time.sleep(0.05)


def kill_workers(studio: Studio, count: int, kills: int, pick: random.Random) -> dict[str, Any]:
    """Some jobs at a time, and a kill of one of the workers that run them, while another is known to work; the next
    come when those are done, so that no job waits for its turn and the time to its next start is the recovery."""
    killed: list[tuple[float, str, list[str]]] = []
    ids: list[str] = []
    seen: set[str] = set()

    def prey() -> dict[str, list[str]]:
        running, alive = studio.running(), set(studio.alive())
        seen.update(running)
        return {name: found for name, found in running.items() if name in alive and seen & alive - {name}}

    while len(killed) < kills:
        wanted = min(round(count * (len(killed) + 1) / kills), count) - len(ids)
        ids += [studio.add(len(ids), JOB_S) for _ in range(max(1, wanted))]
        until(lambda: bool(prey()) or studio.left() == 0)
        time.sleep(pick.uniform(0.0, JOB_S / 2))
        if choices := prey():
            name = pick.choice(sorted(choices))
            killed.append((time.time(), name, choices[name]))
            studio.kill(name)
        until(lambda: studio.left() == 0)
    return {"kills": len(killed), **outcome(studio, ids), **recovery(studio, killed)}


def outcome(studio: Studio, ids: list[str]) -> dict[str, Any]:
    """What the table, the event log and the folders say of each job."""
    with studio.database.read() as connection:
        kinds = connection.execute(select(job_events.c.job_id, job_events.c.kind)).all()
        status = {row.id: row.status for row in connection.execute(select(jobs.c.id, jobs.c.status))}
    completed = Counter(row.job_id for row in kinds if row.kind == "job.completed")
    results = {job_id: [path.read_text() for path in studio.files.path(job_id, "x").parent.glob("*")] for job_id in ids}
    whole = [len(found) == 1 and found[0].count("\n") == 4 for found in results.values()]
    return {
        "jobs": len(ids),
        "lost": sum(status.get(job_id) != "completed" for job_id in ids),
        "finished_twice": sum(completed[job_id] > 1 for job_id in ids),
        "half_files": len(ids) - sum(whole),
        "retried": sum(row.kind == "job.retried" for row in kinds),
    }


def recovery(studio: Studio, killed: list[tuple[float, str, list[str]]]) -> dict[str, Any]:
    """Seconds from a kill to the next start of each job that the worker ran."""
    with studio.database.read() as connection:
        started = select(job_events.c.job_id, job_events.c.created_at).where(job_events.c.kind == "job.started")
        starts = connection.execute(started).all()
    took: dict[str, list[float]] = {"kept": [], "bare": []}
    for at, name, job_ids in killed:
        for job_id in job_ids:
            later = [row.created_at - at for row in starts if row.job_id == job_id and row.created_at > at]
            if later:  # else it completed in the same moment
                took["bare" if name.startswith("bare_") else "kept"].append(min(later))
    return {f"recovery_{kind}_s": round(max(values), 2) if values else None for kind, values in took.items()}


def lose_redis(folder: Path, url: str | None, redis: Valkey, away_s: float, count: int) -> dict[str, Any]:
    """Jobs are added before, while Redis is gone, and after it came back empty."""
    studio = Studio(folder, "celery", url, redis.url, bare=0)
    try:
        ids = [studio.add(number, 0.2) for number in range(count)]
        until(lambda: studio.left() < count)
        redis.kill()
        took, end = [], time.monotonic() + away_s
        while time.monotonic() < end:
            start = time.monotonic()
            ids.append(studio.add(len(ids), 0.2))
            took.append(time.monotonic() - start)
            time.sleep(away_s / count)
        redis.start()
        start = time.monotonic()
        until(lambda: studio.left() == 0)
        drained = time.monotonic() - start
        return {**outcome(studio, ids), "slowest_post_s": round(max(took), 3), "drained_s": round(drained, 1)}
    finally:
        studio.close()


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path | None]:
    """A disk of its own, where this user may mount one."""
    with TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder]
        if os.getuid() or subprocess.run(command, capture_output=True).returncode:
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def fill_disk() -> dict[str, Any]:
    """What the service answers on a full disk, what it keeps of it, and whether it goes on by itself."""
    from fastapi.testclient import TestClient

    from app.main import create_app

    silence = {"silence": "speech.engines.silence:Silence"}
    with small_disk(8) as folder:
        if folder is None:
            return {"skipped": "mounting a disk needs root"}
        settings = Settings(
            data_dir=folder, workers=1, train_workers=0, extra_engines=silence, default_engine="silence"
        )
        body = {"text": "Bom dia. " * 20, "source_language": "pt-BR", "mode": "dubbing"}
        with TestClient(create_app(settings, supervised=True), base_url="http://localhost") as client:
            first = client.post("/jobs", json=body).json()["id"]
            until(lambda: client.get(f"/jobs/{first}").json()["status"] == "completed", 120)
            with (folder / "ballast").open("wb") as ballast:
                fill(ballast.fileno())
            accepted, refused = [first], Counter[str]()
            for _ in range(200):
                answer = client.post("/jobs", json=body)
                if answer.status_code == 202:
                    accepted.append(answer.json()["id"])
                else:
                    refused[f"{answer.status_code} {answer.json()['code']}"] += 1
            (folder / "ballast").unlink()
            accepted.append(client.post("/jobs", json=body).json()["id"])
            until(lambda: client.get("/admin/stats").json()["jobs"]["completed"] == len(accepted), 300)
            sizes = {len(client.get(f"/jobs/{job_id}/download").content) for job_id in accepted}
        return {"accepted": len(accepted), "refused": dict(refused), "sizes_of_results": len(sizes)}


def fill(descriptor: int) -> None:
    for size in (1 << 16, 1 << 12, 1):
        try:
            while True:
                os.write(descriptor, b"x" * size)
        except OSError:
            continue


def run(
    count: int,
    kills: int,
    seed: int,
    *,
    pairings: Sequence[tuple[str, str]] = PAIRINGS,
    away_s: float = 5.0,
    keep: Callable[[Mapping[str, Any]], object] = lambda figures: None,
) -> dict[str, Any]:
    """The figures of all; `keep` gets what there is after each pairing."""
    figures: dict[str, Any] = {"seed": seed, "lease_s": LEASE_S}
    with TemporaryDirectory(prefix="papagaio-") as base:
        os.chmod(base, 0o755)
        folder = Path(base)
        redis, postgresql = Valkey(folder), Postgresql(folder)
        try:
            for number, (driver, database) in enumerate(pairings):
                url = postgresql.create(f"faults_{number}") if database == "postgresql" else None
                studio = Studio(folder / f"{driver}-{database}", driver, url, redis.url)
                try:
                    row = kill_workers(studio, count, kills, random.Random(seed + number))
                finally:
                    studio.close()
                print(f"{driver} + {database}:", row, flush=True)
                figures[f"{driver}_{database}"] = row
                keep(figures)
            url = postgresql.create("faults_redis")
            figures["redis_lost"] = lose_redis(folder / "redis", url, redis, away_s, 20)
            print("Redis lost:", figures["redis_lost"], flush=True)
        finally:
            redis.kill()
            postgresql.stop()
    figures["disk_full"] = fill_disk()
    print("disk full:", figures["disk_full"], flush=True)
    return figures


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What was promised and did not hold."""
    found = []
    for name, row in figures.items():
        if not isinstance(row, dict) or "jobs" not in row:
            continue
        found += [f"{name}: {key} {row[key]}" for key in ("lost", "finished_twice", "half_files") if row[key]]
        slowest = max(row.get(f"recovery_{kind}_s") or 0.0 for kind in ("kept", "bare"))
        if slowest > LEASE_S + ALLOWED_S:
            found.append(f"{name}: recovery {slowest} s")
    full = figures["disk_full"]
    if "refused" in full and (set(full["refused"]) != {"507 storage_full"} or full["sizes_of_results"] != 1):
        found.append(f"disk_full: {full}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    figures = run(asked.jobs, asked.kills, asked.seed, keep=lambda figures: write("faults", figures))
    print("written:", write("faults", figures))
    for failure in failures(figures):
        print("FAILED", failure)
    return 1 if failures(figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
