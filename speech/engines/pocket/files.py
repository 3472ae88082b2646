"""Which models a folder of Pocket TTS weights has, told without reading them.

A folder has one folder a language, with the publishers' name: `portuguese/model.safetensors`, `tokenizer.json` (or
`tokenizer.model`), and where the package knows no model of that name its `config.yaml`.
"""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from pathlib import Path

from speech.engines.pocket.record import LANGUAGES
from speech.errors import SpeechError

MODEL, CONFIG = "model.safetensors", "config.yaml"
TOKENIZERS = ("tokenizer.json", "tokenizer.model")
MOST_HEADER_BYTES = 100_000_000  # as of safetensors
BYTES = 4  # of a number in memory, however it is stored


def model_folders(root: Path) -> dict[str, Path]:
    """By language; of several models of one the last by name, so `portuguese_24l` before `portuguese`."""
    tags = {name: tag for tag, name in LANGUAGES.items()}
    folders = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return {tags[name]: path for path in folders if (name := path.name.partition("_")[0]) in tags}


def missing_files(root: Path) -> list[str]:
    """What a folder lacks to be one."""
    found = model_folders(root)
    if not found:
        return [" / ".join(LANGUAGES.values())]
    missing = []
    for path in found.values():
        if not (path / MODEL).is_file():
            missing.append(f"{path.name}/{MODEL}")
        if not tokenizer_file(path):
            missing.append(f"{path.name}/{' / '.join(TOKENIZERS)}")
        if not config_file(path):
            missing.append(f"{path.name}/{CONFIG}")
    return missing


def tokenizer_file(folder: Path) -> Path | None:
    return next((folder / name for name in TOKENIZERS if (folder / name).is_file()), None)


def config_file(folder: Path) -> Path | None:
    """The folder's own, else the package's for a model of that name."""
    package = find_spec("pocket_tts")
    places = package.submodule_search_locations if package and package.submodule_search_locations else []
    wanted = [folder / CONFIG, *(Path(place) / "config" / f"{folder.name}.yaml" for place in places)]
    return next((path for path in wanted if path.is_file()), None)


def size_bytes(root: Path) -> int:
    """That all models of a folder take in fp32. Raises SpeechError `checkpoint_damaged`."""
    return sum(_numbers(folder / MODEL) for folder in model_folders(root).values()) * BYTES


def _numbers(path: Path) -> int:
    """In all tensors, from the header alone."""
    try:
        with path.open("rb") as file:
            count = int.from_bytes(file.read(8), "little")
            if count > MOST_HEADER_BYTES:
                raise ValueError(f"a header of {count} bytes")
            header = json.loads(file.read(count))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)[:200]) from None
