"""Broken and hostile model files of RVC, made from a good one: a name, what is written, and the verdicts allowed."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHECKPOINT = ("checkpoint_damaged", "checkpoint_unsafe", "checkpoint_not_torch")
SHAPES = ("checkpoint_tensor_missing", "checkpoint_tensor_shape", "checkpoint_tensor_dtype", "checkpoint_tensor_values")
Made = tuple[str, bytes, tuple[str, ...]]


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


def saved(root: object) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(root, file)
    return file.getvalue()


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def pickles(canary: Path) -> Iterator[Made]:
    """Each would write `canary` if any of it ran."""
    import builtins
    import os
    import subprocess

    order = f"touch {canary}"
    calls = {
        "os.system": Call(os.system, order),
        "subprocess": Call(subprocess.call, ["touch", str(canary)]),
        "popen": Call(os.popen, order),
        "eval": Call(builtins.eval, f"open({str(canary)!r}, 'w').close()"),
        "exec": Call(builtins.exec, f"open({str(canary)!r}, 'w').close()"),
        "open": Call(builtins.open, str(canary), "w"),
        "import": Call(builtins.__import__, "antigravity"),
        "getattr": Call(builtins.getattr, "x", "upper"),
        "compile": Call(builtins.compile, "1", "x", "eval"),
        "nested-loads": Call(pickle.loads, pickle.dumps(Call(os.system, order))),
        "mkdir": Call(os.mkdir, str(canary)),
        "bytearray": Call(bytearray, 1 << 40),
    }
    for name, call in calls.items():
        for place in ("root", "info", "weight"):
            root: Any = {"weight": OrderedDict(), "config": [], "info": "x"}
            if place == "root":
                root = call
            else:
                root[place] = {"x": call} if place == "weight" else call
            yield f"pickle-{name}-{place}", zipped({"a/data.pkl": pickle.dumps(root, 2), "a/version": b"3"}), CHECKPOINT


def archives(good: bytes) -> Iterator[Made]:
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    folder = next(iter(entries)).partition("/")[0]
    yield "empty", b"", CHECKPOINT
    yield "web-page", b"<!DOCTYPE html><title>404</title>", CHECKPOINT
    yield "git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 55\n", CHECKPOINT
    yield "old-format", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.", CHECKPOINT
    for share in (1, 10, 50, 90, 99):
        yield f"truncated-{share}", good[: len(good) * share // 100], CHECKPOINT
    yield "compressed", zipped(entries, zipfile.ZIP_DEFLATED), CHECKPOINT
    yield "zip-bomb", zipped({f"{folder}/data.pkl": bytes(50 << 20)}, zipfile.ZIP_DEFLATED), CHECKPOINT
    yield "no-pickle", zipped({n: d for n, d in entries.items() if not n.endswith("data.pkl")}), CHECKPOINT
    yield "no-storages", zipped({n: d for n, d in entries.items() if "/data/" not in n}), CHECKPOINT
    yield "big-endian", zipped({**entries, f"{folder}/byteorder": b"big"}), CHECKPOINT
    short = {n: d[: len(d) // 2] if n.endswith("/data/0") else d for n, d in entries.items()}
    yield "short-storage", zipped(short), (*CHECKPOINT, *SHAPES)
    yield "garbage-pickle", zipped({**entries, f"{folder}/data.pkl": bytes(range(256))}), CHECKPOINT
    yield "pickle-without-end", zipped({**entries, f"{folder}/data.pkl": b"\x80\x02}"}), CHECKPOINT
    yield "pickle-of-20-mb", zipped({**entries, f"{folder}/data.pkl": b"\x80\x02" + b"N0" * (10 << 20)}), CHECKPOINT
    deep = b"\x80\x02" + b"(" * 200_000 + b"."
    yield "pickle-deep", zipped({**entries, f"{folder}/data.pkl": deep}), CHECKPOINT
    header = bytearray(good)
    place = good.rindex(b"PK\x05\x06")
    header[place + 16 : place + 20] = struct.pack("<I", 0xFFFFFF00)
    yield "directory-elsewhere", bytes(header), (*CHECKPOINT, "")
    flipped = bytearray(good)
    for at in range(len(good) // 3, len(good) // 3 + 64):
        flipped[at] ^= 0xFF
    yield "flipped-bits", bytes(flipped), (*CHECKPOINT, *SHAPES, "rvc_config", "rvc_wrong_kind", "")


def contents(root: dict[str, Any]) -> Iterator[Made]:
    import torch

    def changed(**values: Any) -> bytes:
        return saved({**root, **values})

    def config(place: int, value: Any) -> bytes:
        listed = list(root["config"])
        listed[place] = value
        return changed(config=listed)

    weight = root["weight"]
    kinds = ("rvc_wrong_kind",)
    yield "a-list", saved([1, 2]), kinds
    yield "a-tensor", saved(torch.zeros(3)), kinds
    yield "training-checkpoint", saved({"model": weight, "iteration": 1, "optimizer": {}}), kinds
    yield "no-weights", changed(weight={}), kinds
    yield "another-network", changed(weight={"layer.weight": torch.zeros(4, 4)}), kinds
    yield "no-config", saved({"weight": weight}), ("rvc_config",)
    wrong = {"rvc_config", "rvc_unsupported", "checkpoint_tensor_shape", "checkpoint_tensor_missing"}
    for name, place, value in (
        ("hidden-huge", 3, 10**9),
        ("hidden-other", 3, 64),
        ("layers-huge", 6, 10**6),
        ("heads-odd", 5, 7),
        ("hidden-text", 3, "32"),
        ("negative", 2, -4),
        ("not-a-number", 4, float("nan")),
        ("rates-huge", 12, [10**6, 1]),
        ("rates-empty", 12, []),
        ("rates-nested", 12, [[10], 10]),
        ("kernels-short", 14, [16]),
        ("kernels-tiny", 14, [2, 2, 2, 2]),
        ("sample-rate", 17, 44100),
        ("sample-rate-bool", 17, True),
        ("resblock-2", 9, "2"),
        ("gin-other", 16, 99),
    ):
        yield f"config-{name}", config(place, value), tuple(wrong)
    yield "config-short", changed(config=root["config"][:5]), ("rvc_config",)
    yield "version-9", changed(version="v9"), ("rvc_unsupported",)
    yield "vocoder-other", changed(vocoder="RefineGAN"), ("rvc_unsupported",)
    yield "version-1", changed(version="v1"), SHAPES
    yield "f0-lacking", changed(f0=0, weight={n: t for n, t in weight.items() if n != "dec.cond.bias"}), SHAPES
    for name in ("enc_p.proj.weight", "dec.ups.0.weight_g", "flow.flows.0.post.bias", "emb_g.weight"):
        yield f"lacks-{name}", changed(weight={n: t for n, t in weight.items() if n != name}), (*SHAPES, *kinds)
        odd = {**weight, name: torch.zeros(2, 3)}
        yield f"shape-{name}", changed(weight=odd), SHAPES
    first = "enc_p.proj.weight"
    for label, value in (("nan", float("nan")), ("infinite", float("inf"))):
        yield f"values-{label}", changed(weight={**weight, first: weight[first] * value}), SHAPES
    yield "integers", changed(weight={**weight, first: weight[first].to(torch.int32)}), SHAPES
    bomb = torch.zeros(1).half().expand(2 * 10**9)
    yield "claims-2e9", changed(weight={**weight, first: bomb}), (*CHECKPOINT, *SHAPES)
    yield "claims-stride-0", changed(weight={**weight, first: torch.zeros(1).half().expand(64, 32, 1)}), (
        *CHECKPOINT,
        *SHAPES,
    )
    silent = {n: t * 0 for n, t in weight.items()}
    yield "all-zero", changed(weight=silent), ("rvc_model_silent", "checkpoint_tensor_values")


def indexes(good: bytes) -> Iterator[Made]:
    damaged = ("rvc_index_damaged",)
    yield "index-empty", b"", damaged
    yield "index-text", b"not an index", ("rvc_index_damaged", "rvc_index_unsupported")
    for share in (1, 30, 99):
        yield f"index-truncated-{share}", good[: len(good) * share // 100], damaged
    yield "index-hnsw", b"IHNf" + good[4:], ("rvc_index_unsupported",)
    for name, at, value in (
        ("width", 4, struct.pack("<i", 1 << 30)),
        ("width-0", 4, struct.pack("<i", 0)),
        ("count", 8, struct.pack("<q", 1 << 60)),
        ("count-negative", 8, struct.pack("<q", -5)),
        ("untrained", 32, b"\x00"),
        ("lists", 37, struct.pack("<Q", 1 << 62)),
        ("metric", 33, struct.pack("<i", 0)),
    ):
        bad = bytearray(good)
        bad[at : at + len(value)] = value
        yield f"index-{name}", bytes(bad), ("rvc_index_damaged", "rvc_index_unsupported")
    place = good.index(b"full") + 12
    bad = bytearray(good)
    bad[place : place + 8] = struct.pack("<Q", 1 << 50)
    yield "index-list-bomb", bytes(bad), damaged
    yield "index-deflated", zlib.compress(good), ("rvc_index_unsupported", "rvc_index_damaged")
