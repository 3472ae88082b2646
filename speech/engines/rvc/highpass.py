"""A high-pass without delay: Butterworth's of order 5 at 48 Hz, run forwards and backwards over 16 kHz.

Its response is shorter than a second to fifteen digits, so that it is a convolution by FFT, which costs the same for
any recording. Ends are mirrored and the filter starts settled (Gustafsson, IEEE Transactions on Signal Processing,
1996), as in the public implementation of RVC.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE, ORDER, CUTOFF_HZ = 16000, 5, 48
PADDING = 3 * (ORDER + 1)  # samples mirrored at both ends
LENGTH = 1 << 14  # of the response
PIECE = 1 << 17

Values = NDArray[np.float64]


def high_passed(samples: Values) -> Values:
    """(n,) at 16 kHz; n > 18."""
    mirrored = np.pad(samples, PADDING, mode="reflect", reflect_type="odd")
    forwards = _filtered(mirrored)
    return _filtered(forwards[::-1])[::-1][PADDING:-PADDING]


def _filtered(samples: Values) -> Values:
    """As if the first sample had been there for ever."""
    response, settling = _responses()
    made = _convolved(samples, response)
    count = min(len(samples), LENGTH)
    made[:count] += samples[0] * settling[:count]
    return made


def _convolved(samples: Values, response: Values) -> Values:
    """Overlap and add."""
    size = PIECE + LENGTH
    spectrum = np.fft.rfft(response, size)
    made = np.zeros(len(samples) + size)
    for start in range(0, len(samples), PIECE):
        piece = samples[start : start + PIECE]
        made[start : start + size] += np.fft.irfft(np.fft.rfft(piece, size) * spectrum, size)
    return made[: len(samples)]


@functools.cache
def _responses() -> tuple[Values, Values]:
    """To an impulse, and what follows alone from having heard ones for ever."""
    b, a = _butterworth()
    state = np.linalg.solve(np.eye(ORDER) - _companion(a), b[1:] - a[1:] * b[0])
    return _run(b, a, np.zeros(ORDER), 1.0), _run(b, a, state, 0.0)


def _run(b: Values, a: Values, state: Values, first: float) -> Values:
    made = np.empty(LENGTH)
    for i in range(LENGTH):
        heard = first if i == 0 else 0.0
        made[i] = b[0] * heard + state[0]
        state = np.append(state[1:], 0.0) + b[1:] * heard - a[1:] * made[i]
    return made


def _companion(a: Values) -> Values:
    """What a state becomes when nothing is heard."""
    matrix = np.eye(ORDER, k=1)
    matrix[:, 0] = -a[1:]
    return matrix


def _butterworth() -> tuple[Values, Values]:
    """Numerator and denominator, by the bilinear transform of the poles on a circle."""
    warped = 4 * np.tan(np.pi * CUTOFF_HZ / SAMPLE_RATE)
    circle = -np.exp(1j * np.pi * np.arange(-ORDER + 1, ORDER, 2) / (2 * ORDER))
    poles = (4 + warped / circle) / (4 - warped / circle)
    gain = np.real(1 / np.prod(-circle)) * np.real(4**ORDER / np.prod(4 - warped / circle))
    return gain * np.real(np.poly(np.ones(ORDER))), np.real(np.poly(poles))
