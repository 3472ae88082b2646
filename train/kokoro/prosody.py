"""The prosody half of a voice: durations, F0 and energy as the speaker has them, fitted to the style alone.

The predictor's weights stay: they know nine languages, and a minute of one does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speech.engines.kokoro.network import STYLE, Kokoro, spread
from speech.engines.weights import let_backward
from train.kokoro.corpus import Utterance
from train.progress import Reporter, Stopped

STEPS, RATE = 50, 0.02
PER_STEP = 2  # utterances
PRIOR = 0.02
VOICED_HZ = 30.0


def fit_prosody(
    network: Kokoro, spoken: Sequence[Utterance], start: Tensor, deviation: Tensor, reporter: Reporter
) -> Tensor:
    """What is added to the prosody half (128,) of the style table `start` (510, 256).

    `deviation` (128,) is that of the stock voices. Raises Stopped when the reporter says so.
    """
    let_backward(network)
    offset = nn.Parameter(torch.zeros(STYLE, device=start.device))
    optimizer = torch.optim.Adam([offset], lr=RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(STEPS):
        if reporter.should_stop():
            raise Stopped
        total = PRIOR * (offset / deviation).square().mean()
        for index in torch.randperm(len(spoken), generator=generator)[:PER_STEP]:
            one = spoken[int(index)]
            style = start[one.line.phonemes - 1, STYLE:][None] + offset
            total = total + torch.stack(list(losses(network, one, style).values())).sum() / PER_STEP
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        reporter.progress(step + 1, STEPS, "clone.stage.prosody")
    return offset.detach()


def losses(network: Kokoro, one: Utterance, prosody: Tensor) -> dict[str, Tensor]:
    """How far the predictor is from the recording, with a style's prosody half (1, 128)."""
    hidden = network.predictor.hidden(one.line.meaning, prosody)
    frames = network.predictor.durations(hidden)[1:-1]
    wanted = one.frames[1:-1].to(frames.dtype)
    f0, energy = network.predictor.curves(spread(hidden.transpose(1, 2), one.frames, one.length), prosody)
    is_voiced = one.f0 > VOICED_HZ
    semitones = torch.log(f0[0].clamp(min=VOICED_HZ)) - torch.log(one.f0.clamp(min=VOICED_HZ))
    inside = slice(2 * int(one.frames[0]), len(one.f0) - 2 * int(one.frames[-1]))  # not the pads' silence
    return {
        "f0": 3 * (semitones[is_voiced]).abs().mean() if is_voiced.any() else f0.new_zeros(()),
        "energy": 0.3 * (energy[0] - one.energy)[inside].abs().mean(),
        "pace": (frames.sum() - wanted.sum()).abs() / wanted.sum(),
        "durations": 0.3 * (torch.log(frames + 1) - torch.log(wanted + 1)).abs().mean(),
    }
