"""XTTS-v2 against coqui-tts: load, stream, first chunk, eight requests at once and memory, at full size.

`python -m bench.xtts --reference-python .venv-parity/bin/python`. Both sides speak the same seeded random weights
(`bench/xtts_weights.py`), the same text, the same number of tokens, in processes of their own, one after another,
`--rounds` times. Beside the ratios stands what the machine allows at best: every token reads all weights of the GPT,
and the vocoder has its arithmetic; bandwidth and arithmetic are measured here in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.record import write

SIDES = ("coqui", "fp32", "int8")
AIMS = {
    ("load", "fp32"): 15.0,
    ("stream", "fp32"): 1.5,
    ("stream", "int8"): 3.0,
    ("first chunk", "fp32"): 3.0,
    ("first chunk", "int8"): 3.0,
    ("8 at once", "fp32"): 2.0,
    ("8 at once", "int8"): 5.0,
    ("memory", "fp32"): 1 / 0.6,
}
READ: Mapping[str, Callable[[Mapping[str, Any]], float]] = {
    "load": lambda one: one["load"]["total_s"],
    "stream": lambda one: one["stream"]["total_s"] / one["stream"]["audio_s"],
    "first chunk": lambda one: one["stream"]["first_s"],
    "8 at once": lambda one: one["together"]["total_s"] / one["together"]["audio_s"],
    "memory": lambda one: one["peak_mb"],
}


def side(name: str, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Figures of one side, from a process of its own."""
    python = str(asked.reference_python) if name == "coqui" else sys.executable
    command = [python, "-m", "bench.xtts_worker", name, str(folder), "--threads", str(asked.threads)]
    command += ["--tokens", str(asked.tokens), "--shared-tokens", str(asked.shared_tokens)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def ceilings(folder: Path, threads: int) -> dict[str, float]:
    """Bytes a second that reading gets, multiplications a second, and what a token and a second of sound need."""
    import torch

    from speech.engines.packed_linear import Float32
    from speech.engines.xtts.checkpoint import open_checkpoint
    from speech.engines.xtts.vocoder import BLOCK, HOP, RATES, load_vocoder

    torch.set_num_threads(threads)
    checkpoint = open_checkpoint(folder)
    block = [w for name, w in checkpoint.weights.items() if name.startswith("gpt.gpt.h.") and w.ndim == 2]
    read = torch.ones(1 << 28)
    gigabytes = max(read.nbytes / _seconds(read.sum) for _ in range(3)) / 1e9
    x, matrix = torch.ones(1024, 4096), Float32(torch.ones(4096, 4096), torch.zeros(4096))  # by oneDNN, as ours
    products = max(x.numel() * 4096 / _seconds(lambda: matrix(x)) for _ in range(5)) / 1e9
    vocoder, rows, multiplications = load_vocoder(checkpoint.config, checkpoint.weights), 1, 0
    multiplications += vocoder.pre.count
    for i, (up, rate) in enumerate(zip(vocoder.ups, RATES)):
        multiplications += rows * up.count
        rows *= rate
        stacks = vocoder.resblocks[3 * i : 3 * i + 3]
        multiplications += rows * sum(conv.count for stack in stacks for pair in stack for conv in pair)
    multiplications += rows * vocoder.post.count
    return {
        "read_gb_s": gigabytes,
        "billion_products_s": products,
        "gpt_weights_millions": sum(w.numel() for w in block) / 1e6,
        "vocoder_billion_products_audio_s": multiplications * 24000 / HOP / 1e9,
        "vocoder_block": BLOCK,
    }


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def limits(found: Mapping[str, float]) -> dict[str, float]:
    """Least seconds a second of sound: a token is 1024 / 22050 s, int8 weights are a quarter of the bytes."""
    vocoder = found["vocoder_billion_products_audio_s"] / found["billion_products_s"]
    gpt = found["gpt_weights_millions"] * 4e6 / (found["read_gb_s"] * 1e9) * 22050 / 1024
    return {"fp32": gpt + vocoder, "int8": gpt / 4 + vocoder, "vocoder": vocoder, "gpt fp32": gpt, "gpt int8": gpt / 4}


def table(rounds: list[Mapping[str, Mapping[str, Any]]], least: Mapping[str, float]) -> str:
    """Markdown: medians, and ratios taken round by round."""
    lines = [
        "| | coqui-tts | ours fp32 | ours int8 | fp32: times (aim) | int8: times (aim) |",
        "|---|---|---|---|---|---|",
    ]
    units = {"load": "s", "stream": "s a second", "first chunk": "s", "8 at once": "s a second", "memory": "MB"}
    for what, read in READ.items():
        medians = [f"{median(read(one[name]) for one in rounds):.3g}" for name in SIDES]
        ratios = []
        for name in SIDES[1:]:
            aim = AIMS.get((what, name))
            ratio = median(read(one["coqui"]) / read(one[name]) for one in rounds)
            ratios.append(f"**{ratio:.2f}**" + (f" ({aim:.3g})" if aim else ""))
        lines.append("| " + " | ".join([f"{what}, {units[what]}", *medians, *ratios]) + " |")
    lines.append(f"| least a stream may take, s a second | | {least['fp32']:.2f} | {least['int8']:.2f} | | |")
    return "\n".join(lines)


def main() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "papagaio" / "xtts-bench" / "full"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference-python", type=Path, default=Path(".venv-parity/bin/python"))
    parser.add_argument("--folder", type=Path, default=cache, help="a checkpoint; a random one is written there")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--shared-tokens", type=int, default=60, help="of each of the eight requests")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args()
    if not (asked.folder / "config.json").exists():
        from bench.xtts_weights import write_checkpoint

        write_checkpoint(asked.folder, "full")
    found = ceilings(asked.folder, asked.threads)
    rounds: list[Mapping[str, Mapping[str, Any]]] = []
    for number in range(asked.rounds):
        rounds.append({name: side(name, asked.folder, asked) for name in SIDES})
        print(f"round {number + 1}", json.dumps(rounds[-1]), flush=True)
    least = limits(found)
    print(table(rounds, least))
    conditions = {"threads": asked.threads, "tokens": asked.tokens, "shared_tokens": asked.shared_tokens}
    write("xtts", {"conditions": conditions, "machine_limits": found, "least_s_a_second": least, "rounds": rounds})


if __name__ == "__main__":
    main()
