"""F0 of a recording by the method that is asked for, a value each hundredth of a second.

`pm` is Praat's autocorrelation, written here from its description (`autocorrelation.py`), since the package that wraps
Praat is GPL. `harvest` and `dio` are WORLD's, by the optional package pyworld (MIT), which has to be compiled.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speech.engines.f0.autocorrelation import autocorrelation_f0
from speech.engines.f0.choice import WEIGHTS, WORLD, check_method
from speech.engines.f0.crepe import crepe_f0, load_crepe
from speech.engines.f0.fcpe import fcpe_f0, load_fcpe
from speech.engines.f0.mel import FRAME
from speech.engines.f0.rmvpe import load_rmvpe, rmvpe_f0
from speech.models import ModelStore

LOWEST_HZ, HIGHEST_HZ = 50.0, 1100.0
LEAST_MEDIAN = 3  # of `filter_radius`, as in the public implementation

Estimate = Callable[[Tensor], Tensor]  # (n,) samples at 16 kHz to (frames,) Hz, 0 unvoiced


def estimator(method: str, store: ModelStore, filter_radius: int = 3, device: str = "cpu") -> Estimate:
    """What estimates by `method`; `filter_radius` smooths that of WORLD only, whose errors are single frames."""
    check_method(method, store)
    if method in WEIGHTS:
        return network_estimator(method, store.path(WEIGHTS[method][0]) / WEIGHTS[method][1], device)
    if method in WORLD:
        return lambda samples: torch.from_numpy(_world(method, samples.cpu().double().numpy(), filter_radius))
    return lambda samples: torch.from_numpy(autocorrelation_f0(samples.cpu().double().numpy(), LOWEST_HZ, HIGHEST_HZ))


def network_estimator(method: str, path: Path, device: str = "cpu") -> Estimate:
    """Of those that have weights, from a file of them."""
    if method == "fcpe":
        fcpe = load_fcpe(path, device)
        return lambda samples: fcpe_f0(fcpe, samples.to(device))
    if method == "rmvpe":
        rmvpe = load_rmvpe(path, device)
        return lambda samples: rmvpe_f0(rmvpe, samples.to(device))
    crepe = load_crepe(path, device)
    return lambda samples: crepe_f0(crepe, samples.to(device), LOWEST_HZ, HIGHEST_HZ)


def fitted(f0: Tensor, frames: int) -> Tensor:
    """(frames,) of what a method gave: cut at the end, or unvoiced at both ends where a window did not fit."""
    missing = max(0, frames - len(f0))
    left = (missing + 1) // 2
    return torch.nn.functional.pad(f0, (left, missing - left))[:frames]


def coarse(f0: Tensor) -> Tensor:
    """The 255 steps of F0 that the content encoder hears, evenly on the mel scale; 1 is unvoiced."""
    lowest, highest = (1127 * float(np.log(1 + hz / 700)) for hz in (LOWEST_HZ, HIGHEST_HZ))
    mels = 1127 * (1 + f0.double() / 700).log()
    steps = torch.where(mels > 0, (mels - lowest) * 254 / (highest - lowest) + 1, mels)
    return steps.clamp(1, 255).round().long()


def _world(method: str, samples: NDArray[np.float64], filter_radius: int) -> NDArray[np.float64]:
    pyworld: Any = importlib.import_module("pyworld")

    estimate: Any = getattr(pyworld, method)
    period = {"f0_floor": LOWEST_HZ, "f0_ceil": HIGHEST_HZ, "frame_period": 1000 * FRAME / 16000}
    f0, times = estimate(samples, 16000, **period)
    refined = pyworld.stonemask(samples, f0, times, 16000)
    if filter_radius >= LEAST_MEDIAN:
        width = filter_radius - 1 + filter_radius % 2  # the widest odd number it holds
        edged = np.pad(refined, width // 2)
        refined = np.median(np.lib.stride_tricks.sliding_window_view(edged, width), axis=1)
    made: NDArray[np.float64] = refined
    return made
