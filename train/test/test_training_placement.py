"""A training step of XTTS on a device that this build has no kernels for: a tensor left on the CPU raises.

As in `tests/speech/test_device_placement.py`, by fake tensors on `lazy:0`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from speech.engines.weights import blank
from speech.engines.xtts.conditioning import Conditioning
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.gpt import Gpt
from train.lora import adapt
from train.xtts.losses import Batch, gpt_losses

DEVICE = "lazy:0"
CONFIG = XttsConfig(layers=2, width=64, heads=4, text_tokens=300, decoder_width=64)


def placed(make: Callable[[], nn.Module]) -> nn.Module:
    with blank():
        made = make()
    there = {n: torch.empty(v.shape, dtype=v.dtype, device=DEVICE) for n, v in made.state_dict().items()}
    made.load_state_dict(there, assign=True)
    return made.requires_grad_(False)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_step_stays_on_the_device(method: str) -> None:
    codes = [torch.arange(6), torch.arange(9)]
    with FakeTensorMode(allow_non_fake_inputs=True):
        gpt, conditioning = placed(lambda: Gpt(CONFIG)), placed(lambda: Conditioning(CONFIG, torch.ones(80)))
        assert isinstance(gpt, Gpt) and isinstance(conditioning, Conditioning)
        if method == "lora":
            generator = torch.Generator().manual_seed(0)
            adapters = adapt(gpt, 4, lambda name, layer: name.endswith("c_attn"), generator, alpha=8.0, dropout=0.1)
            trained = [half for adapter in adapters.values() for half in (adapter.up, adapter.down)]
        else:
            gpt.requires_grad_(True)
            trained = list(gpt.parameters())
        optimizer = torch.optim.AdamW(trained, lr=1e-3, foreach=True)
        batch = Batch([(5, 6, 7), (8, 9)], codes, torch.zeros(2, 80, 40), [(0, 2), (0, 0)])
        losses = gpt_losses(gpt, conditioning, batch)
        (losses.audio + 0.01 * losses.text).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        assert str(losses.audio.device) == DEVICE
        assert all(one.grad is None or str(one.grad.device) == DEVICE for one in trained)
