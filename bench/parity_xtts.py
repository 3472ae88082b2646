"""Our XTTS-v2 against coqui-tts on the same seeded weights: `./run parity [--size tiny|full|both] [--golden]`.

The reference runs in an environment of its own (`--python`), because its packages are none of ours. `--golden` writes
what it makes of the tiny weights to `tests/speech/golden/xtts`, which `./run test` compares with.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from bench.record import write
from bench.xtts_reference import (
    CASES,
    DVAE_S,
    HEARD_S,
    SAMPLE_RATE,
    SENTENCES,
    SPEEDS,
    SPOKEN,
    UTTERANCES,
    case_settings,
    recording,
)
from bench.xtts_weights import write_checkpoint
from speech.engines.xtts.checkpoint import Latents, open_checkpoint, read_dvae, read_speakers
from speech.engines.xtts.conditioning import load_conditioning
from speech.engines.xtts.decoding import Decoder, Utterance
from speech.engines.xtts.dvae import load_dvae
from speech.engines.xtts.gpt import load_gpt
from speech.engines.xtts.sampling import SamplingOptions
from speech.engines.xtts.speaker import load_speaker_encoder
from speech.engines.xtts.tokenizer import Tokenizer
from speech.engines.xtts.vocoder import VocoderStream, load_vocoder
from speech.resampling import resample_as_torchaudio

Arrays = dict[str, NDArray[Any]]
ROOT = Path(__file__).parent.parent
GOLDEN = ROOT / "tests/speech/golden/xtts"
STEPS = {"spoken": 3, "spoken.1.3": 7, "spoken.0.7": 11, "codes.decoded": 2}  # only every so many values are kept
ROWS = {"decoded.1.hidden": 40}  # only so many of the first rows
# Largest difference that is allowed, by the last word of a name; anything else must be equal.
WANTED = {"latents": 1e-5, "speaker": 1e-5, "hidden": 1e-5, "spoken": 1e-4, "decoded": 1e-4, "streamed": 1e-6}
FULL_CASES = (0, 1, 5, 8, 12, 14)  # of the full size, whose tokens take their time


@dataclass(frozen=True)
class Finding:
    """One output against the reference's: the largest difference, or how many of its values are not equal."""

    name: str
    count: int  # values compared
    difference: float
    wanted: float

    @property
    def is_good(self) -> bool:
        return self.difference <= self.wanted


def compared(made: Mapping[str, NDArray[Any]], reference: Mapping[str, NDArray[Any]]) -> Iterator[Finding]:
    """Each of ours, in order. What has another shape, or is not finite, differs without end."""
    for name, ours in made.items():
        theirs = reference[name]
        kind = "spoken" if name.startswith("spoken") else name.rpartition(".")[2]
        wanted = WANTED.get(kind, 0.0)
        if ours.shape != theirs.shape or not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
            yield Finding(name, ours.size, float("inf"), wanted)
        elif wanted:
            yield Finding(name, ours.size, float(np.abs(ours.astype(np.float64) - theirs).max()), wanted)
        else:
            yield Finding(name, ours.size, float((ours != theirs).sum()), 0.0)


def kept(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """What the golden files hold of an output."""
    return values[: ROWS.get(name)][..., :: STEPS.get(name, 1)] if values.shape else values


def write_golden(made: Mapping[str, NDArray[Any]], folder: Path) -> None:
    """`networks.npz` and `decoding.npz`, each below 200 kB."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, dict[str, NDArray[Any]]] = {"networks": {}, "decoding": {}}
    for name, values in made.items():
        if name != "tokens":  # they are in tokens.json
            part = "decoding" if name.startswith(("decoded", "text")) else "networks"
            parts[part][name] = kept(name, values)
    for part, arrays in parts.items():
        path = folder / f"{part}.npz"
        np.savez_compressed(path, **arrays)
        if path.stat().st_size > 200_000:
            raise SystemExit(f"{path.name} is {path.stat().st_size} bytes")


class Ours:
    """The same of our own modules; names as `bench.xtts_reference.Reference` gives them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkpoint = folder, open_checkpoint(folder)
        config, weights = self.checkpoint.config, self.checkpoint.weights
        self.conditioning = load_conditioning(config, weights)
        self.encoder = load_speaker_encoder(weights)
        self.vocoder = load_vocoder(config, weights)
        self.decoder = Decoder(load_gpt(config, weights))
        self.latents = dict(read_speakers(folder))

    def heard(self, number: int) -> Arrays:
        """Latents and speaker embedding of recording `number`."""
        samples = torch.from_numpy(recording(HEARD_S[number], seed=number))
        with torch.inference_mode():
            latents = self.conditioning.latents(samples)
            speaker = self.encoder.embed(resample_as_torchaudio(samples[None], SAMPLE_RATE, 16000)[0])
        return {f"heard.{number}.latents": latents.numpy(), f"heard.{number}.speaker": speaker.numpy()}

    def spoken(self, hidden: NDArray[np.float32], speaker: NDArray[np.float32]) -> Arrays:
        """Samples of the first `SPOKEN` hidden states (rows, width), also faster and slower."""
        rows, voice = torch.from_numpy(hidden[None, :SPOKEN]), torch.from_numpy(speaker)
        plain = {"spoken": self.vocoder.whole(rows, voice)}
        return plain | {f"spoken.{speed}": self.vocoder.whole(rows, voice, speed) for speed in SPEEDS}

    def coded(self) -> Arrays:
        """Codes of a recording by the discrete VAE, and the mel frames that they stand for."""
        dvae = load_dvae(read_dvae(self.folder))
        samples = torch.from_numpy(recording(DVAE_S, seed=9))
        with torch.inference_mode():
            codes = dvae.codes(dvae.mels(samples[None], self.checkpoint.weights["mel_stats"]))
            return {"codes": codes[0].numpy(), "codes.decoded": dvae.decoded(codes)[0].numpy()}

    def tokens(self) -> list[list[int]]:
        """Of sixty sentences in 17 languages."""
        tokenizer = Tokenizer(self.checkpoint.vocab_path)
        sentences = json.loads(SENTENCES.read_text(encoding="utf-8"))
        return [tokenizer.encode(text, language) for language, text in sentences]

    def decoded(self, number: int, text: NDArray[np.int32], voice: Latents) -> Arrays:
        """Tokens and hidden states of case `number`."""
        settings = case_settings(number)
        del settings["utterance"]
        steps = settings.pop("steps")
        sampling = SamplingOptions(**{"seed": 0, **settings})
        row = self.decoder.start(Utterance(tuple(map(int, text)), voice, sampling, "parity", max_tokens=steps))
        hidden = []
        while not row.ended_by:
            (state,) = self.decoder.step([row])
            if not isinstance(state, torch.Tensor):
                raise state
            hidden.append(state)
        return {
            f"decoded.{number}.tokens": np.array(row.tokens),
            f"decoded.{number}.hidden": torch.stack(hidden).numpy(),
        }

    def streamed(self, whole: NDArray[np.float32], hidden: NDArray[np.float32], voice: Latents) -> Finding:
        """The same samples in blocks, against all at once."""
        stream = VocoderStream(self.vocoder, voice.speaker)
        blocks = torch.from_numpy(hidden[:SPOKEN]).split(12)
        pieces = [stream.push(block, is_last=i == len(blocks) - 1) for i, block in enumerate(blocks)]
        return next(compared({"streamed": np.concatenate(pieces)}, {"streamed": whole}))


def compare(folder: Path, reference: Arrays, cases: Sequence[int]) -> Iterator[Finding]:
    """Everything that the reference made of the same folder."""
    ours = Ours(folder)
    ids, wanted = ours.tokens(), json.loads(str(reference["tokens"]))
    yield Finding("sentences", len(wanted), float(sum(a != b for a, b in zip(ids, wanted, strict=True))), 0.0)
    for number in range(len(HEARD_S)):
        yield from compared(ours.heard(number), reference)
    recorded = Latents(*(torch.from_numpy(reference[f"heard.0.{part}"]) for part in ("latents", "speaker")))
    voices = {**ours.latents, "recording": recorded}
    for number in cases:
        utterance = CASES[number][0]
        made = ours.decoded(number, reference[f"text.{utterance}"], voices[UTTERANCES[utterance][2]])
        yield from compared({name: values for name, values in made.items() if name in reference}, reference)
    hidden = reference["decoded.0.hidden"]
    yield from compared(spoken := ours.spoken(hidden, reference["heard.0.speaker"]), reference)
    yield ours.streamed(spoken["spoken"], hidden, recorded)
    yield from compared(ours.coded(), reference)


def run_reference(python: Path, folder: Path, cases: Sequence[int]) -> Arrays:
    """What coqui-tts makes of a copy of `folder`; it rewrites the model file."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        copy, out = Path(temporary) / "weights", Path(temporary) / "out.npz"
        shutil.copytree(folder, copy)
        command = [str(python), "-m", "bench.xtts_reference", str(copy), str(out), "--cases", *map(str, cases)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        return dict(np.load(out))


def checked(python: Path, size: Literal["tiny", "full"], golden: bool) -> list[Finding]:
    """Write weights of `size`, ask both, print the table."""
    cases = range(len(CASES)) if size == "tiny" else FULL_CASES
    findings = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_checkpoint(Path(temporary) / "weights", size)
        reference = run_reference(python, folder, cases)
        if golden:
            write_golden(reference, GOLDEN)
        print(f"{size:24} {'values':>8} {'difference':>11} {'allowed':>8}")
        for finding in compare(folder, reference, cases):
            verdict = "" if finding.is_good else "  FAILED"
            print(
                f"{finding.name:24} {finding.count:8} {finding.difference:11.1e} {finding.wanted:8.0e}{verdict}",
                flush=True,
            )
            findings.append(finding)
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, required=True, help="of the environment with coqui-tts")
    parser.add_argument("--size", choices=("tiny", "full", "both"), default="both")
    parser.add_argument("--golden", action="store_true", help="write the golden tensors of the tiny size")
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as the reference
    sizes: list[Literal["tiny", "full"]] = ["tiny", "full"] if asked.size == "both" else [asked.size]
    found = {size: checked(asked.python, size, asked.golden and size == "tiny") for size in sizes}
    figures = {size: [asdict(finding) for finding in findings] for size, findings in found.items()}
    write("parity_xtts", {"reference": "coqui-tts 0.28.0", "differences": figures})
    raise SystemExit(not all(finding.is_good for findings in found.values() for finding in findings))


if __name__ == "__main__":
    main()
