"""Whether the service grows: thousands of small jobs one after the other, and what its processes hold in between.

    python -m bench.soak [--jobs 3000]

Jobs are added and waited for in hundreds over HTTP, spoken by the engine of silence, downloaded and deleted. Memory is
in shares (PSS) and descriptors are counted over all processes of the service, after each thousand.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from app.host.memory import proportional_bytes
from bench.api_load import JOB
from bench.crash import Service
from bench.host import family
from bench.record import write

TOGETHER, EVERY = 100, 1000
SETTLED_S = 3.0


def held(service: Service) -> dict[str, float]:
    """Of all processes of the service, once they rest."""
    time.sleep(SETTLED_S)
    pids = family(service.process.pid)
    descriptors = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
    memory = sum(proportional_bytes(pid) or 0 for pid in pids)
    return {"processes": len(pids), "memory_mb": round(memory / 1e6, 2), "descriptors": descriptors}


def do_jobs(client: httpx2.Client, count: int) -> None:
    """Add, wait for, download and delete so many. Raises AssertionError where one did not come to its end."""
    jobs = [client.post("/jobs", json=JOB).raise_for_status().json()["id"] for _ in range(count)]
    for job in jobs:
        sound = client.get(f"/jobs/{job}/download", params={"timeout": 120}).raise_for_status().content
        assert sound[:4] == b"RIFF", job
    for job in jobs:
        client.delete(f"/jobs/{job}").raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=3000)
    asked = parser.parse_args()
    figures: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="papagaio-") as name:
        service = Service(Path(name), "silence", REQUESTS_PER_MINUTE="0", WORKERS="1")
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=180) as client:
                do_jobs(client, TOGETHER)  # what is made once is made
                figures.append({"jobs": 0, **held(service)})
                for done in range(TOGETHER, asked.jobs + 1, TOGETHER):
                    do_jobs(client, TOGETHER)
                    if done % EVERY == 0:
                        figures.append({"jobs": done, **held(service)})
                        print(json.dumps(figures[-1]), flush=True)
        finally:
            service.process.terminate()
            service.process.wait()
    first, last = figures[0], figures[-1]
    growth = 1000 * (last["memory_mb"] - first["memory_mb"]) / max(1, last["jobs"])
    found = {"growth_mb_per_thousand": round(growth, 2), "more_descriptors": last["descriptors"] - first["descriptors"]}
    print(json.dumps(found))
    write("soak", {"held": figures, **found})


if __name__ == "__main__":
    main()
