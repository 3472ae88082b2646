"""ONNX files without the onnx package: initializers as numpy views, and the same file with some of them changed.

Reads the protobuf wire format (https://protobuf.dev/programming-guides/encoding) of the few messages of onnx.proto3
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3) that hold weights and nodes.
"""

from __future__ import annotations

import mmap
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speech.errors import SpeechError

VARINT, EIGHT_BYTES, DELIMITED, FOUR_BYTES = 0, 1, 2, 5  # wire types
MODEL_GRAPH, GRAPH_NODE, GRAPH_NAME, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 7, 1, 2, 5, 11, 12  # field numbers
NODE_INPUT, NODE_OUTPUT, NODE_NAME, NODE_OP_TYPE = 1, 2, 3, 4
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
# TensorProto.DataType, and the field that holds the values of a tensor without raw_data.
TYPES: Mapping[int, tuple[type[np.generic], int]] = {
    1: (np.float32, 4),
    2: (np.uint8, 5),
    3: (np.int8, 5),
    6: (np.int32, 5),
    7: (np.int64, 7),
    10: (np.float16, 5),
    11: (np.float64, 10),
}
PACKED_VARINTS = (5, 7)
Bytes = bytes | memoryview


@dataclass(frozen=True)
class Node:
    """One operation of the graph; names of tensors are "" where an optional input is left out."""

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class _Field(NamedTuple):  # of forty thousand in a file: a frozen dataclass takes 2.6 times as long
    """A field on the wire: its tag at `start`, its value at `begin` to `end`."""

    number: int
    wire: int
    start: int
    begin: int
    end: int


@dataclass(frozen=True)
class _Tensor:
    """Where an initializer lies: the whole message, and the field with its values."""

    message: _Field
    values: _Field | None
    dtype: np.dtype
    shape: tuple[int, ...]


class OnnxFile:
    """A model on disk, mapped into memory, or its bytes. Raises SpeechError `model_malformed` for no ONNX model."""

    def __init__(self, model: Path | bytes) -> None:
        self._name = model.name if isinstance(model, Path) else "model"
        self._bytes = _mapped(model) if isinstance(model, Path) else model
        try:
            self._graph = next(field for field in self._fields(0, len(self._bytes)) if field.number == MODEL_GRAPH)
            self._tensors = dict(self._read_tensors())
        except (ValueError, IndexError, StopIteration, KeyError) as error:
            raise SpeechError("model_malformed", path=self._name, reason=str(error) or type(error).__name__) from error

    @cached_property
    def initializers(self) -> Mapping[str, NDArray]:
        """Every initializer by name: read-only views of the file, or small arrays where it is packed as varints."""
        return {name: self._array(tensor) for name, tensor in self._tensors.items()}

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The operations in the file's order."""
        inside = self._fields(self._graph.begin, self._graph.end)
        return tuple(self._node(field) for field in inside if field.number == GRAPH_NODE)

    def with_initializers(self, changed: Mapping[str, NDArray], reshaped: Container[str] = ()) -> bytes:
        """The file with these values, of the same dtypes and shapes; every other byte stays as it is.

        Those named in `reshaped` may have another shape. Raises SpeechError `initializer_unknown`, `initializer_shape`.
        """
        edits = [edit for name, values in changed.items() for edit in self._edits(name, values, name in reshaped)]
        edits.sort(key=itemgetter(0))
        grown = sum(len(new) - (end - start) for start, end, new in edits)
        if grown:
            size = self._graph.end - self._graph.begin
            tag = _varint(self._graph.number << 3 | DELIMITED)
            edits.insert(0, (self._graph.start, self._graph.begin, tag + _varint(size + grown)))
        view = memoryview(self._bytes)
        pieces: list[Bytes] = []
        at = 0
        for start, end, new in edits:
            pieces += (view[at:start], new)
            at = end
        return b"".join((*pieces, view[at:]))

    def part(self, inputs: Mapping[str, int], outputs: Sequence[str]) -> bytes:
        """A model of the nodes between tensors: `inputs` by name with their data type, to `outputs` (float32).

        Raises SpeechError `initializer_unknown` for an output that no node makes.
        """
        inside = [field for field in self._fields(self._graph.begin, self._graph.end) if field.number == GRAPH_NODE]
        makers = {name: index for index, node in enumerate(self.nodes) for name in node.outputs}
        wanted, used, weights = [*outputs], set[int](), set[str]()
        while wanted:
            name = wanted.pop()
            if name in self._tensors:
                weights.add(name)
            elif name not in inputs and name:
                if name not in makers:
                    raise SpeechError("initializer_unknown", name=name, model=self._name)
                if makers[name] not in used:
                    used.add(makers[name])
                    wanted += self.nodes[makers[name]].inputs
        nodes = b"".join(self._copy(inside[index]) for index in sorted(used))
        tensors = b"".join(self._copy(self._tensors[name].message) for name in sorted(weights))
        values = b"".join(_message(GRAPH_INPUT, _value(name, kind)) for name, kind in inputs.items())
        values += b"".join(_message(GRAPH_OUTPUT, _value(name, 1)) for name in outputs)
        graph = nodes + _message(GRAPH_NAME, b"part") + tensors + values
        others = [field for field in self._fields(0, len(self._bytes)) if field.number != MODEL_GRAPH]
        return b"".join(self._copy(field) for field in others) + _message(MODEL_GRAPH, graph)

    def _copy(self, field: _Field) -> bytes:
        return bytes(self._bytes[field.start : field.end])

    def _edits(self, name: str, values: NDArray, may_reshape: bool) -> Iterator[tuple[int, int, Bytes]]:
        """Spans of the file and what comes there: the values, and the message's length where it changes."""
        if name not in self._tensors:
            raise SpeechError("initializer_unknown", name=name, model=self._name)
        tensor = self._tensors[name]
        if values.dtype == tensor.dtype and values.shape != tensor.shape and may_reshape:
            yield tensor.message.start, tensor.message.end, self._message(name, tensor, values)
            return
        if values.shape != tensor.shape or values.dtype != tensor.dtype:
            found, wanted = f"{values.dtype}{list(values.shape)}", f"{tensor.dtype}{list(tensor.shape)}"
            raise SpeechError("initializer_shape", name=name, found=found, wanted=wanted)
        if tensor.values is None:
            return
        field, message = tensor.values, tensor.message
        new = _packed(values) if field.number in PACKED_VARINTS else _plain(values)
        if len(new) == field.end - field.begin:
            yield field.begin, field.end, new
            return
        new = _message(field.number, bytes(new))
        grown = len(new) - (field.end - field.start)
        tag = _varint(message.number << 3 | DELIMITED)
        yield message.start, message.begin, tag + _varint(message.end - message.begin + grown)
        yield field.start, field.end, new

    def _message(self, name: str, tensor: _Tensor, values: NDArray) -> bytes:
        """An initializer written anew, its values raw."""
        kind = next(number for number, (dtype, _) in TYPES.items() if np.dtype(dtype) == tensor.dtype)
        fields = [_varint(TENSOR_DIMS << 3 | VARINT) + _varint(size) for size in values.shape]
        fields.append(_varint(TENSOR_TYPE << 3 | VARINT) + _varint(kind))
        fields += [_message(TENSOR_NAME, name.encode()), _message(TENSOR_RAW, bytes(_plain(values)))]
        return _message(tensor.message.number, b"".join(fields))

    def _read_tensors(self) -> Iterator[tuple[str, _Tensor]]:
        for field in self._fields(self._graph.begin, self._graph.end):
            if field.number == GRAPH_INITIALIZER:
                yield self._tensor(field)

    def _tensor(self, message: _Field) -> tuple[str, _Tensor]:
        shape: list[int] = []
        name, kind, values = "", 0, None
        for field in self._fields(message.begin, message.end):
            if field.number == TENSOR_DIMS:
                shape += _varints(self._bytes, field)
            elif field.number == TENSOR_TYPE:
                kind = _varints(self._bytes, field)[0]
            elif field.number == TENSOR_NAME:
                name = self._text(field)
            elif field.wire == DELIMITED and field.number in (4, 5, 7, 10, TENSOR_RAW):
                values = field
        if kind not in TYPES:
            raise ValueError(f"initializer {name} has data type {kind}")
        dtype = np.dtype(TYPES[kind][0])
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        is_plain = values is not None and values.number not in PACKED_VARINTS
        if is_plain and values is not None and values.end - values.begin != size:
            raise ValueError(f"initializer {name} holds {values.end - values.begin} bytes instead of {size}")
        return name, _Tensor(message, values, dtype, tuple(shape))

    def _array(self, tensor: _Tensor) -> NDArray:
        if tensor.values is None:
            return np.zeros(tensor.shape, tensor.dtype)
        if tensor.values.number in PACKED_VARINTS:
            return np.array(_varints(self._bytes, tensor.values)).astype(tensor.dtype).reshape(tensor.shape)
        count = int(np.prod(tensor.shape, dtype=np.int64))
        return np.frombuffer(self._bytes, tensor.dtype, count, tensor.values.begin).reshape(tensor.shape)

    def _node(self, message: _Field) -> Node:
        texts: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], NODE_NAME: [], NODE_OP_TYPE: []}
        for field in self._fields(message.begin, message.end):
            if field.number in texts:
                texts[field.number].append(self._text(field))
        name, op_type = ("".join(texts[number]) for number in (NODE_NAME, NODE_OP_TYPE))
        return Node(op_type, name, tuple(texts[NODE_INPUT]), tuple(texts[NODE_OUTPUT]))

    def _text(self, field: _Field) -> str:
        return bytes(self._bytes[field.begin : field.end]).decode("utf-8")

    def _fields(self, begin: int, end: int) -> Iterator[_Field]:
        at = begin
        while at < end:
            start = at
            tag, first = _read_varint(self._bytes, at)
            number, wire = tag >> 3, tag & 7
            if wire == DELIMITED:
                size, first = _read_varint(self._bytes, first)
                at = first + size
            elif wire == VARINT:
                at = _read_varint(self._bytes, first)[1]
            elif wire in (EIGHT_BYTES, FOUR_BYTES):
                at = first + (8 if wire == EIGHT_BYTES else 4)
            else:
                raise ValueError(f"wire type {wire} at byte {start}")
            if at > end:
                raise ValueError(f"the field at byte {start} ends outside its message")
            yield _Field(number, wire, start, first, at)


def _mapped(path: Path) -> mmap.mmap | bytes:
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError as error:  # an empty file
            raise SpeechError("model_malformed", path=path.name, reason=str(error)) from error


def _read_varint(data: mmap.mmap | bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where the next byte is."""
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"number without an end at byte {at}")


def _varints(data: mmap.mmap | bytes, field: _Field) -> list[int]:
    """A number, or packed numbers; the wire's 64 bits taken as signed."""
    values, at = [], field.begin
    while at < field.end:
        value, at = _read_varint(data, at)
        values.append(value - (1 << 64) if value >> 63 else value)
    return values


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def _message(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | DELIMITED) + _varint(len(data)) + data


def _value(name: str, kind: int) -> bytes:
    """A ValueInfoProto of a tensor of data type `kind` and any shape."""
    return _message(1, name.encode()) + _message(2, _message(1, bytes([1 << 3, kind])))


def _plain(values: NDArray) -> memoryview:
    """The values one after the other, not copied where they lie so already."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def _packed(values: NDArray) -> bytes:
    flat: Iterable[int] = values.reshape(-1).tolist()
    return b"".join(map(_varint, flat))
