"""A folder of XTTS-v2 weights in the hub's layout, opened as it is: mapped, checked, never changed and never run.

    config.json  vocab.json  model.pth or model.safetensors  [speakers_xtts.pth]  [dvae.pth]

`open_checkpoint` maps the weights and copies nothing; `speech.engines.weights` gives them to modules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import checked_tensor, safetensors_in, tensor_of
from speech.engines.xtts.config import DVAE, XttsConfig, read_config
from speech.errors import SpeechError

PREFIX_TOKENS = 32  # rows of a voice's latents for the GPT
# What trainers keep beside the network, and second names of tensors that are there under their own.
LEFT_OUT = ("torch_mel_spectrogram_", "dvae.", "gpt.gpt_inference.", "gpt.gpt.wte.")
SIGNS = (
    "gpt.mel_head.weight",
    "gpt.conditioning_perceiver.latents",
    "hifigan_decoder.waveform_decoder.conv_pre.weight",
)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights by their names in the file (gpt.*, hifigan_decoder.*, mel_stats), as views of it.

    `digest` names weights and settings: hex SHA-256 over `config` and each tensor's name, type and shape with the
    CRC-32 that the zip's directory keeps of its bytes, or, where none is kept as in safetensors, with 16 pieces of 64
    bytes of the tensor itself. It reads no more of the weights than that.
    """

    config: XttsConfig
    weights: Mapping[str, Tensor]
    vocab_path: Path
    digest: str
    release: Callable[[], None] = lambda: None  # gives back the memory of what was read; it comes again when needed


@dataclass(frozen=True, eq=False)
class Latents:
    """What the network hears of a voice: `gpt` (1, 32, width) for the GPT, `speaker` (1, 512, 1) for the decoder."""

    gpt: Tensor
    speaker: Tensor


def open_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in `folder`, which may be read-only.

    Raises SpeechError `checkpoint_missing`, `checkpoint_not_torch`, `checkpoint_damaged`, `checkpoint_unsafe`,
    `checkpoint_wrong_kind`, `checkpoint_unsupported` or `checkpoint_tensor_shape`.
    """
    config = read_config(folder / "config.json")
    stored, identity, release = _stored(folder)
    weights = dict(_renamed(stored))
    _check_kind(weights, config, folder)
    digest = hashlib.sha256(identity + repr(config).encode())
    return Checkpoint(config, weights, folder / "vocab.json", digest.hexdigest(), release)


def read_speakers(folder: Path) -> Mapping[str, Latents]:
    """The studio speakers that came with the checkpoint, in the file's order; none when there is no such file.

    Raises SpeechError as `open_checkpoint` and `fill` do.
    """
    path, width = folder / "speakers_xtts.pth", read_config(folder / "config.json").width
    if not path.exists():
        return {}
    file = TorchFile(path)
    like = {"gpt_cond_latent": (1, PREFIX_TOKENS, width), "speaker_embedding": (1, 512, 1)}
    if not isinstance(file.root, dict) or not all(isinstance(voice, dict) for voice in file.root.values()):
        raise SpeechError("checkpoint_wrong_kind", file=path.name, found=type(file.root).__name__)
    speakers = {}
    for name, voice in file.root.items():
        tensors = {f"{name}.{part}": tensor for part, tensor in _tensors(file, voice)}
        gpt, speaker = (checked_tensor(f"{name}.{part}", torch.float32, like[part], tensors) for part in like)
        speakers[str(name)] = Latents(gpt, speaker)
    return speakers


def read_dvae(folder: Path) -> Mapping[str, Tensor]:
    """The weights of the discrete VAE, whose codes the GPT learns; only training asks for them.

    Raises SpeechError as `open_checkpoint` does.
    """
    file = TorchFile(folder / DVAE)
    weights = dict(_tensors(file, file.root))
    if "codebook.embed" not in weights:
        raise SpeechError("checkpoint_wrong_kind", file=DVAE, found=", ".join(list(weights)[:3]) or "no tensors")
    return weights


def _stored(folder: Path) -> tuple[dict[str, Tensor], bytes, Callable[[], None]]:
    """Tensors by the file's own names, what identifies their content, and `Checkpoint.release`."""
    path = folder / "model.safetensors"
    if path.exists():
        tensors = dict(safetensors_in(path))
        return tensors, b"".join(_identity(name, tensor) for name, tensor in tensors.items()), lambda: None
    file = TorchFile(folder / "model.pth")
    root = file.root.get("model", file.root) if isinstance(file.root, dict) else file.root
    records = dict(_records(file, root))
    tensors = {name: file.tensor(record) for name, record in records.items()}
    marks = (_identity(name, tensors[name], file.checksum(record)) for name, record in records.items())
    return tensors, b"".join(marks), file.release


def _identity(name: str, tensor: Tensor, checksum: int = 0) -> bytes:
    """What tells a tensor from another, with 16 pieces of it where no checksum is kept."""
    mark = f"{name} {tensor.dtype} {list(tensor.shape)} {tensor.stride()} {checksum:08x} ".encode()
    if checksum:
        return mark
    plain = tensor.contiguous().reshape(-1).view(torch.uint8)
    step = max(64, len(plain) // 16)
    return mark + b"".join(plain[start : start + 64].numpy().tobytes() for start in range(0, len(plain), step))


def _tensors(file: TorchFile, root: object) -> Iterator[tuple[str, Tensor]]:
    return ((name, file.tensor(record)) for name, record in _records(file, root))


def _records(file: TorchFile, root: object) -> Iterator[tuple[str, TensorRecord]]:
    if not isinstance(root, dict):
        raise SpeechError("checkpoint_wrong_kind", file=file.name, found=type(root).__name__)
    for name, record in root.items():
        if isinstance(name, str) and isinstance(record, TensorRecord):
            yield name, record


def _renamed(stored: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Names as in the published file, whatever trainer and version of weight norm wrote these."""
    for name, tensor in stored.items():
        plain = name.removeprefix("xtts.")
        if not plain.startswith(LEFT_OUT):
            plain = plain.replace(".weight_g", ".parametrizations.weight.original0")
            yield plain.replace(".weight_v", ".parametrizations.weight.original1"), tensor


def _check_kind(weights: Mapping[str, Tensor], config: XttsConfig, folder: Path) -> None:
    """The file is of XTTS-v2 and of the size that config.json says."""
    if not all(name in weights for name in SIGNS):
        file = "model.safetensors" if (folder / "model.safetensors").exists() else "model.pth"
        raise SpeechError("checkpoint_wrong_kind", file=file, found=", ".join(sorted(weights)[:3]) or "no tensors")
    shapes = {
        "gpt.text_embedding.weight": (config.text_tokens, config.width),
        "gpt.mel_head.weight": (config.audio_tokens, config.width),
        f"gpt.gpt.h.{config.layers - 1}.ln_1.weight": (config.width,),
    }
    for name, shape in shapes.items():
        tensor_of(name, shape, weights)
    layers = sum(name.startswith("gpt.gpt.h.") and name.endswith(".ln_1.weight") for name in weights)
    if layers != config.layers:
        raise SpeechError("checkpoint_unsupported", setting="gpt_layers", value=str(config.layers), valid=str(layers))
