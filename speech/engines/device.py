"""Where an engine runs: the one place that decides it."""

from __future__ import annotations

import importlib.util
from typing import Literal, get_args

from speech.engines.base import Described
from speech.errors import SpeechError

Asked = Literal["auto", "cpu", "cuda"]
CHOICES: tuple[str, ...] = get_args(Asked)


def choose(asked: str, info: Described) -> str:
    """The device that `info`'s engine uses here when a person asked for `asked`.

    `auto` is a GPU where the engine can use one and PyTorch sees one. An engine that knows one device uses it whatever
    is asked. Raises SpeechError `device_missing` for a GPU that is not there.
    """
    if len(info.devices) == 1:
        return info.devices[0]
    if asked == "cpu" or "cuda" not in info.devices:
        return "cpu"
    if _sees_cuda():
        return "cuda"
    if asked == "cuda":
        raise SpeechError("device_missing", engine=info.name, device=asked, choices=["auto", "cpu"])
    return "cpu"


def _sees_cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
