"""Reads a QR code that was drawn without damage (ISO/IEC 18004): versions 1 to 6, level M, one segment of bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

BLOCKS = {1: (1, 16), 2: (1, 28), 3: (1, 44), 4: (2, 32), 5: (2, 43), 6: (4, 27)}  # of level M: how many, bytes of data
MASKS: tuple[Callable[[int, int], int], ...] = (
    lambda row, column: (row + column) % 2,
    lambda row, column: row % 2,
    lambda row, column: column % 3,
    lambda row, column: (row + column) % 3,
    lambda row, column: (row // 2 + column // 3) % 2,
    lambda row, column: row * column % 2 + row * column % 3,
    lambda row, column: (row * column % 2 + row * column % 3) % 2,
    lambda row, column: ((row + column) % 2 + row * column % 3) % 2,
)
FORMAT_AT = [*[(8, column) for column in (0, 1, 2, 3, 4, 5, 7, 8)], *[(row, 8) for row in (7, 5, 4, 3, 2, 1, 0)]]
FORMAT_MASK, QUIET = 0x5412, 4


def modules_of(path: str, width: int) -> list[list[bool]]:
    """Dark modules of an SVG path of unit squares, `width` with the light around it."""
    size = width - 2 * QUIET
    dark = {(int(row) - QUIET, int(column) - QUIET) for column, row in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    assert dark and all(0 <= row < size and 0 <= column < size for row, column in dark)
    return [[(row, column) in dark for column in range(size)] for row in range(size)]


def decoded(modules: Sequence[Sequence[bool]]) -> str:
    """What it says."""
    version = (len(modules) - 17) // 4
    count, length = BLOCKS[version]
    shape = _number([modules[row][column] for row, column in FORMAT_AT]) ^ FORMAT_MASK
    assert shape >> 13 == 0, "the level is not M"
    mask = MASKS[shape >> 10 & 7]
    bits = [modules[row][column] ^ (mask(row, column) == 0) for row, column in _way(len(modules))]
    words = [_number(bits[start : start + 8]) for start in range(0, 8 * count * length, 8)]
    data = bytes(words[place * count + block] for block in range(count) for place in range(length))
    stream = [bool(byte >> shift & 1) for byte in data for shift in range(7, -1, -1)]
    assert _number(stream[:4]) == 4, "no segment of bytes"
    end = 12 + 8 * _number(stream[4:12])
    return bytes(_number(stream[start : start + 8]) for start in range(12, end, 8)).decode()


def _number(bits: Sequence[bool]) -> int:
    return int("".join("1" if bit else "0" for bit in bits), 2)


def _way(size: int) -> Iterator[tuple[int, int]]:
    """The modules of data, two columns at a time from the right, up and down in turn."""
    for turn, right in enumerate([*range(size - 1, 6, -2), 5, 3, 1]):
        for row in range(size) if turn % 2 else range(size - 1, -1, -1):
            yield from ((row, column) for column in (right, right - 1) if not _is_pattern(row, column, size))


def _is_pattern(row: int, column: int, size: int) -> bool:
    is_finder = (row < 9 and (column < 9 or column >= size - 8)) or (row >= size - 8 and column < 9)
    is_alignment = size > 21 and abs(row - size + 7) <= 2 and abs(column - size + 7) <= 2
    return is_finder or is_alignment or row == 6 or column == 6
