"""Rows S0-6 and 7.3-1: files of torch.save are read as data; nothing in one runs, leaves its storage or crashes."""

from __future__ import annotations

import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech.errors import SpeechError

torch = pytest.importorskip("torch")
torch_file = pytest.importorskip("speech.engines.torch_file")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pth"


def opened(path: Path) -> dict[str, Any]:
    """All tensors of {"model": {…}}."""
    file = torch_file.TorchFile(path)
    return {name: file.tensor(record) for name, record in file.root["model"].items()}


def refused(code: str, path: Path) -> SpeechError:
    with pytest.raises(SpeechError) as error:
        opened(path)
    assert error.value.code == code, error.value
    return error.value


def saved(path: Path) -> bytes:
    """A file with what checkpoints hold besides tensors, and its bytes."""
    tensors = {f"layer.{number}": torch.randn(3, 4) for number in range(8)}
    other = {
        "step": 10**12,
        "loss": 2.5,
        "names": ("x", None, True, b"ab"),
        "optimizer": [torch.nn.Parameter(torch.ones(2))],
    }
    torch.save({"model": tensors | {"turned": torch.arange(12.0).reshape(3, 4).T}, **other}, path)
    return path.read_bytes()


def test_it_reads_what_torch_reads(path: Path) -> None:
    saved(path)
    wanted = torch.load(path, weights_only=True)
    found = opened(path)
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted["model"].items())
    root = torch_file.TorchFile(path).root
    assert (root["step"], root["loss"]) == (10**12, 2.5) and root["names"][:3] == ("x", None, True)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_file_of_torch(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused("checkpoint_not_torch", path)


def test_an_old_file_of_torch(path: Path) -> None:
    torch.save({"model": {}}, path, _use_new_zipfile_serialization=False)
    refused("checkpoint_not_torch", path)


def test_a_file_cut_short(path: Path) -> None:
    whole = saved(path)
    for size in (4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused("checkpoint_damaged", path)


def test_bytes_turned_over_anywhere_never_crash(path: Path) -> None:
    """Either it opens, or it is refused with a reason."""
    whole, draw = saved(path), random.Random(5)
    outcomes = set()
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 3, 20))):
            place = draw.choice((draw.randrange(1400), draw.randrange(len(whole))))  # the pickle comes first
            damaged[place] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            torch_file.TorchFile(path)
            outcomes.add("opened")
        except SpeechError as error:
            outcomes.add(error.code)
    assert {"opened", "checkpoint_damaged", "checkpoint_unsafe"} <= outcomes


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.arguments = (function, arguments)

    def __reduce__(self) -> Any:
        return self.arguments


def torch_zip(path: Path, content: bytes, storage: bytes = bytes(64), compression: int = zipfile.ZIP_STORED) -> None:
    path.unlink(missing_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", storage)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "function", [os.system, eval, __import__, getattr, torch.load, torch.hub.load, pickle.loads, bytearray]
)
def test_a_pickle_that_calls_something_is_refused_and_nothing_runs(
    path: Path, function: Callable[..., Any], protocol: int
) -> None:
    mark = path.with_name("ran")
    torch_zip(path, pickle.dumps({"model": Call(function, f"touch {mark}")}, protocol))
    error = refused("checkpoint_unsafe", path)
    assert function.__name__ in str(error.values["found"]) or "opcode" in str(error.values["found"])
    assert not mark.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a class by computed names", b"\x80\x04\x8c\x02os)\x93."),
        ("a call of no function", b"\x80\x02X\x01\x00\x00\x00a)R."),
        ("an extension code", b"\x80\x02\x82\x01."),
        ("an old instance", b"(ios\nsystem\n."),
        ("nothing", b""),
        ("no end", b"\x80\x02}"),
        ("an empty stack", b"."),
        ("a mark too few", b"\x80\x02)t."),
        ("keys that nest", b"\x80\x02}" + b")" + b"\x85" * 200_000 + b"K\x01s."),
    ],
)
def test_hostile_pickles(path: Path, name: str, content: bytes) -> None:
    torch_zip(path, content)
    with pytest.raises(SpeechError) as error:
        torch_file.TorchFile(path)
    assert error.value.code in ("checkpoint_unsafe", "checkpoint_damaged"), name


@pytest.mark.parametrize("name", ["os.system", "torch._utils._rebuild_tensor_v2"])
def test_any_class_is_a_name_and_no_more(path: Path, name: str) -> None:
    """Also when the pickle makes an object of it, or gives it state."""
    module, _, last = name.rpartition(".")
    torch_zip(path, f"c{module}\n{last}\n".encode() + b"X\x04\x00\x00\x00listb.")
    root = torch_file.TorchFile(path).root
    assert (type(root), root.name, root.state) == (torch_file.Inert, name, ["list"])
    torch_zip(path, f"c{module}\n{last}\n".encode() + b")\x81.")
    root = torch_file.TorchFile(path).root
    assert (type(root), root.name, root.state) == (torch_file.Inert, name, [()])
    saved(path)
    assert len(opened(path)) == 9


def test_a_memo_far_away_takes_no_memory(path: Path) -> None:
    """CPython's own unpickler makes room for all places below it."""
    torch_zip(path, b"\x80\x02]r\xff\xff\xff\x7f.")
    assert torch_file.TorchFile(path).root == []


def tensor_pickle(
    offset: int, shape: tuple[int, ...], stride: tuple[int, ...], key: str = "0", kind: str = "Float"
) -> bytes:
    """{"model": {"mel_stats": a tensor that claims this}} on a storage of 16 numbers."""

    def number(value: int) -> bytes:
        length = (value.bit_length() + 8) // 8
        return b"\x8a" + bytes([length]) + value.to_bytes(length, "little", signed=True)

    def text(value: str) -> bytes:
        return b"X" + len(value).to_bytes(4, "little") + value.encode()

    numbers = [b"(" + b"".join(map(number, values)) + b"t" for values in (shape, stride)]
    storage = (
        b"(" + text("storage") + f"ctorch\n{kind}Storage\n".encode() + text(key) + text("cpu") + number(16) + b"tQ"
    )
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + b"".join(numbers) + b"\x89}tR"
    return b"\x80\x02}" + text("model") + b"}" + text("mel_stats") + rebuilt + b"ss."


@pytest.mark.parametrize(
    ("claim", "code"),
    [
        (tensor_pickle(1, (4, 4), (4, 1)), "checkpoint_damaged"),
        (tensor_pickle(0, (4, 5), (4, 1)), "checkpoint_damaged"),
        (tensor_pickle(0, (2, 4), (13, 1)), "checkpoint_damaged"),
        (tensor_pickle(0, (2_000_000_000,), (0,)), "checkpoint_damaged"),
        (tensor_pickle(0, (1 << 24, 1 << 24, 1 << 24), (0, 0, 0)), "checkpoint_damaged"),
        (tensor_pickle(0, (1,) * 100, (1,) * 100), "checkpoint_damaged"),
        (tensor_pickle(0, (4,), (1, 1)), "checkpoint_damaged"),
        (tensor_pickle(0, (4,), (1,), key="1"), "checkpoint_damaged"),
        (tensor_pickle(0, (4,), (1,), key="../data.pkl"), "checkpoint_damaged"),
        (tensor_pickle(0, (16,), (1,), kind="Double"), "checkpoint_damaged"),
        (tensor_pickle(-4, (4,), (1,)), "checkpoint_unsafe"),
        (tensor_pickle(0, (4,), (-1,)), "checkpoint_unsafe"),
        (tensor_pickle(1 << 62, (4,), (1,)), "checkpoint_unsafe"),
        (tensor_pickle(0, (4,), (1,), kind="Quantized"), "checkpoint_unsafe"),
    ],
)
def test_tensors_that_leave_their_storage(path: Path, claim: bytes, code: str) -> None:
    torch_zip(path, claim)
    refused(code, path)


def test_an_unaligned_storage_is_read_all_the_same(path: Path) -> None:
    values = torch.arange(16, dtype=torch.float32)
    for padding in range(4):
        torch_zip(path, tensor_pickle(0, (4, 4), (4, 1)) + b" " * padding, values.numpy().tobytes())
        assert torch.equal(opened(path)["mel_stats"].flatten(), values)


def test_compressed_entries_are_refused(path: Path) -> None:
    torch_zip(path, tensor_pickle(0, (4,), (1,)), compression=zipfile.ZIP_DEFLATED)
    refused("checkpoint_damaged", path)
