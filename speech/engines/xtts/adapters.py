"""Fine-tuned weights of XTTS-v2 as files: adapters of a few megabytes beside the base, or a whole checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from speech.engines.xtts.checkpoint import Checkpoint, open_checkpoint
from speech.engines.xtts.config import ADAPTER, BLEND, WEIGHTS
from speech.errors import SpeechError

FORMAT = "papagaio-xtts-lora-1"


@dataclass(frozen=True)
class Adapter:
    """Factors of each layer by its name in the GPT (`gpt.h.0.attn.c_attn`): up (out, r), down (r, in), and the scale
    of their product; `base` is the digest of the checkpoint they were learned beside."""

    factors: Mapping[str, tuple[Tensor, Tensor]]
    scale: float
    base: str

    def delta(self, name: str) -> Tensor:
        """What is added to the layer's weight (in, out)."""
        up, down = self.factors[name]
        return (self.scale * (up.float() @ down.float())).T


def load_adapter(path: Path) -> Adapter:
    """Raises SpeechError `adapter_unreadable` for anything but a whole adapter of this format."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            meta = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        if meta.get("format") != FORMAT:
            raise ValueError(f"format {meta.get('format')}")
        names = sorted({name.rpartition(".")[0] for name in tensors})
        factors = {name: (tensors[f"{name}.up"], tensors[f"{name}.down"]) for name in names}
        return Adapter(factors, float(meta["scale"]), meta["base"])
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise SpeechError("adapter_unreadable", file=path.name, reason=str(error)[:200]) from None


def merged(checkpoint: Checkpoint, blend: Sequence[tuple[Adapter, float]]) -> dict[str, Tensor]:
    """The checkpoint's weights with each adapter's product added, times its weight.

    Raises SpeechError `adapter_other_base` for adapters of another checkpoint, `adapter_other_shape`.
    """
    weights = dict(checkpoint.weights)
    for adapter, share in blend:
        if adapter.base != checkpoint.digest:
            raise SpeechError("adapter_other_base", base=adapter.base[:12], found=checkpoint.digest[:12])
        for name in adapter.factors:
            key, delta = f"gpt.{name}.weight", adapter.delta(name)
            if key not in weights or weights[key].shape != delta.shape:
                found = list(weights[key].shape) if key in weights else []
                raise SpeechError("adapter_other_shape", layer=name, found=found, wanted=list(delta.shape))
            weights[key] = weights[key].float() + share * delta
    return weights


def _blended(folder: Path) -> list[tuple[Path, float]]:
    """What a folder stands for; nothing where it is no blend."""
    path = folder / BLEND
    if not path.is_file():
        return []
    return [(Path(part), float(share)) for part, share in json.loads(path.read_text(encoding="utf-8"))]


def open_tuned(base_dir: Path, weights_dir: Path) -> Checkpoint:
    """The checkpoint in `base_dir` with the fine-tuned weights in `weights_dir` in their place, or with the adapters
    that its BLEND names added by weight.

    Raises SpeechError as `open_checkpoint`, `load_adapter` and `merged` do, `checkpoint_missing`.
    """
    parts = [(weights_dir, 1.0)] if (weights_dir / ADAPTER).is_file() else _blended(weights_dir)
    if parts:
        base = open_checkpoint(base_dir)
        return replace(base, weights=merged(base, [(load_adapter(folder / ADAPTER), share) for folder, share in parts]))
    if not (weights_dir / WEIGHTS).is_file():
        raise SpeechError("checkpoint_missing", folder=weights_dir.parent.parent.name, file=ADAPTER)
    return open_checkpoint(weights_dir)
