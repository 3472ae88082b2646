"""ONNX files read and changed without the onnx package: small ones written here byte by byte, then the real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.engines.kokoro.onnx_file import Node, OnnxFile
from speech.errors import SpeechError
from speech.models import ModelStore


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, data: bytes | int) -> bytes:
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, kind: int, shape: tuple[int, ...], values: bytes, number: int = 9) -> bytes:
    dims = b"".join(field(1, size) for size in shape)
    return field(5, dims + field(2, kind) + field(8, name.encode()) + field(number, values))


def model(*initializers: bytes) -> bytes:
    node = b"".join(field(1, name) for name in (b"x", b"", b"w")) + field(2, b"y") + field(3, b"n1") + field(4, b"Conv")
    graph = field(1, node) + field(2, b"main") + b"".join(initializers) + field(11, b"\x0a\x01x")
    return field(1, 9) + field(7, graph) + field(8, field(2, 20))


WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
SMALL = model(
    tensor("w", 1, (2, 3), WEIGHT.tobytes()),
    tensor("scale", 1, (), np.float32(0.5).tobytes(), 4),
    tensor("zero", 2, (), varint(69), 5),
    tensor("steps", 7, (2,), varint((1 << 64) - 1) + varint(300), 7),
)


def opened(tmp_path: Path, data: bytes) -> OnnxFile:
    path = tmp_path / str(len(list(tmp_path.iterdir()))) / "small.onnx"  # what is mapped must not be written again
    path.parent.mkdir()
    path.write_bytes(data)
    return OnnxFile(path)


def test_reads_every_kind_of_values(tmp_path: Path) -> None:
    found = opened(tmp_path, SMALL)
    assert found.nodes == (Node("Conv", "n1", ("x", "", "w"), ("y",)),)
    assert np.array_equal(found.initializers["w"], WEIGHT) and not found.initializers["w"].flags.owndata
    assert found.initializers["scale"] == np.float32(0.5) and found.initializers["scale"].shape == ()
    assert found.initializers["zero"] == 69 and found.initializers["zero"].dtype == np.uint8
    assert found.initializers["steps"].tolist() == [-1, 300]


def test_the_same_values_give_the_same_bytes(tmp_path: Path) -> None:
    found = opened(tmp_path, SMALL)
    assert found.with_initializers({}) == found.with_initializers(found.initializers) == SMALL


def test_values_that_need_more_or_fewer_bytes_move_the_lengths_around_them(tmp_path: Path) -> None:
    changed = {"zero": np.array(200, np.uint8), "steps": np.array([1, 1 << 40]), "w": -WEIGHT}
    bigger = opened(tmp_path, SMALL).with_initializers(changed)
    assert len(bigger) != len(SMALL)
    again = opened(tmp_path, bigger)
    assert all(np.array_equal(again.initializers[name], values) for name, values in changed.items())
    assert again.initializers["scale"] == np.float32(0.5) and len(again.nodes) == 1


def test_a_shape_changes_only_where_that_was_said(tmp_path: Path) -> None:
    scales = {"scale": np.full((40, 1), 0.25, np.float32)}
    found = opened(tmp_path, SMALL)
    again = opened(tmp_path, found.with_initializers(scales, reshaped={"scale"}))
    assert np.array_equal(again.initializers["scale"], scales["scale"])
    assert np.array_equal(again.initializers["w"], WEIGHT) and list(again.initializers) == list(found.initializers)
    refused: list[tuple[dict[str, NDArray], str]] = [
        (scales, "initializer_shape.*float32\\[\\]"),
        ({"w": WEIGHT.astype(np.float64)}, "initializer_shape"),
        ({"v": WEIGHT}, "initializer_unknown"),
    ]
    for values, problem in refused:
        with pytest.raises(SpeechError, match=problem):
            found.with_initializers(values)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"PK\x03\x04 a zip",
        b"\x80" * 40,
        SMALL[:-20],
        SMALL[:40],
        model(tensor("w", 1, (2, 3), b"short")),
        model(tensor("w", 99, (1,), b"1234")),
        model(tensor("w", 1, (1 << 40, 1 << 40), b"1234")),
        field(1, 9),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, damaged: bytes) -> None:
    with pytest.raises(SpeechError, match="model_malformed.*small.onnx"):
        opened(tmp_path, damaged)


def test_the_real_model_comes_back_byte_for_byte(model_store: ModelStore) -> None:
    path = model_store.path("kokoro-int8") / "kokoro-int8.onnx"
    found = OnnxFile(path)
    assert len(found.initializers) > 700 and len(found.nodes) > 3000
    assert found.with_initializers(found.initializers) == path.read_bytes()
