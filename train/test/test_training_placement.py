"""The loop's own steps on a device that this build has no kernels for: a tensor left on the CPU raises.

As in `tests/speech/test_device_placement.py`, by fake tensors on `lazy:0`. A number that is read back is 1, or 0 of
whole ones, since there is none. What mixed precision does on a GPU is not seen here: PyTorch has no autocast for the
stand-in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from speech.engines.weights import blank
from speech.engines.xtts.conditioning import Conditioning
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.gpt import Gpt
from train.loop import _start, _step, _validate
from train.options import options_from
from train.progress import NullReporter
from train.xtts.corpus import Example
from train.xtts.trainable import XttsFit

DEVICE = "lazy:0"
CONFIG = XttsConfig(layers=2, width=64, heads=4, text_tokens=300, decoder_width=64)


class Placed(FakeTensorMode):
    """Numbers that a step reads back are stand-ins."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            kind = args[0].dtype
            return True if kind is torch.bool else 1.0 if kind.is_floating_point else 0
        return super().__torch_dispatch__(func, types, args, kwargs)


def placed(make: Callable[[], nn.Module]) -> nn.Module:
    with blank():
        made = make()
    there = {n: torch.empty(v.shape, dtype=v.dtype, device=DEVICE) for n, v in made.state_dict().items()}
    made.load_state_dict(there, assign=True)
    vars(made)["to"] = lambda device: made  # it is there, and fake tensors cannot be swapped
    return made.requires_grad_(False)


def examples() -> list[Example]:
    return [Example(f"c{n}", "ana", (5, 6, 7 + n), torch.arange(6 + n), torch.zeros(80, 200), 2.3) for n in range(3)]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_steps_and_validations_of_the_loop_stay_on_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Fused AdamW, the running mean of the weights, and of all weights the conditioning too."""
    supported = torch.utils._foreach_utils._get_fused_kernels_supported_devices
    optimizer = sys.modules["torch.optim.optimizer"]  # a class of torch.optim hides the module
    monkeypatch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: [*supported(), "lazy"])
    options = options_from(
        {
            "model": {"method": method, "batch_size": 2, "rank": 4},
            "run": {"average": 0.9, "accumulation": 2},
        }
    )
    for name, make in (("gpt", lambda: Gpt(CONFIG)), ("conditioning", lambda: Conditioning(CONFIG, torch.ones(80)))):
        monkeypatch.setattr(f"train.xtts.trainable.load_{name}", lambda *arguments, make=make: placed(make))
    checkpoint: Any = SimpleNamespace(config=CONFIG, weights={})
    loop = options.loop(8)
    with Placed(allow_non_fake_inputs=True):
        fit = XttsFit(checkpoint, examples(), examples()[:1], options.model, DEVICE)
        state = _start(fit, loop, tmp_path / "resume.pt")
        values = _step(fit, loop, state)
        _validate(fit, state, NullReporter(), lambda step: None, None)
        assert values["loss"] == 2.0, "two terms were read back"
        trained = [one for group in fit.parameters() for one in group.parameters]
        moments = [value for one in state.optimizer.state.values() for value in one.values()]
        held = [*trained, *(one.grad for one in trained), *state.average, *state.best, *moments]
        assert loop.optimizer == "adamw" and loop.average
        assert len(moments) == 3 * len(trained)
        assert {str(one.device) for one in held if one is not None} == {DEVICE}
        assert (method == "full") == all(one.grad is not None for one in fit.conditioning.parameters())
