"""What is said in a recording, without who says it: ContentVec (https://arxiv.org/abs/2204.09224), a HuBERT network.

    samples at 16 kHz -> seven convolutions (50 frames a second) -> a transformer, whose layer 9 or 12 is heard

It reads the public `hubert_base.pt` as fairseq wrote it, and folders in the layout of the Hub (`config.json` beside
`pytorch_model.bin` or `model.safetensors`); both hold the same network under other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.rvc.config import CONTENT_WIDTHS
from speech.engines.torch_file import TensorRecord, TorchFile
from speech.engines.weights import blank, fill
from speech.errors import SpeechError

FRAME = 320  # samples a frame, once `LEAST` are there
LEAST = 400
KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)
HEAD = 64  # width of an attention head, in all sizes
GROUPS = 16  # of the positional convolution
LAYERS: Mapping[str, int] = {"v1": 9, "v2": 12}  # whose output a model of that version hears
# Names of fairseq to ours, which are those of the Hub's layout.
FAIRSEQ = (
    (r"^post_extract_proj\.", "feature_projection.projection."),
    (r"^layer_norm\.", "feature_projection.layer_norm."),
    (r"^feature_extractor\.conv_layers\.(\d+)\.0\.", r"feature_extractor.conv_layers.\1.conv."),
    (r"^feature_extractor\.conv_layers\.0\.2\.", "feature_extractor.conv_layers.0.layer_norm."),
    (r"^encoder\.pos_conv\.0\.", "encoder.pos_conv_embed.conv."),
    (r"\.self_attn\.", ".attention."),
    (r"\.self_attn_layer_norm\.", ".layer_norm."),
    (r"\.fc1\.", ".feed_forward.intermediate_dense."),
    (r"\.fc2\.", ".feed_forward.output_dense."),
)
NORM = {"weight_g": "original0", "weight_v": "original1"}


class ContentVec(nn.Module):
    """(n,) at 16 kHz to (1, frames, 256 for v1 or 768 for v2)."""

    def __init__(self, channels: int, width: int, inner: int, layers: int, kernel: int, has_bias: bool) -> None:
        super().__init__()
        self.feature_extractor = _Extractor(channels, has_bias)
        self.feature_projection = _Projection(channels, width)
        self.encoder = _Encoder(width, inner, layers, kernel)
        self.final_proj = nn.Linear(width, CONTENT_WIDTHS["v1"])

    def forward(self, samples: Tensor, version: str) -> Tensor:
        hidden = self.feature_projection(self.feature_extractor(samples[None, None]).transpose(1, 2))
        made: Tensor = self.encoder(hidden, LAYERS[version])
        return self.final_proj(made) if version == "v1" else made


class _Extractor(nn.Module):
    def __init__(self, channels: int, has_bias: bool) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList()
        for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
            layer = nn.Module()
            layer.add_module("conv", nn.Conv1d(channels if i else 1, channels, kernel, stride, bias=has_bias))
            self.conv_layers.append(layer)
        self.conv_layers[0].add_module("layer_norm", nn.GroupNorm(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.conv_layers:
            for part in layer.children():
                x = part(x)
            x = functional.gelu(x)
        return x


class _Projection(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(channels)
        self.projection = nn.Linear(channels, width)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.projection(self.layer_norm(x))
        return made


class _Encoder(nn.Module):
    def __init__(self, width: int, inner: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.pos_conv_embed = nn.Module()
        self.pos_conv_embed.add_module("conv", _Positions(width, kernel))
        self.layer_norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(_Layer(width, inner) for _ in range(layers))

    def forward(self, x: Tensor, wanted: int) -> Tensor:
        x = self.layer_norm(x + self.pos_conv_embed.get_submodule("conv")(x))
        for layer in list(self.layers)[:wanted]:
            x = layer(x)
        return x


class _Positions(nn.Module):
    """A wide convolution in place of positions, its weight kept as length and direction over the kernel's moments."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(width))
        shapes = {"original0": (1, 1, kernel), "original1": (width, width // GROUPS, kernel)}
        parts = nn.ParameterDict({name: nn.Parameter(torch.empty(shape)) for name, shape in shapes.items()})
        self.parametrizations = nn.ModuleDict({"weight": parts})

    def forward(self, x: Tensor) -> Tensor:
        length, direction = self.parametrizations["weight"].parameters()
        weight = torch._weight_norm(direction, length, 2)
        kernel = weight.shape[2]
        made = functional.conv1d(x.transpose(1, 2), weight, self.bias, padding=kernel // 2, groups=GROUPS)
        return functional.gelu(made[:, :, : made.shape[2] - (kernel + 1) % 2]).transpose(1, 2)


class _Layer(nn.Module):
    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.attention = nn.Module()
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            self.attention.add_module(name, nn.Linear(width, width))
        self.layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed_forward = nn.Module()
        self.feed_forward.add_module("intermediate_dense", nn.Linear(width, inner))
        self.feed_forward.add_module("output_dense", nn.Linear(inner, width))

    def forward(self, x: Tensor) -> Tensor:
        heads = (self.attention.get_submodule(f"{name}_proj")(x) for name in "qkv")
        query, key, value = (part.unflatten(2, (-1, HEAD)).transpose(1, 2) for part in heads)
        said = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = self.layer_norm(x + self.attention.get_submodule("out_proj")(said))
        inner = functional.gelu(self.feed_forward.get_submodule("intermediate_dense")(x))
        made: Tensor = self.final_layer_norm(x + self.feed_forward.get_submodule("output_dense")(inner))
        return made


def load_contentvec(path: Path, device: str = "cpu") -> ContentVec:
    """Of a file or a folder. Raises SpeechError `checkpoint_*` as TorchFile and `fill` do, `rvc_wrong_kind`."""
    weights = dict(_stored(path))
    try:
        channels = len(weights["feature_extractor.conv_layers.0.conv.weight"])
        width = len(weights["encoder.layer_norm.weight"])
        inner = len(weights["encoder.layers.0.feed_forward.intermediate_dense.weight"])
        kernel = weights["encoder.pos_conv_embed.conv.parametrizations.weight.original1"].shape[-1]
    except (KeyError, IndexError, TypeError):
        raise SpeechError("rvc_wrong_kind", file=path.name, found=", ".join(list(weights)[:4])[:120]) from None
    layers = sum(name.startswith("encoder.layers.") and name.endswith(".final_layer_norm.weight") for name in weights)
    with blank():
        has_bias = "feature_extractor.conv_layers.0.conv.bias" in weights
        network = ContentVec(channels, width, inner, layers, kernel, has_bias)
    fill(network, weights, "")
    return network.to(device)


def _stored(path: Path) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in _tensors(path):
        plain = name.removeprefix("hubert.")
        for pattern, ours in FAIRSEQ:
            plain = re.sub(pattern, ours, plain)
        head, _, last = plain.rpartition(".")
        yield (f"{head}.parametrizations.weight.{NORM[last]}" if last in NORM else plain), tensor


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    if path.is_dir():
        safe = path / "model.safetensors"
        path = safe if safe.exists() else path / "pytorch_model.bin"
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        yield from load_file(path).items()
        return
    file = TorchFile(path)
    root = file.root.get("model", file.root) if isinstance(file.root, dict) else {}
    for name, record in root.items() if isinstance(root, dict) else ():
        if isinstance(name, str) and isinstance(record, TensorRecord):
            yield name, file.tensor(record)
