"""A voice of RVC: a trainer's .pth, looked through and never run, and our own copy of it as safetensors.

A .pth holds `weight`, half-precision tensors by name, and what `read_config` reads. `open_pth` checks every tensor
against the network that the config describes; what it gives is complete, finite and of the right shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from speech.engines.rvc.config import RvcConfig, from_json, read_config
from speech.engines.rvc.encoder import ContentEncoder
from speech.engines.rvc.flow import Flow
from speech.engines.rvc.generator import Layers
from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import blank, fill
from speech.errors import SpeechError

CONFIG = "rvc_config"  # of our copy's metadata
LEFT_OUT = "enc_q."  # of training only
MAX_SPEAKERS = 4096


@dataclass(frozen=True, eq=False)
class RvcModel:
    """Tensors by the names and in the precision of the trainer's file, those of training left out."""

    config: RvcConfig
    stored: Mapping[str, Tensor]


class Network(nn.Module):
    """All parts of a synthesizer."""

    def __init__(self, config: RvcConfig) -> None:
        super().__init__()
        self.enc_p = ContentEncoder(config)
        self.flow = Flow(config)
        self.dec = Layers(config)
        self.emb_g = nn.Embedding(config.speakers, config.gin)


def open_pth(path: Path) -> RvcModel:
    """Raises SpeechError `checkpoint_*` as TorchFile and `fill` do, `rvc_wrong_kind`, `rvc_config`,
    `rvc_unsupported`."""
    file = TorchFile(path)
    root = file.root
    records = root.get("weight") if isinstance(root, dict) else None
    if not isinstance(root, dict) or not isinstance(records, dict):
        found = ", ".join(map(str, list(root)[:4])) if isinstance(root, dict) else type(root).__name__
        raise SpeechError("rvc_wrong_kind", file=path.name, found=found[:120] or "nothing")
    tensors = {
        name: file.tensor(record)
        for name, record in records.items()
        if isinstance(name, str) and isinstance(record, TensorRecord) and not name.startswith(LEFT_OUT)
    }
    speakers = tensors.get("emb_g.weight")
    if speakers is None or "enc_p.emb_phone.weight" not in tensors:
        raise SpeechError("rvc_wrong_kind", file=path.name, found=", ".join(list(tensors)[:4])[:120] or "no tensors")
    if speakers.dim() != 2 or not 1 <= len(speakers) <= MAX_SPEAKERS:
        shape = str(list(speakers.shape))
        raise SpeechError("checkpoint_tensor_shape", tensor="emb_g.weight", shape=shape, wanted="[speakers, gin]")
    config = read_config(root, len(speakers))
    model = RvcModel(config, tensors)
    network_of(model)
    return model


def network_of(model: RvcModel) -> Network:
    """In float32. Raises SpeechError `checkpoint_tensor_missing`, `_shape`, `_dtype` or `_values`."""
    with blank():
        network = Network(model.config)
    fill(network, dict(_joined(model.stored)), "")
    return network


def write_copy(model: RvcModel, path: Path) -> None:
    """As safetensors, the same numbers, whole or not at all."""
    from safetensors.torch import save_file

    part = path.with_suffix(".part")
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in model.stored.items()}
    save_file(tensors, part, {CONFIG: model.config.to_json()})
    part.replace(path)


def open_copy(path: Path) -> RvcModel:
    """Of `write_copy`; views of the file. Raises SpeechError `checkpoint_missing`, `checkpoint_damaged`."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise SpeechError("checkpoint_missing", folder=path.parent.name, file=path.name)
    try:
        with safe_open(path, framework="pt") as file:
            config = from_json((file.metadata() or {})[CONFIG])
            return RvcModel(config, {name: file.get_tensor(name) for name in file.keys()})
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)) from None


def _joined(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each length and direction of weight norm (https://arxiv.org/abs/1602.07868) as the weight they stand for."""
    for name, tensor in tensors.items():
        plain = name.replace(".parametrizations.weight.original0", ".weight_g")
        plain = plain.replace(".parametrizations.weight.original1", ".weight_v")
        if plain.endswith(".weight_g"):
            continue
        if not plain.endswith(".weight_v"):
            yield plain, tensor
            continue
        base = plain.removesuffix("_v")
        length = tensors.get(base + "_g", tensors.get(base.replace(".weight", ".parametrizations.weight.original0")))
        if length is None:
            raise SpeechError("checkpoint_tensor_missing", tensor=base + "_g")
        if tensor.dim() < 2 or length.shape != (len(tensor), *[1] * (tensor.dim() - 1)):
            shape = str(list(length.shape))
            raise SpeechError("checkpoint_tensor_shape", tensor=base + "_g", shape=shape, wanted=str([len(tensor)]))
        yield base, torch._weight_norm(tensor.float(), length.float(), 0)
