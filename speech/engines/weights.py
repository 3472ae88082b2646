"""Weights of a file into modules that were made without memory: each tensor's shape, type and values checked once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from speech.errors import SpeechError


class _NoDraws(TorchFunctionMode):
    """Leaves out first values: on the meta device they are none, and nn.Embedding's import PyTorch's compiler (3 s)."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        return named["tensor"] if func is nn.init.normal_ else func(*args, **named)


@contextmanager
def blank() -> Iterator[None]:
    """Modules made in this context are on the meta device, without memory or random numbers, for `fill`."""
    with torch.device("meta"), _NoDraws():
        yield


def fill(module: nn.Module, weights: Mapping[str, Tensor], prefix: str) -> None:
    """Give `module`, made in `blank`, its tensors `prefix` + name, and set it to evaluation without gradients.

    float32 tensors stay views of the file; half-precision ones are widened. Raises SpeechError
    `checkpoint_tensor_missing`, `_shape`, `_dtype` or `_values` (not a number, or infinite).
    """
    wanted = module.state_dict()
    given = {name: checked_tensor(prefix + name, like.dtype, like.shape, weights) for name, like in wanted.items()}
    module.load_state_dict(given, assign=True)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_meta:  # a buffer that is in no state dict
            raise SpeechError("checkpoint_tensor_missing", tensor=prefix + name)
    module.eval().requires_grad_(False)


def let_backward(module: nn.Module) -> None:
    """cuDNN refuses the backward of an LSTM in evaluation mode; without dropout both modes compute the same. A CPU does
    not, and nothing changes there."""
    for part in module.modules():
        if isinstance(part, nn.LSTM) and part.weight_ih_l0.device.type != "cpu":
            part.train()


def safetensors_in(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Its tensors by name, as views of it. Raises SpeechError `checkpoint_damaged`."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)[:200]) from None


def tensor_of(name: str, shape: Iterable[int], weights: Mapping[str, Tensor]) -> Tensor:
    """The tensor `name`, of `shape`. Raises SpeechError `checkpoint_tensor_missing`, `_shape`."""
    if name not in weights:
        raise SpeechError("checkpoint_tensor_missing", tensor=name)
    found = weights[name]
    if tuple(found.shape) != tuple(shape):
        raise SpeechError("checkpoint_tensor_shape", tensor=name, shape=str(list(found.shape)), wanted=str(list(shape)))
    return found


def checked_tensor(name: str, dtype: torch.dtype, shape: Iterable[int], weights: Mapping[str, Tensor]) -> Tensor:
    """`tensor_of` as `dtype`, finite. Raises SpeechError `checkpoint_tensor_missing`, `_shape`, `_dtype`, `_values`."""
    found = tensor_of(name, shape, weights)
    if found.dtype != dtype and not (found.is_floating_point() and dtype.is_floating_point):
        raise SpeechError("checkpoint_tensor_dtype", tensor=name, dtype=str(found.dtype), wanted=str(dtype))
    if found.is_floating_point() and not _is_finite(found.float()):
        raise SpeechError("checkpoint_tensor_values", tensor=name)
    return found.to(dtype)


def _is_finite(tensor: Tensor) -> bool:
    """In one pass of one thread: a team of threads starts slower than most of these tensors add up."""
    with np.errstate(all="ignore"):
        total = float(tensor.numpy().sum())
    return math.isfinite(total) or bool(torch.isfinite(tensor).all())
