"""What a stopped training goes on from: one file, there whole or not at all, read without running anything in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Tensors, numbers, lists and dictionaries; on the disk when it returns."""
    import torch

    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> Any | None:
    """The saved state; None where there is none."""
    import torch

    if not path.exists():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")
