"""The network in PyTorch against the ONNX export it was read from, on the real weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from bench.exact import in_float64
from bench.parity import curves, hidden_of
from speech.engines.kokoro.network import STYLE, Kokoro, spread, whole_frames
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import load_voice
from speech.engines.kokoro.weights import load_network, places
from speech.errors import SpeechError
from speech.models import ModelStore

INT64, FLOAT = 7, 1
OUTPUTS = {
    "f0": "/encoder/Reshape_output_0",
    "energy": "/encoder/Reshape_1_output_0",
    "text": "/encoder/MatMul_1_output_0",
    "samples": "waveform",
}
SENTENCES = [
    ("pt-BR", "pf_dora", "Olá, tudo bem com você hoje?"),
    ("pt-BR", "pm_alex", "Amanhã cedo eu vou à feira comprar frutas, legumes e um pão bem quente."),
    ("en-US", "af_heart", "Could you tell me where the station is?"),
]


@pytest.fixture(scope="module")
def model(installed: Callable[..., ModelStore]) -> Path:
    return installed("kokoro-fp32").path("kokoro-fp32") / "kokoro-fp32.onnx"


@pytest.fixture(scope="module")
def network(model: Path) -> Kokoro:
    return load_network(model)


@pytest.fixture(scope="module")
def export(model: Path) -> Any:
    """The export with its inner tensors to be seen."""
    part = OnnxFile(model).part({"input_ids": INT64, "style": FLOAT, "speed": FLOAT}, list(OUTPUTS.values()))
    return onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("language", "voice", "text"), SENTENCES)
def test_it_says_what_the_export_says(
    network: Kokoro, export: Any, model_store: ModelStore, language: str, voice: str, text: str
) -> None:
    ids = tokens(phonemize(text, language))
    style = load_voice(model_store.path("kokoro-voices") / "voices" / f"{voice}.bin")[len(ids) - 1][None]
    inputs = {"input_ids": np.array([[0, *ids, 0]]), "style": style, "speed": np.ones(1, np.float32)}
    wanted = dict(zip(OUTPUTS, export.run(list(OUTPUTS.values()), inputs)))
    timbre, prosody = torch.from_numpy(style).split(STYLE, dim=1)
    padded = torch.tensor([[0, *ids, 0]])
    with torch.no_grad():
        hidden = network.predictor.hidden(network.meaning(padded), prosody)
        frames = whole_frames(network.predictor.durations(hidden))
        f0, energy = network.predictor.curves(spread(hidden.transpose(1, 2), frames), prosody)
        spoken = spread(network.text_encoder(padded), frames)
        # From here on with the export's own F0: its last digits turn the phase of every harmonic after them.
        own_f0, own_energy = torch.from_numpy(wanted["f0"]), torch.from_numpy(wanted["energy"])
        source = torch.from_numpy(network.source(wanted["f0"][0]))[None]
        samples = network.decoder(spoken, own_f0, own_energy, timbre, source)
    assert spoken.shape[2] == wanted["text"].shape[2], "durations differ"
    assert np.abs(spoken.numpy() - wanted["text"]).max() < 1e-3, "durations differ"
    assert np.abs(f0.numpy() - wanted["f0"]).max() < 1e-3
    assert np.abs(energy.numpy() - wanted["energy"]).max() < 1e-3
    assert np.abs(samples.numpy() - wanted["samples"]).max() < 1e-3
    assert np.abs(wanted["samples"]).max() > 0.1


def test_without_rounding_it_says_the_same_melody(model: Path, model_store: ModelStore) -> None:
    """Both in float64: what is left are the constants that the graph keeps in float32."""
    ids = tokens(phonemize(SENTENCES[0][2], "pt-BR"))
    style = load_voice(model_store.path("kokoro-voices") / "voices" / "pf_dora.bin")[len(ids) - 1][None]
    part = OnnxFile(model).part({"input_ids": INT64, "style": FLOAT, "speed": FLOAT}, list(OUTPUTS.values())[:2])
    inputs = {"input_ids": np.array([[0, *ids, 0]]), "style": style.astype(np.float64), "speed": np.ones(1)}
    f0, energy = in_float64(part).run(None, inputs)
    exact = load_network(model).double()
    own_f0, own_energy = curves(exact, hidden_of(exact, ids, style), style)
    assert own_f0.dtype == f0.dtype == np.float64 and f0.max() > 100
    assert np.abs(own_f0 - f0).max() < 1e-4
    assert np.abs(own_energy - energy).max() < 1e-5


def test_whole_it_sounds_as_its_parts(network: Kokoro, model_store: ModelStore) -> None:
    ids = tokens(phonemize("Bom dia!", "pt-BR"))
    style = load_voice(model_store.path("kokoro-voices") / "voices" / "pf_dora.bin")[len(ids) - 1][None]
    with torch.no_grad():
        one = network(torch.tensor([[0, *ids, 0]]), torch.from_numpy(style))
        slow = network(torch.tensor([[0, *ids, 0]]), torch.from_numpy(style), speed=0.5)
    assert len(one) % 600 == 0
    assert 1.6 < len(slow) / len(one) < 2.4


def test_every_weight_has_a_place_in_the_export(network: Kokoro, model: Path) -> None:
    found = places(OnnxFile(model))
    named = [name for name, _ in network.named_parameters() if "lstm" not in name and ".shared." not in name]
    assert [name for name in named if name not in found] == []
    lstm_layers = [name for name in network.state_dict() if name.endswith("weight_hh_l0")]
    assert len(lstm_layers) == 6


def test_an_export_of_another_kind_is_refused(model_store: ModelStore) -> None:
    with pytest.raises(SpeechError) as caught:
        load_network(model_store.path("kokoro-int8") / "kokoro-int8.onnx")
    assert caught.value.code in ("model_unusable", "initializer_unknown")
