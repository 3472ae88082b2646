"""Our F5-TTS and f5-tts side by side on the same weights: `./run bench f5 --python PYTHON [--size full] [--rounds 3]`.

`--python` is of the environment that `./run parity f5` makes. One sentence after a reference of one second, 8 steps, in
one thread; processor seconds, so that a busy machine does not decide. Each side is loaded in a process of its own, and
rounds of both alternate.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.f5_reference import CASES, SENTENCES, frames_of
from bench.f5_weights import Size, write_checkpoint
from bench.parity_f5 import Ours, run_reference
from bench.record import write
from speech.engines.f5.flow import FlowOptions, generate

WANTED = 1.2  # times as fast


def of_ours(folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds to load, of each round, and the most memory; of this process."""
    torch.set_num_threads(1)
    before = time.perf_counter()
    ours = Ours(folder)
    load_s = time.perf_counter() - before
    passage, options = ours.passage(SENTENCES[2]), FlowOptions(*CASES[0])
    ours.samples(np.asarray(generate(ours.network, [passage], FlowOptions(5))[0]))
    times = []
    for _ in range(rounds):
        before = time.process_time()
        ours.samples(np.asarray(generate(ours.network, [passage], options)[0]))
        times.append(time.process_time() - before)
    return {"load_s": load_s, "times": times, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="of the environment with f5-tts")
    parser.add_argument("--size", choices=("tiny", "full"), default="full")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--worker", type=Path, help="a folder: time ours alone and print it")
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps(of_ours(asked.worker, asked.rounds)))
        return
    size: Size = asked.size
    sides: dict[str, list[dict[str, Any]]] = {"ours": [], "f5-tts": []}
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_checkpoint(Path(temporary), size)
        for _ in range(asked.rounds):
            command = [sys.executable, "-m", "bench.f5", "--worker", str(folder), "--rounds", "1"]
            sides["ours"].append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
            found = run_reference(asked.python, folder, "--size", size, "--cases", "0", "--rounds", "1")
            sides["f5-tts"].append({name: values.tolist() for name, values in found.items()})
    figures: dict[str, Any] = {
        name: {
            "cpu_s": round(statistics.median(one["times"][0] for one in made), 2),
            "load_s": round(statistics.median(one["load_s"] for one in made), 2),
            "memory_mb": max(one["memory_mb"] for one in made),
        }
        for name, made in sides.items()
    }
    audio_s = (frames_of(SENTENCES[2]) - frames_of("")) * 256 / 24000
    faster = round(figures["f5-tts"]["cpu_s"] / figures["ours"]["cpu_s"], 2)
    figures |= {
        "size": size,
        "steps": CASES[0][0],
        "audio_s": round(audio_s, 2),
        "times_as_fast": faster,
        "wanted": WANTED,
    }
    print(json.dumps(figures, indent=2))
    write("f5", figures)


if __name__ == "__main__":
    main()
