"""Which files a folder of F5-TTS weights has, told without reading them."""

from __future__ import annotations

from pathlib import Path

VOCOS = ("vocos/model.safetensors", "vocos/pytorch_model.bin")


def model_file(folder: Path) -> Path | None:
    """The one file of weights beside `vocab.txt`; of several the last by name, safetensors first."""
    for pattern in ("*.safetensors", "*.pt"):
        if found := sorted(folder.glob(pattern)):
            return found[-1]
    return None


def missing_files(folder: Path) -> list[str]:
    """What a folder lacks to be one."""
    missing = [] if model_file(folder) else ["*.safetensors / *.pt"]
    if not (folder / "vocab.txt").is_file():
        missing.append("vocab.txt")
    if not any((folder / name).is_file() for name in VOCOS):
        missing.append(" / ".join(VOCOS))
    return missing


def size_bytes(folder: Path) -> int:
    """Of the files that are read."""
    found = [model_file(folder), *(folder / name for name in VOCOS)]
    return sum(path.stat().st_size for path in found if path and path.is_file())
