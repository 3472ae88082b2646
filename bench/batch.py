"""How long a batch of short texts takes: twenty rows through `POST /jobs/batch` of a running service.

`python -m bench.batch [--texts 20] [--language pt-BR]` starts `papagaio serve` on a folder of its own with the embedded
engine, lets it load and speak once, sends the batch, and asks until it has ended. Seconds a job are those from its
start to its end as the service tells them; jobs a minute are counted from the request to the end of the last one.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from bench.crash import Service
from bench.record import write

SENTENCES = Path(__file__).with_name("sentences.json")
ENGINE = "kokoro"
TARGET_S = 10.0
LONGEST_S = 1800.0


def main() -> None:
    asked = _options()
    texts = _texts(asked.language, asked.texts)
    before = os.getloadavg()[0]
    with TemporaryDirectory(prefix="papagaio-") as name:
        service = Service(Path(name), ENGINE, WARM_ENGINES=json.dumps([ENGINE]), REQUESTS_PER_MINUTE="0")
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=60) as client:
                run(client, texts[:1], asked.language, ENGINE)  # loads the weights
                figures = run(client, texts, asked.language, ENGINE)
        finally:
            service.process.terminate()
            service.process.wait(30)
    load = {"before": round(before, 1), "after": round(os.getloadavg()[0], 1)}
    figures = {"engine": ENGINE, "language": asked.language, "load_average": load, **figures}
    print(json.dumps(figures, indent=2))
    print("written:", write("batch", figures))


def run(client: httpx2.Client, texts: Sequence[str], language: str, engine: str) -> dict[str, Any]:
    """One batch from the request to the end of its last job. Raises RuntimeError where a job has no sound."""
    began = time.perf_counter()
    sent = {"texts": list(texts), "language": language, "engine": engine}
    batch = client.post("/jobs/batch", json=sent).raise_for_status().json()
    while not batch["is_ended"]:
        if time.perf_counter() - began > LONGEST_S:
            raise RuntimeError(f"not ended: {batch['counts']}")
        time.sleep(0.1)
        batch = client.get(f"/jobs/batch/{batch['id']}").raise_for_status().json()
    whole_s = time.perf_counter() - began
    if batch["counts"]["completed"] != len(texts):
        raise RuntimeError(f"not all spoken: {batch['counts']}")
    jobs = [client.get(f"/jobs/{item['job_id']}").raise_for_status().json() for item in batch["items"]]
    return summary(jobs, whole_s)


def summary(jobs: Sequence[dict[str, Any]], whole_s: float) -> dict[str, Any]:
    """Of finished jobs. `job_s`: start to end, which overlap where several run at once; `waited_s`: before that."""
    taken = sorted(_seconds(job, "started_at", "completed_at") for job in jobs)
    waited = sorted(_seconds(job, "created_at", "started_at") for job in jobs)
    sound_s = sum(job["duration"] for job in jobs)
    return {
        "jobs": len(jobs),
        "characters": sum(len(job["text"]) for job in jobs),
        "whole_s": round(whole_s, 2),
        "jobs_per_minute": round(60 * len(jobs) / whole_s, 1),
        "whole_s_per_job": round(whole_s / len(jobs), 2),
        "job_s": {"median": round(median(taken), 2), "longest": round(taken[-1], 2)},
        "waited_s": {"median": round(median(waited), 2), "longest": round(waited[-1], 2)},
        "sound_s": round(sound_s, 1),
        "real_time_factor": {
            "whole": round(whole_s / sound_s, 3),
            "job_median": round(median(job["real_time_factor"] for job in jobs), 3),
        },
        "target_s": TARGET_S,
        "jobs_within_target": sum(one <= TARGET_S for one in taken),
    }


def _seconds(job: dict[str, Any], start: str, end: str) -> float:
    return (datetime.fromisoformat(job[end]) - datetime.fromisoformat(job[start])).total_seconds()


def _texts(language: str, count: int) -> list[str]:
    held = json.loads(SENTENCES.read_text(encoding="utf-8"))[language]
    texts = [*held["plain"], *(written for written, _ in held["numbers"])]
    return [texts[number % len(texts)] for number in range(count)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--language", default="pt-BR", choices=("pt-BR", "en-US"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
