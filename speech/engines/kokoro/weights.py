"""Kokoro's weights out of the fp32 ONNX export, and where each network parameter lives in that file.

The export folded weight norm in and renamed what it transposed: a convolution's weight is the tensor beside its
named bias, a linear layer's is found by the path of its MatMul node, an LSTM's are in ONNX's gate order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from speech.engines.kokoro.onnx_file import Node, OnnxFile
from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.engines.kokoro.network import Kokoro

Array = NDArray[np.float32]
LSTMS = {
    "/encoder/text_encoder/lstm/LSTM": "text_encoder.lstm",
    "/encoder/predictor/lstm/LSTM": "predictor.lstm",
    "/encoder/shared/LSTM": "predictor.shared",
    **{f"/encoder/predictor/text_encoder/lstms.{i}/LSTM": f"predictor.text_encoder.lstms.{i}" for i in (0, 2, 4)},
}
BUFFERS = {"stft.istft.stft.inverse_basis": "inverse_basis", "stft.istft.stft.window_sum": "window_sum"}


@dataclass(frozen=True)
class Place:
    """Where a parameter is: the initializer's name, and whether it is stored transposed."""

    initializer: str
    is_transposed: bool = False


def load_network(model: Path) -> Kokoro:
    """The network with the weights of the fp32 file, in evaluation mode, no gradients asked.

    Raises SpeechError `model_unusable` when the file is of another export.
    """
    import torch

    from speech.engines.kokoro.network import Kokoro
    from speech.engines.kokoro.source import HarmonicSource

    file = OnnxFile(model)
    network = Kokoro(HarmonicSource(file))
    tensors = {name: torch.from_numpy(np.array(value)) for name, value in _tensors(file).items()}
    wanted = network.state_dict()
    wrong = sorted(name for name in wanted if name not in tensors or tensors[name].shape != wanted[name].shape)
    if wrong:
        raise SpeechError("model_unusable", model=model.name, reason=f"no tensors for {', '.join(wrong[:5])}")
    network.load_state_dict({name: tensors[name] for name in wanted})
    return network.eval().requires_grad_(False)


def places(file: OnnxFile) -> Mapping[str, Place]:
    """Parameter name to its place, for every parameter stored as one tensor (all but the LSTMs')."""
    named = {_plain(name): Place(name) for name in file.initializers if name.startswith(("encoder.", "decoder."))}
    return {**named, **dict(_by_node(file))}


def _tensors(file: OnnxFile) -> dict[str, Array]:
    found = {}
    for name, place in places(file).items():
        array = file.initializers[place.initializer]
        found[name] = array.T if place.is_transposed else array
    for node in file.nodes:
        if node.op_type == "LSTM":
            found.update(_lstm(LSTMS[node.name], *(file.initializers[name] for name in node.inputs[1:4])))
    return found


def _by_node(file: OnnxFile) -> Iterator[tuple[str, Place]]:
    for node in file.nodes:
        weight = node.inputs[1] if len(node.inputs) > 1 else ""
        if weight not in file.initializers:
            continue
        if node.op_type in ("Conv", "ConvTranspose"):
            yield f"{_convolution(node)}.weight", Place(weight)
        elif node.op_type == "MatMul":
            # ALBERT's one layer is there twelve times, numbered by the exporter.
            yield re.sub(r"_\d+\.weight$", ".weight", f"{_path(node)}.weight"), Place(weight, is_transposed=True)


def _convolution(node: Node) -> str:
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    return _plain(bias).removesuffix(".bias") if bias.endswith(".bias") else _path(node)


def _path(node: Node) -> str:
    """`/encoder/F0.1/conv1x1/Conv` is `predictor.F0.1.conv1x1`."""
    plain = _plain(".".join(node.name.strip("/").split("/")[:-1]))
    return f"predictor.{plain}" if plain.startswith(("F0.", "N.")) else plain


def _plain(name: str) -> str:
    """The published checkpoint's name of an initializer."""
    plain = name.removeprefix("encoder.").removeprefix("decoder.")
    for old, new in BUFFERS.items():
        plain = plain.replace(old, new)
    return plain


def _lstm(name: str, weights: Array, recurrent: Array, biases: Array) -> Iterator[tuple[str, Array]]:
    """ONNX orders the gates input, output, forget, cell; torch input, forget, cell, output."""

    def ordered(stacked: Array) -> Array:
        i, o, f, c = np.split(stacked, 4)
        return np.concatenate([i, f, c, o])

    for direction, suffix in enumerate(("", "_reverse")):
        own, back = np.split(biases[direction], 2)
        yield f"{name}.weight_ih_l0{suffix}", ordered(weights[direction])
        yield f"{name}.weight_hh_l0{suffix}", ordered(recurrent[direction])
        yield f"{name}.bias_ih_l0{suffix}", ordered(own)
        yield f"{name}.bias_hh_l0{suffix}", ordered(back)
