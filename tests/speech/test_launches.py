"""What a step of XTTS's GPT asks of a GPU, counted without one: kernels to start and transfers to wait for.

On `meta`, which computes no numbers: what comes down from it is zeros. At 5 µs a launch 30 layers take 2.4 ms a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from speech.engines.weights import blank
from speech.engines.xtts.checkpoint import Latents
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.decoding import Decoder, KeyValues, Row, Utterance
from speech.engines.xtts.gpt import Gpt
from speech.engines.xtts.sampling import SamplingOptions

pytestmark = pytest.mark.networks

CONFIG = XttsConfig(layers=2, width=64, heads=4, text_tokens=300, decoder_width=64)
DEVICE = "meta"
TRANSFERS = 3  # a step: tokens and places up, hidden states and logits down


class Counting(TorchDispatchMode):
    """Kernels started on the device, and what goes between it and the machine."""

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.transfers = 0
        self._made = Made(self)

    def __enter__(self) -> Counting:
        self._made.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._made.__exit__(*error)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        given = [one for one in tree_leaves((args, named)) if isinstance(one, Tensor)]
        is_cast = str(func).startswith(("aten.to.", "aten._to_copy."))
        if is_cast and named.get("device") == torch.device("cpu") and given[0].device.type == DEVICE:
            self.transfers += 1
            return torch.zeros(given[0].shape, dtype=named.get("dtype") or given[0].dtype)
        made = func(*args, **named)
        got = [one for one in tree_leaves(made) if isinstance(one, Tensor)]
        places = {one.device.type for one in (*given, *got)}
        if DEVICE in places:
            self.transfers += len(places) > 1
            is_converted = is_cast and got[0].dtype != given[0].dtype
            self.launches += is_converted or not (func.is_view or "empty" in str(func) or "detach" in str(func))
        return made


class Made(TorchFunctionMode):
    """Counts tensors made of Python's numbers, which go up."""

    def __init__(self, counting: Counting) -> None:
        super().__init__()
        self._counting = counting

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._counting.transfers += func is torch.tensor and str((kwargs or {}).get("device")) == DEVICE
        return func(*args, **(kwargs or {}))


def step_of(layers: int, rows: int, precision: str) -> Counting:
    """The second step of rows that began together."""
    with blank():
        gpt = Gpt(replace(CONFIG, layers=layers))
    decoder = Decoder(gpt.eval().requires_grad_(False), precision)
    said = Utterance((5, 6, 7), Latents(torch.zeros(1, 32, 64), torch.zeros(1, 512, 1)), SamplingOptions(), "a", 50)
    with Counting(), torch.inference_mode():
        under_way = [Row(said, gpt, KeyValues(gpt)) for _ in range(rows)]
        decoder.step(under_way)
    with Counting() as counting:
        decoder.step(under_way)
    assert all(len(row.tokens) == 2 for row in under_way)
    return counting


@pytest.mark.parametrize(("precision", "shared"), [("fp32", 12), ("bf16", 20)])
@pytest.mark.parametrize("rows", [1, 8])
@pytest.mark.parametrize("layers", [2, 4])
def test_a_step_keeps_to_its_budget(precision: str, shared: int, rows: int, layers: int) -> None:
    """A layer starts `shared` kernels for all rows and four for each; six stand around the layers."""
    counted = step_of(layers, rows, precision)
    assert counted.transfers == TRANSFERS
    assert 0 < counted.launches <= layers * (shared + 4 * rows) + 6
