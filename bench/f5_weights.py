"""A seeded random F5-TTS folder in the publishers' layout, made with neither the reference nor a download.

`write_checkpoint(folder, "tiny" | "full")` writes model_1250000.safetensors (`ema_model.transformer.*`), vocab.txt and
vocos/{config.yaml,pytorch_model.bin}. A tensor's values come from its name and the seed alone, scaled so that signals
neither die nor explode.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import string
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from speech.engines.f5.config import F5Config
from speech.engines.f5.network import F5Network
from speech.engines.f5.vocos import Vocos
from speech.engines.weights import blank

Size = Literal["tiny", "full"]
TOKENS = {"tiny": 180, "full": 2545}
VOCOS = {"tiny": (64, 96, 2), "full": (512, 1536, 8)}  # width, inner width, layers
CONFIG = """\
feature_extractor:
  class_path: vocos.feature_extractors.MelSpectrogramFeatures
  init_args: {{sample_rate: 24000, n_fft: 1024, hop_length: 256, n_mels: 100, padding: center}}
backbone:
  class_path: vocos.models.VocosBackbone
  init_args: {{input_channels: 100, dim: {0}, intermediate_dim: {1}, num_layers: {2}}}
head:
  class_path: vocos.heads.ISTFTHead
  init_args: {{dim: {0}, n_fft: 1024, hop_length: 256, padding: center}}
"""


def config_of(size: Size) -> F5Config:
    tokens = TOKENS[size] + 1
    if size == "full":
        return F5Config(1024, 22, 16, 2048, 512, 4, tokens)
    return F5Config(64, 2, 2, 128, 32, 2, tokens)


def vocabulary(count: int) -> list[str]:
    """A space, what Portuguese and English are written with, syllables of pinyin, and fillers."""
    syllables = [f"{one}{tone}" for one in ("ni", "hao", "shi", "jie") for tone in range(1, 5)]
    tokens = [" ", *string.printable[:94], *"áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇñß¿¡…—", *syllables]
    return [*tokens, *(f"@{number}" for number in range(count - len(tokens)))][:count]


def write_checkpoint(folder: Path, size: Size = "tiny", seed: int = 0) -> Path:
    """Write the folder (made when missing) and give it back."""
    from safetensors.torch import save_file

    (folder / "vocos").mkdir(parents=True, exist_ok=True)
    with blank():
        network, vocos = F5Network(config_of(size)), Vocos(*VOCOS[size])
    made = {f"ema_model.transformer.{name}": tensor for name, tensor in drawn(network, seed).items()}
    inverse = 1.0 / 10000 ** (torch.arange(0, 64, 2).float() / 64)
    made |= {"ema_model.transformer.rotary_embed.inv_freq": inverse, "initted": torch.tensor(True)}
    save_file({**made, "step": torch.tensor(1250000)}, folder / "model_1250000.safetensors")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary(TOKENS[size])), encoding="utf-8")
    (folder / "vocos/config.yaml").write_text(CONFIG.format(*VOCOS[size]), encoding="utf-8")
    torch.save(drawn(vocos, seed), folder / "vocos/pytorch_model.bin")
    return folder


def drawn(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """A value for each tensor of a module made in `blank`."""
    return {
        name: torch.from_numpy(_values(name, tuple(like.shape), seed)) for name, like in module.state_dict().items()
    }


def _values(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    key = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little")
    noise = np.random.default_rng(key).standard_normal(shape, dtype=np.float32)
    if name == "head.out.bias":  # magnitudes of quiet sound
        return np.where(np.arange(shape[0]) < shape[0] // 2, np.float32(-1), noise).astype(np.float32)
    if name.endswith("norm.weight") or name.endswith("gamma") and "convnext" in name:
        return (1 + 0.1 * noise).astype(np.float32)
    if len(shape) < 2 or "grn" in name:
        return (0.1 * noise).astype(np.float32)
    gain = 0.5 if "attn_norm" in name or "norm_out" in name else 1.0
    return (noise * np.float32(gain / math.sqrt(math.prod(shape[1:])))).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    asked = parser.parse_args()
    print(write_checkpoint(asked.folder, asked.size))


if __name__ == "__main__":
    main()
