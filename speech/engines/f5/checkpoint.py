"""A folder of F5-TTS weights, opened as it is: mapped, checked, never changed and never run.

    *.safetensors or *.pt  vocab.txt  vocos/pytorch_model.bin or vocos/model.safetensors  [config.json]

The weights are the publishers' (`ema_model.transformer.*`), or what their trainer keeps (`ema_model_state_dict`, else
`model_state_dict`); Vocos is charactr/vocos-mel-24khz.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from speech.engines.f5.config import F5Config, read_config
from speech.engines.f5.files import VOCOS, missing_files, model_file
from speech.engines.f5.network import Attention, F5Network, FeedForward
from speech.engines.f5.text import Vocabulary, read_vocabulary
from speech.engines.f5.vocos import Vocos, blank_vocos
from speech.engines.memory import keep_freed
from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import blank, fill, safetensors_in
from speech.errors import SpeechError

STATES = ("ema_model_state_dict", "model_state_dict")  # of a trainer's file, the better one first
PREFIXES = ("ema_model.", "module.", "transformer.")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors by their names without a prefix, as views of the files. `digest` names what was read, and by name,
    type, shape and a few bytes of each."""

    config: F5Config
    weights: Mapping[str, Tensor]
    vocos_weights: Mapping[str, Tensor]
    vocabulary: Vocabulary
    digest: str


def open_checkpoint(folder: Path) -> Checkpoint:
    """Raises SpeechError `f5_dir_unusable`, `f5_wrong_kind`, `checkpoint_damaged`, `checkpoint_unsafe`,
    `checkpoint_unsupported`, `checkpoint_not_torch`, `checkpoint_tensor_shape`."""
    if missing := missing_files(folder):
        raise SpeechError("f5_dir_unusable", path=str(folder), missing=missing)
    path = model_file(folder)
    assert path is not None
    weights = {_plain(name): tensor for name, tensor in _tensors(path)}
    vocos = dict(_tensors(next(folder / name for name in VOCOS if (folder / name).is_file())))
    config, vocabulary = read_config(folder, weights), read_vocabulary(folder / "vocab.txt")
    if config.text_tokens != len(vocabulary) + 1:
        raise SpeechError(
            "checkpoint_tensor_shape",
            tensor="text_embed.text_embed.weight",
            shape=str([config.text_tokens, config.text_width]),
            wanted=f"{len(vocabulary)} lines of vocab.txt and one more",
        )
    digest = hashlib.sha256(repr(config).encode())
    for name, tensor in weights.items():
        part = tensor.reshape(-1)[:16].float().numpy().tobytes()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} ".encode() + part)
    return Checkpoint(config, weights, vocos, vocabulary, digest.hexdigest())


def load_network(checkpoint: Checkpoint, device: str, precision: str = "fp32") -> F5Network:
    """`bf16` keeps the matrices of the blocks in it, and sums, norms and everything else in float32.

    Raises SpeechError as `fill` does.
    """
    import torch

    with blank():
        network = F5Network(checkpoint.config)
    fill(network, checkpoint.weights, "")
    if precision == "bf16":
        for module in network.modules():
            if isinstance(module, Attention | FeedForward):
                module.to(torch.bfloat16)
    if device == "cpu":
        keep_freed()
    return network.to(device)


def load_vocos(checkpoint: Checkpoint, device: str) -> Vocos:
    """Raises SpeechError `f5_wrong_kind`, and as `fill` does."""
    with blank():
        vocos = blank_vocos(checkpoint.vocos_weights, "vocos")
    fill(vocos, checkpoint.vocos_weights, "")
    return vocos.to(device)


def _plain(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    if path.suffix == ".safetensors":
        yield from safetensors_in(path)
        return
    file = TorchFile(path)
    root = file.root
    for state in STATES:
        if isinstance(root, dict) and isinstance(root.get(state), dict):
            root = root[state]
    if not isinstance(root, dict):
        raise SpeechError("f5_wrong_kind", folder=path.parent.name, found=type(root).__name__)
    for name, record in root.items():
        if isinstance(name, str) and isinstance(record, TensorRecord):
            yield name, file.tensor(record)
