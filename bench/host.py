"""What one engine host saves, and what its hop costs.

`./run bench host [--xtts FOLDER]`: a stream and a job of one Kokoro voice at once, and what all processes of the
service hold then (proportional set size); the time to the first sound through the host against the same engine in this
process, in turn; four streams beside four jobs of Kokoro: each stream's first sound and how often it ran dry, and the
jobs' seconds of sound a second, beside them and alone (`--only beside` prints that part alone). With a folder of XTTS
weights (`python -m bench.xtts_weights FOLDER`, full size): eight jobs through the service one after the other, then at
once.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from app.host.client import HostAddress, HostedSynthesizer
from app.host.memory import proportional_bytes
from app.host.server import serving, unix_socket
from app.settings import load_settings
from app.tasks import options_of, synthesizer_of
from bench.api_load import streams
from bench.crash import Service
from bench.record import write
from bench.speed import TEXTS, VOICE
from speech.synthesis import Synthesizer

SILENCE = {"silence": "speech.engines.silence:Silence"}
JOBS = 8
BESIDE = 4  # streams, and jobs
TEXT = "The library on the corner opens early and closes after dinner."


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for thread in threads for child in thread.read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


@contextmanager
def studio(folder: Path, engine: str, **more: str) -> Iterator[tuple[Service, httpx2.Client]]:
    folder.mkdir(parents=True, exist_ok=True)
    service = Service(folder, engine, **more)
    with httpx2.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=1800) as client:
        try:
            yield service, client
        finally:
            service.process.terminate()
            service.process.wait(30)


def memory_mb(folder: Path) -> dict[str, Any]:
    """While a stream and a job of one voice are under way."""
    with studio(folder, "kokoro") as (service, client):
        text = " ".join([TEXTS["a paragraph"]] * 3)
        asked = {"text": text, "source_language": "en-US", "mode": "dubbing", "voice_id": VOICE, "tts_engine": "kokoro"}
        body = {"model": "kokoro", "voice": VOICE, "input": text, "response_format": "pcm"}
        job = client.post("/jobs", json=asked).raise_for_status().json()["id"]
        with client.stream("POST", "/v1/audio/speech", json=body) as response:
            for number, _ in enumerate(response.iter_raw()):
                if number == 3:
                    break
            held = {pid: proportional_bytes(pid) or 0 for pid in family(service.process.pid)}
        client.get(f"/jobs/{job}/download", params={"timeout": 600}).raise_for_status()
        hosts = client.get("/health/engines").json()["hosts"]
    return {
        "all_mb": round(sum(held.values()) / 1e6),
        "web_mb": round(held[service.process.pid] / 1e6),
        "hosts": len(hosts),
    }


def hop_ms(folder: Path, runs: int = 60) -> dict[str, Any]:
    """To the first chunk of silence: here, and through a host on a Unix socket, in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = load_settings(data_dir=folder, extra_engines=SILENCE, default_engine="silence")
    with closing(synthesizer_of(settings)) as local, unix_socket(folder / "s") as listening, serving(local, listening):
        address = HostAddress(socket_path=str(folder / "s"))
        with closing(HostedSynthesizer(options_of(settings), [address])) as hosted:
            pairs = [(first_ms(local), first_ms(hosted)) for _ in range(runs + 5)][5:]
    here, through = (median(times) for times in zip(*pairs))
    return {"here_ms": round(here, 2), "through_ms": round(through, 2), "hop_ms": round(through - here, 2)}


def first_ms(synthesizer: Synthesizer) -> float:
    plan = synthesizer.plan("Bom dia. Tudo bem?", engine="silence", language="pt-BR", voice="silence_female")
    started = time.perf_counter()
    chunks = synthesizer.speak(plan)
    next(chunks)
    taken = 1000 * (time.perf_counter() - started)
    chunks.close()
    return taken


def beside(folder: Path) -> dict[str, Any]:
    """BESIDE jobs alone, then as many streams that begin while as many jobs are under way."""
    with studio(folder, "kokoro", REQUESTS_PER_MINUTE="0") as (service, client):
        streams(service.port, 1)  # loaded
        alone = throughput(client)
        found: dict[str, float] = {}
        working = threading.Thread(target=lambda: found.update(throughput(client)))
        working.start()
        heard = streams(service.port, BESIDE)
        working.join()
    return {"load_average": os.getloadavg()[0], **heard, "jobs_beside": found, "jobs_alone": alone}


def throughput(client: httpx2.Client) -> dict[str, float]:
    """Of BESIDE jobs that are given at once: seconds of sound that they made a second."""
    text = TEXTS["a paragraph"]
    asked = {"text": text, "source_language": "en-US", "mode": "dubbing", "voice_id": VOICE, "tts_engine": "kokoro"}
    started = time.perf_counter()
    jobs = [client.post("/jobs", json=asked).raise_for_status().json()["id"] for _ in range(BESIDE)]
    for job in jobs:
        client.get(f"/jobs/{job}/download", params={"timeout": 600}).raise_for_status()
    taken_s = time.perf_counter() - started
    sound_s = sum(client.get(f"/jobs/{job}").json()["duration"] for job in jobs)
    return {"seconds": round(taken_s, 1), "sound_s": round(sound_s, 1), "sound_a_second": round(sound_s / taken_s, 2)}


def batch_s(folder: Path, weights: Path) -> dict[str, Any]:
    """Seconds of eight XTTS jobs one after the other, and at once."""
    with studio(folder, "xtts", XTTS_DIR=str(weights), DEVICE="cpu", WARM_ENGINES='["xtts"]') as (_, client):
        client.get(spoken(client, [1])[0], params={"timeout": 600}).raise_for_status()  # loaded, packed
        alone = sum(taken(client, [seed]) for seed in range(JOBS))
        together = taken(client, range(JOBS))
    return {"jobs": JOBS, "one_by_one_s": round(alone, 1), "at_once_s": round(together, 1)}


def spoken(client: httpx2.Client, seeds: Sequence[int]) -> list[str]:
    asked = {"text": TEXT, "source_language": "en", "mode": "dubbing", "tts_engine": "xtts"}
    jobs = [client.post("/jobs", json={**asked, "seed": seed}).raise_for_status().json()["id"] for seed in seeds]
    return [f"/jobs/{job}/download" for job in jobs]


def taken(client: httpx2.Client, seeds: Sequence[int]) -> float:
    started = time.perf_counter()
    waiting = [
        threading.Thread(target=client.get, args=(path,), kwargs={"params": {"timeout": 600}})
        for path in spoken(client, seeds)
    ]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--xtts", type=Path, help="folder of weights in the hub's layout")
    parser.add_argument("--only", choices=["beside"], help="one part, whose figures are printed and not kept")
    asked = parser.parse_args()
    os.environ.setdefault("PAPAGAIO_MODELS_DIR", str(load_settings().models_path))
    with TemporaryDirectory(prefix="papagaio-") as name:
        folder = Path(name)
        if asked.only:
            print(beside(folder / "beside"))
            return
        figures: dict[str, Any] = {"memory": memory_mb(folder / "kokoro"), "hop": hop_ms(folder / "hop")}
        figures["beside"] = beside(folder / "beside")
        if asked.xtts:
            figures["xtts"] = batch_s(folder / "xtts", asked.xtts)
    print(figures)
    print("written:", write("host", figures))


if __name__ == "__main__":
    main()
