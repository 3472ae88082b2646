"""Text to frames: how long each phoneme of a recording lasts, by laying it over a rendering of the same text.

Dynamic time warping of mel cepstra (Sakoe and Chiba 1978, https://doi.org/10.1109/TASSP.1978.1163055): the
rendering's durations are known, and the path carries its phoneme borders into the recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from train.features import VALUE, cepstra

VALUES_PER_FRAME = 2


def durations(rendered: Tensor, frames: NDArray[np.int64], recording: Tensor, top_hz: float) -> NDArray[np.int64]:
    """Frames (T,) of each phoneme in `recording`, which sum to its length.

    `frames` (T,) are those of `rendered`; both sounds are (n,) at 24 kHz, the recording's n a multiple of 600;
    above `top_hz` nothing is compared.
    """
    path = warp(cepstra(rendered, top_hz).numpy(), cepstra(recording, top_hz).numpy())
    values = len(recording) // VALUE
    place = np.array([path[path[:, 0] == row, 1].mean() for row in range(path[-1, 0] + 1)])
    borders = np.minimum(np.cumsum(frames) * VALUES_PER_FRAME, len(place) - 1)
    ends = np.round(place[borders] / VALUES_PER_FRAME).astype(np.int64)
    ends[-1] = values // VALUES_PER_FRAME
    ends = np.minimum(np.maximum.accumulate(ends), ends[-1])
    lasting: NDArray[np.int64] = np.diff(ends, prepend=0)
    return lasting


def warp(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.int64]:
    """The cheapest monotonic path between two sequences (n, d) and (m, d) by Euclidean distance: (steps, 2)."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    cost = np.sqrt(np.maximum(squares, 0))
    n, m = cost.shape
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0
    for diagonal in range(n + m - 1):  # cells of one anti-diagonal do not depend on each other
        rows = np.arange(max(0, diagonal - m + 1), min(n, diagonal + 1))
        columns = diagonal - rows
        before = np.minimum(np.minimum(total[rows, columns], total[rows, columns + 1]), total[rows + 1, columns])
        total[rows + 1, columns + 1] = cost[rows, columns] + before
    return _back(total)


def _back(total: NDArray[np.float64]) -> NDArray[np.int64]:
    row, column = total.shape[0] - 1, total.shape[1] - 1
    path = [(row - 1, column - 1)]
    while row > 1 or column > 1:
        steps = ((row - 1, column - 1), (row - 1, column), (row, column - 1))
        row, column = min(steps, key=lambda cell: total[cell])
        path.append((row - 1, column - 1))
    return np.array(path[::-1], np.int64)
