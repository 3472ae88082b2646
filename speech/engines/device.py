"""Where an engine runs: the one place that decides it."""

from __future__ import annotations

import errno
import importlib.util
from typing import Literal, get_args

from speech.engines.base import Described
from speech.engines.memory import available_bytes
from speech.errors import SpeechError

Asked = Literal["auto", "cpu", "cuda"]
CHOICES: tuple[str, ...] = get_args(Asked)
NO_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


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


def use_full_precision(device: str) -> None:
    """Have a GPU compute float32 as such, in whatever engine or training this process holds: convolutions would take
    TF32 by themselves, and matrix products not. The pool calls it before an engine loads.

    https://docs.pytorch.org/docs/stable/notes/cuda.html#tensorfloat-32-tf32-on-ampere-and-later-devices
    """
    if device != "cpu":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False


def free_bytes(device: str) -> int | None:
    """What a GPU can still give; None for a CPU, whose memory is the machine's."""
    if device == "cpu":
        return None
    import torch

    return int(torch.cuda.mem_get_info()[0])


def memory_left(device: str) -> int | None:
    """What the machine or the GPU can still give; None where it does not tell."""
    on_device = free_bytes(device)
    return available_bytes() if on_device is None else on_device


def memory_short(name: str, needed: int, device: str, free: int | None) -> SpeechError:
    """What is told where an engine of `needed` bytes has no room."""
    code = "machine_memory_short" if device == "cpu" else "device_memory_short"
    return SpeechError(code, engine=name, needed_mb=needed >> 20, free_mb=(free or 0) >> 20)


def has_failed(error: BaseException) -> bool:
    """Whether an error of PyTorch's means that the GPU's context is dead, which only the end of the process mends.

    A lack of memory is none: what was asked for was not given, and the rest goes on.
    """
    text = str(error)
    is_from_device = "CUDA error" in text or "HIP error" in text
    return isinstance(error, RuntimeError) and is_from_device and not is_out_of_memory(error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was asked for, of the machine or of a GPU, and not given: PyTorch says so by a RuntimeError."""
    if isinstance(error, RuntimeError):
        return any(words in str(error).lower() for words in NO_MEMORY)
    return isinstance(error, MemoryError) or isinstance(error, OSError) and error.errno == errno.ENOMEM


def reason_of(error: BaseException) -> str:
    """The first line of what it says, which PyTorch follows with advice for programmers."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _sees_cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
