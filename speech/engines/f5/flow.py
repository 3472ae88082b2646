"""From noise to mel frames: Euler's steps along the velocities that the network gives (conditional flow matching).

Sway sampling and guidance are those of the paper (https://arxiv.org/abs/2410.06885, section 3.3); which few steps are
enough was found by F5-TTS's publishers ("empirically pruned step sampling").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech.engines.f5.config import BANDS, MOST_FRAMES
from speech.engines.f5.network import F5Network, places_of

# 32nds of the way, by the number of steps.
PRUNED = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


@dataclass(frozen=True)
class FlowOptions:
    """How the way from noise to speech is walked."""

    steps: int = 32  # of the network
    guidance: float = 2.0  # how far away from what the network says without text and reference
    sway: float = -1.0  # below 0: more of the steps at the beginning


@dataclass(frozen=True, eq=False)
class Passage:
    """One row: the reference's frames, the token numbers of its words and the new ones, and how long it all is."""

    reference: Tensor  # (frames, 100), log mel
    ids: Sequence[int]
    frames: int  # with the reference's
    seed: int = 0

    @property
    def length(self) -> int:
        """At least one frame a token, and one more than the reference has; no longer than the network knows."""
        return min(max(self.frames, len(self.ids) + 1, len(self.reference) + 1), MOST_FRAMES)


def times_of(options: FlowOptions) -> NDArray[np.float32]:
    """(steps + 1,), from 0 to 1."""
    if options.steps in PRUNED:
        times = np.array(PRUNED[options.steps], np.float32) / np.float32(32)
    else:
        times = np.linspace(0, 1, options.steps + 1, dtype=np.float32)
    swayed: NDArray[np.float32] = (times + options.sway * (np.cos(np.pi / 2 * times) - 1 + times)).astype(np.float32)
    return swayed


def generate(network: F5Network, passages: Sequence[Passage], options: FlowOptions) -> list[Tensor]:
    """Log mel (frames, 100) of what each passage says after its reference, in one pass; float32, on the CPU."""
    *_, made = steps(network, passages, options)
    assert made is not None
    return made


def steps(network: F5Network, passages: Sequence[Passage], options: FlowOptions) -> Iterator[None | list[Tensor]]:
    """As `generate`, that last; None before each step, so that the work can be left there."""
    device = network.proj_out.weight.device
    lengths = [passage.length for passage in passages]
    times = times_of(options)
    with torch.inference_mode():
        modulations = network.modulations(torch.from_numpy(times[:-1]).to(device))
        places = places_of(lengths * 2, device)
        conditions = _conditions(network, passages, lengths)
        x = _padded([_noise(one, length).to(device) for one, length in zip(passages, lengths, strict=True)])
    for step, width in enumerate(np.diff(times).tolist()):
        yield None
        with torch.inference_mode():
            own = [made[step] for made in modulations]
            guided, plain = network(x, conditions, own, places).chunk(2)
            x = x + width * (guided + (guided - plain) * options.guidance)
    found = x.float().cpu()
    yield [row[len(one.reference) : length] for row, one, length in zip(found, passages, lengths, strict=True)]


def _conditions(network: F5Network, passages: Sequence[Passage], lengths: Sequence[int]) -> Tensor:
    """What the network makes of reference and text of every row, then of every row without them.

    A text is embedded by itself: the norm in it goes over all frames of a row.
    """
    device = network.proj_out.weight.device
    references = _padded([one.reference.to(device) for one in passages], max(lengths))
    texts = [
        network.text_embed(one.ids, length, is_dropped)
        for is_dropped in (False, True)
        for one, length in zip(passages, lengths, strict=True)
    ]
    return network.input_embed.conditions(torch.cat((references, torch.zeros_like(references))), _padded(texts))


def _noise(passage: Passage, length: int) -> Tensor:
    """Drawn on the CPU, so that a seed gives the same on every device."""
    return torch.randn(length, BANDS, generator=torch.Generator().manual_seed(passage.seed))


def _padded(rows: Sequence[Tensor], frames: int = 0) -> Tensor:
    """Rows with zeros up to `frames`, or to the longest."""
    most = max(frames, *(len(row) for row in rows)) if len(rows) > 1 else max(frames, len(rows[0]))
    return torch.stack([torch.nn.functional.pad(row, (0, 0, 0, most - len(row))) for row in rows])
