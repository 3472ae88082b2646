"""The figures of a run: a line of JSON a step, and the same as TensorBoard events.

An event file is a sequence of TFRecords of protocol buffers (https://github.com/tensorflow/tensorboard/blob/master/
tensorboard/compat/proto/event.proto); scalars need four fields of them, so they are written here without the package.
"""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from speech.audio import Audio
from speech.voice_folder import CURVE, EVENTS
from train.progress import Reporter

SAMPLES = "samples"


class Curve:
    """A reporter that also keeps what it is told in a run's folder; it goes on where an earlier process ended."""

    def __init__(self, folder: Path, reporter: Reporter, first_step: int = 0) -> None:
        """Lines after `first_step`, which a killed process wrote and the resumed one writes again, are dropped."""
        self._reporter, self._path, self._samples = reporter, folder / CURVE, folder / SAMPLES
        kept = [row for row in read_curve(folder) if row["step"] <= first_step]
        self._path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
        self._events = EventFile(folder / EVENTS)

    def progress(self, done: int, total: int, note: str = "") -> None:
        self._reporter.progress(done, total, note)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self._events.scalars(step, values)
        self._reporter.metric(step, values)

    def log(self, text: str) -> None:
        self._reporter.log(text)

    def sample(self, name: str, audio: Audio) -> None:
        self._reporter.sample(name, audio)

    def should_stop(self) -> bool:
        return self._reporter.should_stop()


def read_curve(folder: Path, after: int = -1) -> list[dict[str, Any]]:
    """Rows of the steps later than `after`, with `step` and figures; a line cut off by a kill ends it.

    Read from the end, since steps only grow and whoever follows a run asks for the last ones again and again.
    """
    rows: list[dict[str, Any]] = []
    try:
        lines = (folder / CURVE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return rows
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except ValueError:
            rows.clear()
            continue
        if row["step"] <= after:
            break
        rows.append(row)
    return rows[::-1]


def train_losses(rows: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Of each validated step, the mean training loss of the steps since the validation before."""
    means: dict[int, float] = {}
    since: list[float] = []
    for row in rows:
        if "loss" in row:
            since.append(row["loss"])
        elif "held_out_loss" in row and since:
            means[row["step"]] = sum(since) / len(since)
            since = []
    return means


class EventFile:
    """`events.out.tfevents.*` in a folder that `tensorboard --logdir` reads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._path = folder / f"events.out.tfevents.{int(now)}.{time.monotonic_ns()}"
        self._append(_double(1, now) + _bytes(3, b"brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        summary = b"".join(_bytes(1, _bytes(1, name.encode()) + _float(2, value)) for name, value in values.items())
        self._append(_double(1, time.time()) + _varint(2 << 3) + _varint(step) + _bytes(5, summary))

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        with self._path.open("ab") as file:
            file.write(length + _checksum(length) + event + _checksum(event))


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc_table()


def _checksum(content: bytes) -> bytes:
    """CRC-32C, masked as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
