"""Our F5-TTS against f5-tts on the same seeded weights: `./run parity f5 [--size tiny|full|both] [--golden]`.

The reference runs in an environment of its own (`--python`). `--golden` writes what it makes of the tiny weights to
`tests/speech/golden/f5`, which `./run test` compares with. The full size takes minutes a sentence on a processor, so it
is compared on one sentence.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.f5_reference import BATCH, CASES, REFERENCE_TEXT, SENTENCES, frames_of, recording
from bench.f5_weights import Size, write_checkpoint
from bench.parity_xtts import Finding
from bench.record import write
from speech.engines.f5.checkpoint import load_network, load_vocos, open_checkpoint
from speech.engines.f5.config import F5Config
from speech.engines.f5.flow import FlowOptions, Passage, generate
from speech.engines.f5.network import F5Network
from speech.engines.f5.spectrum import log_mel
from speech.engines.f5.text import spelled

Arrays = dict[str, NDArray[Any]]
ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/speech/golden/f5/f5.npz"
FULL_CASES = (0, 1)
# Largest difference that is allowed, by the first word of a name; anything else must be equal.
WANTED = {"mel": 1e-4, "spoken": 1e-4, "older": 1e-4, "batch": 1e-4, "second": 1e-4, "samples": 1e-5}
KEPT = {"samples": 17, "mel": 7}  # the golden file has every so many rows


class Ours:
    """The same of our own modules; names as `bench.f5_reference` gives them."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint = open_checkpoint(folder)
        self.network = load_network(self.checkpoint, "cpu")
        self.vocos = load_vocos(self.checkpoint, "cpu")
        self.reference = log_mel(torch.from_numpy(recording())[None])[0]

    def passage(self, sentence: str) -> Passage:
        ids = self.checkpoint.vocabulary.encode(REFERENCE_TEXT + sentence)
        return Passage(self.reference, ids, frames_of(sentence), seed=7)

    def spoken(
        self, case: int, sentences: Sequence[int] = (0,), network: F5Network | None = None
    ) -> list[NDArray[Any]]:
        """Log mels of sentences in one pass."""
        passages = [self.passage(SENTENCES[number]) for number in sentences]
        made = generate(network or self.network, passages, FlowOptions(*CASES[case]))
        return [np.asarray(one) for one in made]

    def samples(self, mel: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            return np.asarray(self.vocos(torch.from_numpy(mel)[None])[0])

    def older(self) -> NDArray[Any]:
        """By the settings of F5TTS_Base, on the same weights."""
        from dataclasses import replace

        own: F5Config = replace(self.checkpoint.config, rotary_heads=1, masks_filler=False)
        network = load_network(replace(self.checkpoint, config=own), "cpu")
        return self.spoken(0, network=network)[0]


def made_of(ours: Ours, reference: Arrays, cases: Sequence[int]) -> Arrays:
    """What is compared, of the same folder. The reference gives back its last own frame before the new ones."""
    made: Arrays = {"mel": np.asarray(ours.reference)}
    for number, sentence in enumerate(SENTENCES):
        made[f"spelled.{number}"] = np.array(spelled(sentence))
    for case in cases:
        made[f"spoken.{case}"] = ours.spoken(case)[0]
    first, second = ours.spoken(cases[0], BATCH)
    made |= {"batch": first, "second": second, "samples": ours.samples(reference[f"spoken.{cases[0]}"])}
    return made | ({"older": ours.older()} if "older" in reference else {})


def wanted_of(reference: Arrays, cases: Sequence[int]) -> Arrays:
    """The reference's, cut to what ours has."""
    generated = ("spoken", "older", "second")
    cut = {name: values[1:] if name.startswith(generated) else values for name, values in reference.items()}
    return cut | {"batch": cut[f"spoken.{cases[0]}"]}


def kept(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """What the golden file holds of an output."""
    step = KEPT.get(name.partition(".")[0], 1)
    return values[::step] if values.ndim else values


def compared(made: Arrays, wanted: Arrays) -> list[Finding]:
    findings = []
    for name, ours in made.items():
        theirs, allowed = wanted[name], WANTED.get(name.partition(".")[0], 0.0)
        if ours.shape != theirs.shape:
            difference = float("inf")
        elif allowed:
            difference = float(np.abs(ours.astype(np.float64) - theirs).max())
        else:
            difference = float((ours != theirs).sum())
        findings.append(Finding(name, ours.size, difference, allowed))
    return findings


def run_reference(python: Path, folder: Path, *arguments: str) -> Arrays:
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "out.npz"
        command = [str(python), "-m", "bench.f5_reference", str(folder), str(out), *arguments]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=True)
        return dict(np.load(out))


def checked(python: Path, size: Size, golden: bool) -> list[Finding]:
    """Write weights of `size`, ask both, print the table."""
    cases = range(len(CASES)) if size == "tiny" else FULL_CASES
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_checkpoint(Path(temporary), size)
        reference = run_reference(python, folder, "--size", size, "--cases", *map(str, cases))
        if golden:
            GOLDEN.parent.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(GOLDEN, **{name: kept(name, values) for name, values in reference.items()})
        findings = compared(made_of(Ours(folder), reference, cases), wanted_of(reference, cases))
    for finding in findings:
        verdict = "" if finding.is_good else "  FAILED"
        print(f"{size} {finding.name:12} {finding.count:8} {finding.difference:9.1e} {finding.wanted:7.0e}{verdict}")
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="of the environment with f5-tts")
    parser.add_argument("--size", choices=("tiny", "full", "both"), default="tiny")
    parser.add_argument("--golden", action="store_true", help="write the golden tensors of the tiny size")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as the reference
    sizes: list[Size] = ["tiny", "full"] if asked.size == "both" else [asked.size]
    found = {size: checked(asked.python, size, asked.golden and size == "tiny") for size in sizes}
    figures = {size: [asdict(finding) for finding in findings] for size, findings in found.items()}
    write(
        "parity_f5" if asked.size != "tiny" else "parity_f5_tiny",
        {"reference": "f5-tts 1.1.22", "differences": figures},
    )
    raise SystemExit(not all(finding.is_good for findings in found.values() for finding in findings))


if __name__ == "__main__":
    main()
