"""Files that torch.save wrote, read with nothing of them ever run: tensors are views of the mapped file.

Since torch 1.6 such a file is a zip of stored (not compressed) entries: `data.pkl`, a pickle that names storages, and
`data/<key>`, the bytes of each (https://docs.pytorch.org/docs/stable/notes/serialization.html). The pickle is walked
opcode by opcode; what it calls is on a list of three, any other class becomes an `Inert` record of its name and
state, and a call of anything else is refused. Bounds are checked when a tensor is made, not before.
"""

from __future__ import annotations

import mmap
import pickletools
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from speech.errors import SpeechError

MAX_PICKLE_BYTES = 16 << 20
LOCAL_HEADER = 30  # bytes before the name and the extra field; their lengths are at 26 and 28
STORAGES: Mapping[str, torch.dtype] = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Packages whose objects trainers leave beside the weights; a call of theirs is recorded, never made.
KNOWN_PACKAGES = ("TTS", "coqpit", "trainer", "numpy", "pathlib", "_codecs")


class Refused(Exception):
    """The pickle asks for what a file of weights has no use for; the text says what."""


@dataclass(eq=False)
class Inert:
    """A class or an object of the pickle: what it is called and what it holds. It does nothing."""

    name: str
    state: list[object] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class TensorRecord:
    """A tensor as the pickle claims it to be."""

    dtype: torch.dtype
    key: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class TorchFile:
    """A mapped file: `root` is what its pickle holds; `tensor(record)` makes a tensor of a record in it."""

    def __init__(self, path: Path) -> None:
        """Raises SpeechError `checkpoint_missing`, `_not_torch`, `_damaged` or `_unsafe`."""
        self.name = path.name
        try:
            with path.open("rb") as file:
                self._entries = _directory(file, path.name)
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            self._bytes = torch.frombuffer(self._map, dtype=torch.uint8)
            if "byteorder" in self._entries and self._entry("byteorder").tolist() != list(b"little"):
                raise ValueError("its numbers are big-endian")
            self.root = _load(self._entry("data.pkl"))
        except (FileNotFoundError, NotADirectoryError):
            raise SpeechError("checkpoint_missing", folder=path.parent.name, file=path.name) from None
        except Refused as error:
            raise SpeechError("checkpoint_unsafe", file=path.name, found=str(error)) from None
        except SpeechError:
            raise
        except Exception as error:  # whatever a damaged zip or pickle makes of the two readers
            reason = f"{type(error).__name__}: {error}"
            raise SpeechError("checkpoint_damaged", file=path.name, reason=reason) from None

    def release(self) -> None:
        """Give back the memory of what was read; it comes again from the file. Nobody may have written to it."""
        if sys.platform == "linux":
            self._map.madvise(mmap.MADV_DONTNEED)

    def tensor(self, record: TensorRecord) -> Tensor:
        """A view of the file, no copy. Raises SpeechError `checkpoint_damaged` when it leaves its storage."""
        try:
            stored = self._entry(f"data/{record.key}")
            count, most = 1, record.offset
            for size, step in zip(record.shape, record.stride, strict=True):
                count, most = count * size, most + max(size - 1, 0) * step
            room = len(stored) // record.dtype.itemsize
            if len(record.shape) > 8 or count > room or (count and most >= room):
                raise ValueError(f"a tensor of {record.shape} in {len(stored)} bytes")
            if stored.storage_offset() % record.dtype.itemsize:
                stored = stored.clone()  # torch aligns entries, other writers need not
            flat = stored[: room * record.dtype.itemsize].view(record.dtype)
            return flat.as_strided(record.shape, record.stride, flat.storage_offset() + record.offset)
        except (ValueError, RuntimeError) as error:
            raise SpeechError("checkpoint_damaged", file=self.name, reason=str(error)) from None

    def checksum(self, record: TensorRecord) -> int:
        """CRC-32 of the record's storage, from the zip's directory; 0 when its writer was told to save the time."""
        return self._entries[f"data/{record.key}"][2]

    def _entry(self, name: str) -> Tensor:
        if name not in self._entries:
            raise ValueError(f"no entry {name}")
        header, size, _ = self._entries[name]
        if not 0 <= header <= len(self._bytes) - LOCAL_HEADER:
            raise ValueError(f"entry {name} begins outside the file")
        name_length, extra_length = struct.unpack(
            "<HH", bytes(self._bytes[header + 26 : header + LOCAL_HEADER].tolist())
        )
        start = header + LOCAL_HEADER + name_length + extra_length
        if start + size > len(self._bytes):
            raise ValueError(f"entry {name} ends after the file")
        return self._bytes[start : start + size]


def _directory(file: IO[bytes], name: str) -> dict[str, tuple[int, int, int]]:
    """Entry, without the archive's own folder, to the place of its local header, its size and its CRC-32."""
    if file.read(4) != b"PK\x03\x04":
        raise SpeechError("checkpoint_not_torch", file=name)
    entries = {}
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                raise zipfile.BadZipFile(f"entry {info.filename} is compressed or encrypted")
            entries[info.filename.partition("/")[2]] = (info.header_offset, info.file_size, info.CRC)
    return entries


def _load(pickle: Tensor) -> object:
    """What the pickle describes: plain values, dicts, lists and tuples, `TensorRecord`s, and `Inert` for the rest."""
    if len(pickle) > MAX_PICKLE_BYTES:
        raise Refused(f"a pickle of {len(pickle)} bytes")
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(pickle.numpy().tobytes()):
        if opcode.name == "STOP":
            return machine.stack.pop()
        if opcode.name in CONSTANTS:
            machine.stack.append(CONSTANTS[opcode.name])
        elif opcode.name in VALUES:
            machine.stack.append(argument)
        else:
            step = STEPS.get(opcode.name)
            if step is None:
                raise Refused(f"opcode {opcode.name}")
            step(machine, argument)
    raise ValueError("it has no end")


class _Machine:
    """The stack, the marks on it and the memo, as in the pickle's own virtual machine (PEP 307 and 3154)."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items, self.stack[start:] = self.stack[start:], []
        return items

    def named(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("a class without a name")
        self.stack.append(Inert(f"{module}.{name}"))

    def tuple_of(self, count: int) -> None:
        items, self.stack[-count:] = self.stack[-count:], []
        self.stack.append(tuple(items))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or not all(isinstance(key, str | int | float | None) for key in items[::2]):
            raise Refused(f"items of a {type(target).__name__} or keys that are no plain values")
        target.update(zip(items[::2], items[1::2], strict=True))

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Refused(f"appending to a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Inert):
            target.state.append(state)
        elif type(target) is not dict:  # an OrderedDict's attributes are torch's own notes and not needed
            raise Refused(f"state for a {type(target).__name__}")

    def new(self) -> None:
        arguments, made = self.stack.pop(), self.stack.pop()
        if not isinstance(made, Inert):
            raise Refused(f"an object of a {type(made).__name__}")
        self.stack.append(Inert(made.name, [arguments]))

    def call(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        name = called.name if isinstance(called, Inert) else type(called).__name__
        if name == "torch._utils._rebuild_tensor_v2":
            self.stack.append(_tensor(*arguments[:4]))
        elif name == "torch._utils._rebuild_parameter":
            self.stack.append(arguments[0])
        elif name == "collections.OrderedDict" and not arguments:
            self.stack.append({})
        elif isinstance(called, Inert) and name.partition(".")[0] in KNOWN_PACKAGES:
            self.stack.append(Inert(name, [arguments]))
        else:
            raise Refused(f"a call of {name}")


def _tensor(storage: object, offset: object, shape: object, stride: object) -> TensorRecord:
    """A storage is ("storage", its class, key, where it was, numbers in it)."""
    kind, named, key, _, _ = storage if isinstance(storage, tuple) else (None,) * 5
    dtype = STORAGES.get(named.name.removeprefix("torch.")) if isinstance(named, Inert) else None
    if kind != "storage" or dtype is None or not isinstance(key, str):
        raise Refused(f"a storage of {named.name if isinstance(named, Inert) else 'no class'}")
    if not isinstance(shape, tuple) or not isinstance(stride, tuple) or not isinstance(offset, int):
        raise Refused("a tensor without a shape")
    if not all(type(number) is int and 0 <= number < 1 << 48 for number in (offset, *shape, *stride)):
        raise Refused("a tensor whose shape is of no whole numbers, or of absurd ones")
    return TensorRecord(dtype, key, offset, shape, stride)


CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
VALUES = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES"}
VALUES |= {"SHORT_BINBYTES", "SHORT_BINSTRING", "BINSTRING"}
STEPS: Mapping[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda machine, version: None,
    "FRAME": lambda machine, size: None,
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_SET": lambda machine, _: machine.stack.append([]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "BINPUT": lambda machine, place: machine.memo.__setitem__(place, machine.stack[-1]),
    "LONG_BINPUT": lambda machine, place: machine.memo.__setitem__(place, machine.stack[-1]),
    "MEMOIZE": lambda machine, _: machine.memo.__setitem__(len(machine.memo), machine.stack[-1]),
    "BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "LONG_BINGET": lambda machine, place: machine.stack.append(machine.memo[place]),
    "GLOBAL": lambda machine, name: machine.stack.append(Inert(name.replace(" ", "."))),
    "STACK_GLOBAL": lambda machine, _: machine.named(),
    "BINPERSID": lambda machine, _: None,  # the storage tuple itself is its reference
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.new(),
    "BUILD": lambda machine, _: machine.build(),
}
