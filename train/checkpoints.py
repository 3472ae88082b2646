"""What a stopped training goes on from, and the snapshots that are kept on the way.

A resume file is there whole or not at all and is read without running anything in it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

META = "meta.json"
OPTIONS, CHECKPOINTS = "options.json", "checkpoints"  # in a run's folder: what it was asked, its snapshots


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Tensors, numbers, lists and dictionaries; on the disk when it returns. Where the disk takes it not, the file
    that was there before stays. Raises OSError."""
    import torch

    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    os.replace(temporary, path)


def load_checkpoint(path: Path) -> Any | None:
    """The saved state, on the CPU; None where there is none."""
    import torch

    if not path.exists():
        return None
    return torch.load(path, weights_only=True, map_location="cpu")


@dataclass(frozen=True)
class SnapshotPolicy:
    """Which of the validated weights stay on the disk."""

    every: int = 0  # steps between two snapshots; 0: only the best
    keep: int = 3  # of those; the oldest go first
    keep_best: bool = True  # that of the lowest validation loss and that of the best score stay besides


class Snapshots:
    """Folders `step-000120` with what `write` puts there and `meta.json`, each there whole or not at all."""

    def __init__(self, folder: Path, policy: SnapshotPolicy, write: Callable[[Path], Mapping[str, Any]]) -> None:
        """`write` fills a new folder and returns what `meta.json` says besides step and losses."""
        self._folder, self._policy, self._write = folder, policy, write

    def take(self, step: int, losses: Mapping[str, float], is_best: bool) -> bool:
        """Called after a validation, with the validated weights in place; whether there is one of it now. Raises
        OSError."""
        if not self._is_due(step) and not (is_best and self._policy.keep_best):
            return False
        target = self._folder / f"step-{step:06}"
        temporary = self._folder / f".step-{step:06}.new"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            meta = {"step": step, "losses": dict(losses), "is_best": is_best, **self._write(temporary)}
            (temporary / META).write_text(json.dumps(meta, indent=2), encoding="utf-8")
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
        self._prune()
        return target.is_dir()

    def _is_due(self, step: int) -> bool:
        return bool(self._policy.every) and step % self._policy.every == 0

    def _prune(self) -> None:
        """Former best ones go first where others are kept at their steps, then the oldest."""
        from train.evidence import ranked_snapshots

        kept = snapshots_in(self._folder)
        best = set()
        if self._policy.keep_best:
            best = {min(kept, key=lambda each: each[1]["losses"].get("loss", 0.0))[0], ranked_snapshots(kept)[0][0]}
        others = [(path, meta["step"]) for path, meta in kept if path not in best]
        passed = [path for path, step in others if self._policy.every and not self._is_due(step)]
        due = [path for path, _ in others if path not in passed]
        for path in (*passed, *due[: max(0, len(due) - self._policy.keep)]):
            shutil.rmtree(path)


def snapshots_in(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Whole snapshots with their `meta.json`, by step; a damaged one is left out."""
    found = []
    for path in sorted(folder.glob("step-*")):
        try:
            found.append((path, json.loads((path / META).read_text(encoding="utf-8"))))
        except (OSError, ValueError):
            continue
    return found
