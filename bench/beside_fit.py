"""How much slower the service speaks while it fits a voice: the same request in turn, the fit stopped and going on.

`./run bench beside_fit [--speaker carlo_it] [--runs 6]` starts `papagaio serve`, has a recording taken in, begins a fit
and lets it reach its steps. Then its process is stopped (SIGSTOP), the paragraph spoken over `/v1/audio/speech`, the
process continued, the paragraph spoken again: the ratio is taken pair by pair. The fit is cancelled at the end.
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from app.worker import NICENESS
from bench.crash import Service
from bench.intake import recording
from bench.prompts import SPEAKERS, prompts
from bench.record import write
from bench.speed import TEXTS, VOICE
from speech.audio import save

LEASE_S = "600"  # a process that is stopped for a while has not died
LEARNING = 9.0  # percent: alignment and prosody are done, the fit takes its steps
MOST_S = 900  # until it is there


class Studio:
    """A service that fits a voice, and speaks."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder, "kokoro", LEASE_S=LEASE_S)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.service.port}", timeout=300)
        self.job_id = ""

    def begin(self, folder: Path, speaker: str) -> None:
        """Returns when the fit is at its steps."""
        path = folder / "recording.wav"
        save(recording([audio for audio, _ in prompts(speaker).reference]), path)
        asked = {"language": SPEAKERS[speaker].language}
        intake = self._started("/voices/intake", data=asked, files={"file": path.open("rb")})
        self._wait(intake, 100.0, ("completed",))
        fit = {"intake_job_id": intake, "name": "Beside", "consent": True, "consent_statement": "For a benchmark."}
        self.job_id = self._started("/voices/fit", json=fit)
        self._wait(self.job_id, LEARNING, ("processing",))
        self.fitting = next(pid for pid in self.service.workers() if os.getpriority(os.PRIO_PROCESS, pid) == NICENESS)

    def speak_s(self) -> float:
        """Seconds of the whole request."""
        started = time.perf_counter()
        ask = {"model": "kokoro", "voice": VOICE, "input": TEXTS["a paragraph"], "response_format": "pcm"}
        self.client.post("/v1/audio/speech", json=ask).raise_for_status()
        return time.perf_counter() - started

    def pair(self) -> tuple[float, float]:
        """Seconds without and beside the fit."""
        os.kill(self.fitting, signal.SIGSTOP)
        try:
            alone_s = self.speak_s()
        finally:
            os.kill(self.fitting, signal.SIGCONT)
        return alone_s, self.speak_s()

    def close(self) -> None:
        if self.job_id:
            self.client.delete(f"/jobs/{self.job_id}")
        self.service.process.terminate()
        self.service.process.wait()

    def _started(self, path: str, **body: Any) -> str:
        response = self.client.post(path, **body)
        response.raise_for_status()
        return str(response.json()["id"])

    def _wait(self, job_id: str, progress: float, statuses: tuple[str, ...]) -> None:
        deadline = time.monotonic() + MOST_S
        while time.monotonic() < deadline:
            job = self.client.get(f"/jobs/{job_id}").json()
            if job["status"] in ("failed", "cancelled"):
                raise RuntimeError(job)
            if job["progress"] >= progress and job["status"] in statuses:
                return
            time.sleep(0.5)
        raise TimeoutError(job_id)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speaker", default="carlo_it", choices=list(SPEAKERS))
    parser.add_argument("--runs", type=int, default=6)
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        try:
            studio.begin(Path(folder), asked.speaker)
            studio.speak_s()  # warms up
            pairs = [studio.pair() for _ in range(asked.runs)]
            is_fitting = studio.client.get(f"/jobs/{studio.job_id}").json()["status"] == "processing"
        finally:
            studio.close()
    figures = {
        "alone_s": median(alone for alone, _ in pairs),
        "beside_s": median(beside for _, beside in pairs),
        "ratio": median(beside / alone for alone, beside in pairs),
    }
    print(f"{figures['alone_s']:.1f} s alone, {figures['beside_s']:.1f} s beside a fit, ratio {figures['ratio']:.2f}")
    print("written:", write("beside_fit", {"runs": asked.runs, "speaker": asked.speaker, **figures}))
    return int(not is_fitting)


if __name__ == "__main__":
    raise SystemExit(main())
