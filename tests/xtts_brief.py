"""A checkpoint whose network stops after a few tokens, so that a test need not wait for half a minute of noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILES = ("config.json", "vocab.json", "speakers_xtts.pth")
STOP = 1025


def write_brief(source: Path, folder: Path, stop_bias: float = 4.0, changes: Mapping[str, Any] | None = None) -> Path:
    """The checkpoint in `source` as safetensors, its stop token likelier by `stop_bias`, and other tensors changed."""
    from safetensors.torch import save_file

    from speech.engines.xtts.checkpoint import open_checkpoint

    weights = {name: tensor.clone() for name, tensor in open_checkpoint(source).weights.items()}
    weights["gpt.mel_head.bias"][STOP] += stop_bias
    folder.mkdir(parents=True, exist_ok=True)
    save_file({**weights, **(changes or {})}, folder / "model.safetensors")
    for name in FILES:
        (folder / name).write_bytes((source / name).read_bytes())
    return folder
