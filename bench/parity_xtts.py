"""Our XTTS-v2 against coqui-tts on the same seeded weights: `./run parity [--size tiny|full|both] [--golden]`.

The reference runs in an environment of its own (`--python`), because its packages are none of ours. `--golden` writes
what it makes of the tiny weights to `tests/speech/golden/xtts`, which `./run test` compares with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.xtts_reference import DVAE_S, HEARD_S, SAMPLE_RATE, SENTENCES, SPEEDS, SPOKEN, recording
from speech.engines.xtts.checkpoint import open_checkpoint, read_dvae, read_speakers
from speech.engines.xtts.conditioning import load_conditioning
from speech.engines.xtts.dvae import load_dvae
from speech.engines.xtts.speaker import load_speaker_encoder
from speech.engines.xtts.tokenizer import Tokenizer
from speech.engines.xtts.vocoder import load_vocoder
from speech.resampling import resample_as_torchaudio

Arrays = dict[str, NDArray[Any]]

GOLDEN = Path(__file__).parent.parent / "tests/speech/golden/xtts"
STEPS = {"spoken": 3, "spoken.1.3": 7, "spoken.0.7": 11, "codes.decoded": 2}  # only every so many values are kept
ROWS = {"decoded.1.hidden": 40}  # only so many of the first rows


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
