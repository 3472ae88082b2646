"""The network in PyTorch against the ONNX export: fifty sentences in Portuguese and fifty in English.

`./run bench parity [--sentences 50]`: durations must be equal, F0, energy and samples within 1e-3 (samples by the
export's own F0, whose last digits turn the phase of the harmonics).
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from app.settings import load_settings
from bench.record import write
from speech.engines.kokoro.network import STYLE, Kokoro, spread, whole_frames
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import load_voice
from speech.engines.kokoro.weights import load_network
from speech.models import ModelStore

HERE = Path(__file__).parent
VOICES = {"pt-BR": ("pf_dora", "pm_alex"), "en-US": ("af_heart", "am_michael")}
OUTPUTS = ("/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0", "/encoder/MatMul_1_output_0", "waveform")
WANTED = 1e-3


def texts(language: str, count: int) -> list[str]:
    """Of the other benchmarks, then their pairs."""
    plain: list[str] = json.loads((HERE / "cloning_sentences.json").read_text(encoding="utf-8"))[language]
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(plain))
    return list(itertools.islice(itertools.chain(plain, pairs), count))


def compare(network: Kokoro, export: Any, ids: list[int], style: np.ndarray) -> dict[str, float]:
    """Largest differences of one sentence."""
    inputs = {"input_ids": np.array([[0, *ids, 0]]), "style": style, "speed": np.ones(1, np.float32)}
    f0, energy, text, samples = export.run(list(OUTPUTS), inputs)
    timbre, prosody = torch.from_numpy(style).split(STYLE, dim=1)
    padded = torch.tensor([[0, *ids, 0]])
    with torch.no_grad():
        hidden = network.predictor.hidden(network.meaning(padded), prosody)
        frames = whole_frames(network.predictor.durations(hidden))
        if int(frames.sum()) != text.shape[2]:
            return {"frames": float(abs(int(frames.sum()) - text.shape[2]))}
        own_f0, own_energy = network.predictor.curves(spread(hidden.transpose(1, 2), frames), prosody)
        spoken = spread(network.text_encoder(padded), frames)
        source = torch.from_numpy(network.source(f0[0]))[None]
        made = network.decoder(spoken, torch.from_numpy(f0), torch.from_numpy(energy), timbre, source)
    pairs = {"f0": (own_f0, f0), "energy": (own_energy, energy), "text": (spoken, text), "samples": (made, samples)}
    return {"frames": 0.0, **{name: float(np.abs(a.numpy() - b).max()) for name, (a, b) in pairs.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=50, help="in each language")
    count = parser.parse_args().sentences
    store = ModelStore(load_settings().models_path)
    model = store.path("kokoro-fp32") / "kokoro-fp32.onnx"
    network = load_network(model)
    part = OnnxFile(model).part({"input_ids": 7, "style": 1, "speed": 1}, OUTPUTS)

    export = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
    found = []
    for language, voices in VOICES.items():
        tables = [load_voice(store.path("kokoro-voices") / "voices" / f"{voice}.bin") for voice in voices]
        for number, text in enumerate(texts(language, count)):
            ids = tokens(phonemize(text, language))
            found.append(compare(network, export, ids, tables[number % 2][len(ids) - 1][None]))
    largest = {name: max(one.get(name, 0.0) for one in found) for name in ("frames", "f0", "energy", "text", "samples")}
    print(json.dumps({"sentences": len(found), "largest_difference": largest}, indent=2))
    write("parity", {"sentences": len(found), "largest_difference": largest, "wanted": WANTED})
    raise SystemExit(any(value > WANTED for value in largest.values()))


if __name__ == "__main__":
    main()
