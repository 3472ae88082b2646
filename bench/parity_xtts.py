"""Our XTTS-v2 against coqui-tts on the same seeded weights: `./run parity [--size tiny|full|both] [--golden]`.

The reference runs in an environment of its own (`--python`), because its packages are none of ours. `--golden` writes
what it makes of the tiny weights to `tests/speech/golden/xtts`, which `./run test` compares with.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parent.parent / "tests/speech/golden/xtts"
STEPS = {"spoken": 3, "spoken.1.3": 7, "spoken.0.7": 11, "codes.decoded": 2}  # only every so many values are kept
ROWS = {"decoded.1.hidden": 40}  # only so many of the first rows


def kept(name: str, values: NDArray[Any]) -> NDArray[Any]:
    """What the golden files hold of an output."""
    return values[: ROWS.get(name)][..., :: STEPS.get(name, 1)] if values.shape else values


def write_golden(made: Mapping[str, NDArray[Any]], folder: Path) -> None:
    """`networks.npz` and `decoding.npz`, each below 200 kB."""
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, dict[str, NDArray[Any]]] = {"networks": {}, "decoding": {}}
    for name, values in made.items():
        if name != "tokens":  # they are in tokens.json
            part = "decoding" if name.startswith(("decoded", "text")) else "networks"
            parts[part][name] = kept(name, values)
    for part, arrays in parts.items():
        path = folder / f"{part}.npz"
        np.savez_compressed(path, **arrays)
        if path.stat().st_size > 200_000:
            raise SystemExit(f"{path.name} is {path.stat().st_size} bytes")
