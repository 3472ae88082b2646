"""Seeded random weights of RVC in the public formats, made with neither the reference nor a download.

`write_models(folder, "tiny" | "full")` writes `contentvec/` in the Hub's layout, a `.pth` of each of `VOICES` as
trainers write it, `v1.index` and `v2.index` as faiss writes them, and `rmvpe.pt`. A tensor's values come from its name
and the seed alone, scaled so that signals neither die nor explode.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Size = Literal["tiny", "full"]


@dataclass(frozen=True)
class Shape:
    """What differs between two models."""

    version: str
    f0: int
    sample_rate: int
    rates: tuple[int, ...]
    kernels: tuple[int, ...]


VOICES: Mapping[str, Shape] = {
    "v2-40k": Shape("v2", 1, 40000, (10, 10, 2, 2), (16, 16, 4, 4)),
    "v2-48k": Shape("v2", 1, 48000, (12, 10, 2, 2), (24, 20, 4, 4)),
    "v1-32k": Shape("v1", 1, 32000, (10, 4, 2, 2, 2), (16, 16, 4, 4, 4)),
    "v2-40k-plain": Shape("v2", 0, 40000, (10, 10, 2, 2), (16, 16, 4, 4)),
    "v1-48k-plain": Shape("v1", 0, 48000, (10, 6, 2, 2, 2), (16, 16, 4, 4, 4)),
    "v2-32k": Shape("v2", 1, 32000, (10, 8, 2, 2), (20, 16, 4, 4)),
}
WIDTHS = {"v1": 256, "v2": 768}
ROWS = 600  # of an index


def config_of(shape: Shape, size: Size) -> list[Any]:
    """The list of 18 that a trainer writes."""
    blocks = ["1", [3, 7, 11], [[1, 3, 5]] * 3, list(shape.rates)]
    if size == "full":
        sizes, channels, speakers, gin = [1025, 32, 192, 192, 768, 2, 6, 3, 0], 512, 109, 256
    else:
        sizes, channels, speakers, gin = [1025, 32, 32, 32, 64, 2, 2, 3, 0], 64, 4, 16
    return [*sizes, *blocks, channels, list(shape.kernels), speakers, gin, shape.sample_rate]


def write_models(folder: Path, size: Size = "tiny", seed: int = 0) -> Path:
    """Write all of them (the folder is made when missing) and give it back."""
    folder.mkdir(parents=True, exist_ok=True)
    write_contentvec(folder / "contentvec", size, seed)
    for name in VOICES if size == "full" else VOICES:
        write_voice(folder / f"{name}.pth", name, size, seed)
    for version in WIDTHS:
        write_index(folder / f"{version}.index", features(version, seed))
    write_rmvpe(folder / "rmvpe.pt", size, seed)
    return folder


def write_voice(path: Path, name: str, size: Size = "tiny", seed: int = 0) -> Path:
    import torch

    from speech.engines.rvc.config import read_config
    from speech.engines.rvc.model_file import Network
    from speech.engines.weights import blank

    shape = VOICES[name]
    root: dict[str, Any] = {"config": config_of(shape, size), "f0": shape.f0, "version": shape.version}
    speakers = root["config"][15]
    with blank():
        network = Network(read_config(root, speakers))
    weights: OrderedDict[str, Any] = OrderedDict()
    for key, like in network.state_dict().items():
        values = torch.from_numpy(_values(f"{name}.{key}", tuple(like.shape), seed))
        if _is_normed(key):
            length = values.flatten(1).norm(dim=1).view(-1, *[1] * (values.dim() - 1))
            weights[key + "_g"], weights[key + "_v"] = length.half(), (values * 1.5).half()
        else:
            weights[key] = values.half()
    torch.save({"weight": weights, **root, "info": "20epoch", "sr": f"{shape.sample_rate // 1000}k"}, path)
    return path


def write_contentvec(folder: Path, size: Size = "tiny", seed: int = 0) -> Path:
    """`config.json` and `model.safetensors`, as transformers reads them with a `final_proj` beside."""
    import torch
    from safetensors.torch import save_file

    from speech.engines.rvc.contentvec import ContentVec
    from speech.engines.weights import blank

    channels, inner, layers, kernel = (512, 3072, 12, 128) if size == "full" else (32, 64, 1, 16)
    with blank():
        network = ContentVec(channels, 768, inner, layers, kernel, False)
    shapes = {key: tuple(like.shape) for key, like in network.state_dict().items()} | {"masked_spec_embed": (768,)}
    weights = {key: torch.from_numpy(_values(f"contentvec.{key}", shape, seed)) for key, shape in shapes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["HubertModelWithFinalProj"],
        "model_type": "hubert",
        "hidden_size": 768,
        "num_hidden_layers": layers,
        "num_attention_heads": 12,
        "intermediate_size": inner,
        "classifier_proj_size": 256,
        "conv_dim": [channels] * 7,
        "num_conv_pos_embeddings": kernel,
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_rmvpe(path: Path, size: Size = "tiny", seed: int = 0) -> Path:
    import torch

    from speech.engines.f0.rmvpe import Rmvpe
    from speech.engines.weights import blank

    with blank():
        network = Rmvpe(16 if size == "full" else 2)
    shapes = {key: tuple(like.shape) for key, like in network.state_dict().items()}
    weights = {key: torch.from_numpy(np.asarray(_values(f"rmvpe.{key}", shape, seed))) for key, shape in shapes.items()}
    torch.save(OrderedDict((key, value if value.dim() == 0 else value.half()) for key, value in weights.items()), path)
    return path


def features(version: str, seed: int = 0) -> NDArray[np.float32]:
    """What an index holds: (600, width), near to what the tiny content network gives."""
    return _values(f"index.{version}", (ROWS, WIDTHS[version]), seed) * math.sqrt(WIDTHS[version])


def write_index(path: Path, rows: NDArray[np.float32], lists: int = 15, metric: int = 1) -> Path:
    """An IndexIVFFlat of faiss; each list is the rows nearest to its centre, the first rows being centres."""
    centres = rows[:lists]
    nearest = np.stack([np.square(rows - centre).sum(1) for centre in centres]).argmin(0)
    width = rows.shape[1]

    def header(count: int) -> bytes:
        return struct.pack("<iqqqBi", width, count, 1 << 20, 1 << 20, 1, metric)

    parts = [b"IwFl", header(len(rows)), struct.pack("<QQ", lists, 1)]
    parts += [b"IxF2", header(lists), struct.pack("<Q", centres.size), centres.tobytes()]
    parts += [struct.pack("<bQ", 0, 0), b"ilar", struct.pack("<QQ", lists, 4 * width), b"full"]
    sizes = np.bincount(nearest, minlength=lists)
    parts += [struct.pack("<Q", lists), sizes.astype("<u8").tobytes()]
    for number in range(lists):
        own = np.flatnonzero(nearest == number)
        parts += [rows[own].tobytes(), own.astype("<i8").tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def _is_normed(key: str) -> bool:
    """Whether trainers keep this weight as length and direction."""
    is_flow = any(part in key for part in (".in_layers.", ".res_skip_layers.", ".cond_layer."))
    is_generator = key.startswith(("dec.ups.", "dec.resblocks."))
    return key.endswith(".weight") and (is_flow or is_generator)


def _values(key: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    if key.endswith("num_batches_tracked"):
        return np.array(1)
    number = int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "little")
    drawn = np.random.Generator(np.random.PCG64(number)).standard_normal(shape, np.float32)
    if key.endswith("running_var"):
        return np.abs(drawn) * 0.2 + 0.9
    if key.endswith(("original0",)):
        return np.abs(drawn) * 0.1 + 1
    if len(shape) <= 1 and key.endswith(("weight", "gamma")):
        return 1 + 0.1 * drawn
    if len(shape) <= 1 or key.endswith((".bias", "beta")):
        return 0.1 * drawn
    gain = {"dec.conv_post.weight": 1.5, "enc_p.proj.weight": 0.5}.get(key.partition(".")[2], 1.0)
    inputs = math.prod(shape[1:]) if ".ups." not in key else shape[0] * 2
    made: NDArray[np.float32] = drawn * np.float32(gain / math.sqrt(inputs))
    return made
