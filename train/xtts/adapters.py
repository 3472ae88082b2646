"""What fine-tuning leaves on the disk: adapters of a few megabytes, or a whole checkpoint that the engine loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speech.engines.xtts.adapters import FORMAT, WEIGHTS, Adapter
from speech.errors import SpeechError
from speech.files import write_whole
from train.lora import LowRank

BESIDE = ("config.json", "vocab.json", "speakers_xtts.pth")  # of the base checkpoint, which the engine needs too


def adapter_of(adapters: Mapping[str, LowRank], base: str) -> Adapter:
    """A copy of what was learned."""
    factors = {
        name: (layer.up.detach().cpu().clone(), layer.down.detach().cpu().clone()) for name, layer in adapters.items()
    }
    scale = next(iter(adapters.values())).scale if adapters else 1.0
    return Adapter(factors, scale, base)


def save_adapter(path: Path, adapter: Adapter) -> None:
    """One safetensors file, there whole or not at all. Raises OSError."""
    from safetensors.torch import save

    tensors = {f"{name}.{half}": factor for name, both in adapter.factors.items() for half, factor in _named(both)}
    meta = {"format": FORMAT, "scale": repr(adapter.scale), "base": adapter.base}
    write_whole(path, save(tensors, meta))


def put(adapters: Mapping[str, LowRank], adapter: Adapter) -> None:
    """Give a network's adapters what a file holds. Raises SpeechError `adapter_other_shape`."""
    with torch.no_grad():
        for name, layer in adapters.items():
            up, down = adapter.factors.get(name, (torch.empty(0), torch.empty(0)))
            if up.shape != layer.up.shape or down.shape != layer.down.shape:
                raise SpeechError("adapter_other_shape", layer=name, found=list(up.shape), wanted=list(layer.up.shape))
            layer.up.copy_(up)
            layer.down.copy_(down)


def write_checkpoint_folder(
    target: Path, base_dir: Path, weights: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> None:
    """A folder that the engine loads as a checkpoint of its own (`speech.engines.xtts`), with `meta.json`."""
    from safetensors.torch import save_file

    target.mkdir(parents=True, exist_ok=True)
    for name in BESIDE:
        if (base_dir / name).exists():
            shutil.copyfile(base_dir / name, target / name)
    temporary = target / f".{WEIGHTS}.new"
    save_file({name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}, temporary)
    temporary.replace(target / WEIGHTS)
    (target / "meta.json").write_text(json.dumps(dict(meta), indent=2), encoding="utf-8")


def _named(both: tuple[Tensor, Tensor]) -> list[tuple[str, Tensor]]:
    return [("up", both[0].contiguous()), ("down", both[1].contiguous())]
