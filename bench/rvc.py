"""How fast our RVC converts, beside infer-rvc-python on the same weights in one run: `./run bench rvc --python P`.

Both in a process of their own with one thread, full-sized random weights, v2 at 40 kHz, F0 by autocorrelation (`pm`),
with the index. Seconds are of the processor, so that what else runs on the machine counts less; the best of `ROUNDS`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.rvc_reference import Case, recording

ROOT = Path(__file__).parent.parent
SECONDS, ROUNDS = 4.0, 2
VOICE = "v2-40k"


def ours(folder: Path) -> dict[str, float]:
    import torch

    from speech.engines.f0.methods import estimator
    from speech.engines.rvc.contentvec import load_contentvec
    from speech.engines.rvc.conversion import Conversion, RvcOptions, RvcVoice
    from speech.engines.rvc.index import read_index
    from speech.engines.rvc.model_file import open_pth
    from speech.models import ModelStore

    torch.set_num_threads(1)
    started = time.process_time()
    content = load_contentvec(folder / "contentvec")
    voice = RvcVoice(open_pth(folder / f"{VOICE}.pth"), read_index(folder / "v2.index", 768))
    load_s = time.process_time() - started
    estimate = estimator("pm", ModelStore(folder))
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        Conversion(content, voice, estimate, RvcOptions()).whole(recording(SECONDS))
        spent.append(time.process_time() - started)
    return {"load_s": load_s, "convert_s": min(spent), **_memory()}


def theirs(folder: Path) -> dict[str, float]:
    import torch

    from bench.rvc_reference import Reference

    torch.set_num_threads(1)
    started = time.process_time()
    reference = Reference(folder)
    load_s = time.process_time() - started
    spent = []
    for number in range(ROUNDS):
        case = Case(VOICE, SECONDS, protect=0.33 + number * 1e-9)
        started = time.process_time()
        made = reference.converted(case)
        spent.append(time.process_time() - started - float(made["load_s"]))
        load_s += float(made["load_s"]) if not number else 0.0
    return {"load_s": load_s, "convert_s": min(spent), **_memory()}


def _memory() -> dict[str, float]:
    return {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def run(python: Path, worker: str, folder: Path) -> dict[str, float]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "bench.rvc", "--worker", worker, "--folder", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="of the environment with infer-rvc-python")
    parser.add_argument("--worker", choices=("ours", "theirs"))
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.worker:
        print(json.dumps((ours if asked.worker == "ours" else theirs)(asked.folder)))
        return
    from bench.record import write
    from bench.rvc_weights import features, write_contentvec, write_index, write_rmvpe, write_voice

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_contentvec(folder / "contentvec", "full")
        write_voice(folder / f"{VOICE}.pth", VOICE, "full")
        write_index(folder / "v2.index", features("v2"))
        write_rmvpe(folder / "rmvpe.pt", "tiny")
        found: dict[str, Any] = {
            "ours": run(Path(sys.executable), "ours", folder),
            "infer-rvc-python": run(asked.python, "theirs", folder),
        }
    found["times_as_fast"] = found["infer-rvc-python"]["convert_s"] / found["ours"]["convert_s"]
    print(json.dumps(found, indent=1))
    write("rvc", {"seconds_of_sound": SECONDS, "threads": 1, **found})


if __name__ == "__main__":
    main()
