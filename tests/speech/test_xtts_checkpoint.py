"""Rows S0-6 and 7.3-1: a folder in the hub's layout opens as it is, and a wrong, broken or hostile one says why not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech.engines.xtts.config import read_config
from speech.errors import SpeechError

torch = pytest.importorskip("torch")
checkpoint = pytest.importorskip("speech.engines.xtts.checkpoint")


def refused(code: str, call: Callable[..., object], *arguments: object) -> SpeechError:
    with pytest.raises(SpeechError) as error:
        call(*arguments)
    assert error.value.code == code, error.value
    return error.value


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())}


@pytest.fixture
def folder(xtts_tiny: Path, tmp_path: Path) -> Path:
    """A folder of its own: every file is a link to the one of the session, to be replaced one at a time."""
    own = tmp_path / "weights"
    own.mkdir()
    for path in xtts_tiny.iterdir():
        os.link(path, own / path.name)
    return own


def replace(path: Path, content: bytes | str | dict[str, Any]) -> None:
    path.unlink()
    text = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def changed_config(folder: Path, **args: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_args"].update(args)
    replace(folder / "config.json", config)


def test_it_opens_as_it_is(xtts_tiny: Path) -> None:
    before = listing(xtts_tiny)
    found = checkpoint.open_checkpoint(xtts_tiny)
    assert found.config == read_config(xtts_tiny / "config.json")
    assert (found.config.layers, found.config.width, found.config.start_text, found.config.stop_text) == (2, 64, 261, 0)
    stored = torch.load(xtts_tiny / "mel_stats.pth", weights_only=True)
    assert torch.equal(found.weights["mel_stats"], stored) and found.weights["mel_stats"].dtype == torch.float32
    assert found.vocab_path == xtts_tiny / "vocab.json"
    assert listing(xtts_tiny) == before


def test_all_tensors_equal_what_torch_reads(xtts_tiny: Path) -> None:
    found = checkpoint.read_dvae(xtts_tiny)
    stored = torch.load(xtts_tiny / "dvae.pth", weights_only=True)
    assert list(found) == list(stored) and all(torch.equal(found[name], stored[name]) for name in stored)


def test_nothing_is_copied(xtts_tiny: Path) -> None:
    """All weights lie in one mapping of the file."""
    found = checkpoint.open_checkpoint(xtts_tiny)
    assert len({tensor.untyped_storage().data_ptr() for tensor in found.weights.values()}) == 1
