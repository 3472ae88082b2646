"""The network in PyTorch against the ONNX export: fifty sentences in Portuguese and fifty in English.

`./run bench parity [--sentences 50]`: durations must be equal, energy and samples within 1e-3 (samples by the
export's own F0, whose last digits turn the phase of the harmonics). F0, in Hz, must be within 1e-3 where both are
computed in float64 (the export by onnx's own evaluator). In float32 it is shown and not judged: the distance of each to
its float64, and of the export to itself without the runtime's graph optimisations, say how much of it is rounding.
`f0_share` is that distance as a share of the F0 itself, where there is a voice.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from app.settings import load_settings
from bench.exact import in_float64
from bench.record import write
from speech.engines.kokoro.conversion import VOICED_HZ
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
SHOWN_ONLY = ("f0", "f0_share", "f0_rounding", "export_f0_rounding", "export_f0_unoptimised")  # of float32


def texts(language: str, count: int) -> list[str]:
    """Of the other benchmarks, then their pairs."""
    plain: list[str] = json.loads((HERE / "cloning_sentences.json").read_text(encoding="utf-8"))[language]
    pairs = (f"{a} {b}" for a, b in itertools.pairwise(plain))
    return list(itertools.islice(itertools.chain(plain, pairs), count))


class Bench:
    """The network in float32 and float64, the export as it is spoken with and without the runtime's optimisations."""

    def __init__(self, model: Path) -> None:
        self.network, self.exact = load_network(model), load_network(model).double()
        file, inputs = OnnxFile(model), {"input_ids": 7, "style": 1, "speed": 1}
        self.export = onnxruntime.InferenceSession(file.part(inputs, OUTPUTS), providers=["CPUExecutionProvider"])
        plain = onnxruntime.SessionOptions()
        plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        part = file.part(inputs, OUTPUTS[:1])
        self.unoptimised = onnxruntime.InferenceSession(part, plain, providers=["CPUExecutionProvider"])
        self.exact_export = in_float64(file.part(inputs, OUTPUTS[:2]))

    def compare(self, ids: list[int], style: np.ndarray) -> dict[str, float]:
        """Largest differences of one sentence; only of frames where those are not equal."""
        inputs = {"input_ids": np.array([[0, *ids, 0]]), "style": style, "speed": np.ones(1, np.float32)}
        f0, energy, text, samples = self.export.run(list(OUTPUTS), inputs)
        hidden = hidden_of(self.network, ids, style)
        frames = lengths(self.network, hidden)
        if int(frames.sum()) != text.shape[2]:
            return {"frames": float(abs(int(frames.sum()) - text.shape[2]))}
        own_f0, own_energy = curves(self.network, hidden, style)
        spoken, made = decoded(self.network, ids, style, frames, f0, energy)
        exact_f0, exact_energy = curves(self.exact, hidden_of(self.exact, ids, style), style)
        doubles = inputs | {"style": style.astype(np.float64), "speed": np.ones(1)}
        export_f0, export_energy = self.exact_export.run(None, doubles)
        voiced = f0 > VOICED_HZ
        pairs = {
            "f0": (own_f0, f0),
            "f0_share": (own_f0[voiced] / f0[voiced], 1.0),
            "energy": (own_energy, energy),
            "text": (spoken, text),
            "samples": (made, samples),
            "f0_float64": (exact_f0, export_f0),
            "energy_float64": (exact_energy, export_energy),
            "f0_rounding": (own_f0, exact_f0),
            "export_f0_rounding": (f0, export_f0),
            "export_f0_unoptimised": (f0, self.unoptimised.run(list(OUTPUTS[:1]), inputs)[0]),
        }
        return {"frames": 0.0, **{name: float(np.abs(a - b).max()) for name, (a, b) in pairs.items()}}


@torch.no_grad()
def hidden_of(network: Kokoro, ids: list[int], style: np.ndarray) -> torch.Tensor:
    """What lengths and curves are told from."""
    return network.predictor.hidden(network.meaning(torch.tensor([[0, *ids, 0]])), prosody_of(network, style))


@torch.no_grad()
def lengths(network: Kokoro, hidden: torch.Tensor) -> torch.Tensor:
    """Whole frames of each phoneme."""
    return whole_frames(network.predictor.durations(hidden))


@torch.no_grad()
def curves(network: Kokoro, hidden: torch.Tensor, style: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F0 in Hz and energy, each (1, values), by the weights' own precision."""
    spoken = spread(hidden.transpose(1, 2), lengths(network, hidden))
    f0, energy = network.predictor.curves(spoken, prosody_of(network, style))
    return f0.numpy(), energy.numpy()


def prosody_of(network: Kokoro, style: np.ndarray) -> torch.Tensor:
    """The second half of a style, (1, STYLE), in the weights' own precision."""
    return torch.from_numpy(style).to(network.bert_encoder.weight.dtype)[:, STYLE:]


@torch.no_grad()
def decoded(
    network: Kokoro, ids: list[int], style: np.ndarray, frames: torch.Tensor, f0: np.ndarray, energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The text spread over `frames`, and the samples that the decoder makes of it by the export's own curves."""
    spoken = spread(network.text_encoder(torch.tensor([[0, *ids, 0]])), frames)
    source = torch.from_numpy(network.source(f0[0]))[None]
    timbre = torch.from_numpy(style)[:, :STYLE]
    made = network.decoder(spoken, torch.from_numpy(f0), torch.from_numpy(energy), timbre, source)
    return spoken.numpy(), made.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=50, help="in each language")
    count = parser.parse_args().sentences
    store = ModelStore(load_settings().models_path)
    model = store.path("kokoro-fp32") / "kokoro-fp32.onnx"
    bench = Bench(model)
    found = []
    for language, voices in VOICES.items():
        tables = [load_voice(store.path("kokoro-voices") / "voices" / f"{voice}.bin") for voice in voices]
        for number, text in enumerate(texts(language, count)):
            ids = tokens(phonemize(text, language))
            found.append(bench.compare(ids, tables[number % 2][len(ids) - 1][None]))
    largest = {name: max(one.get(name, 0.0) for one in found) for name in max(found, key=len)}
    print(json.dumps({"sentences": len(found), "largest_difference": largest}, indent=2))
    write("parity", {"sentences": len(found), "largest_difference": largest, "wanted": WANTED})
    raise SystemExit(any(value > WANTED for name, value in largest.items() if name not in SHOWN_ONLY))


if __name__ == "__main__":
    main()
