"""Adapters in the real networks: what is added, what is lost to quantisation, and what stays as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import DECODER, adapter, blend_of
from numpy.typing import NDArray

from speech.engines.kokoro.adapter import TABLE, Adapter, merge, shape_of
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import Runtime
from speech.errors import SpeechError
from speech.models import ModelStore

CONVOLUTION, MATRIX = "/decoder/decoder/encode/Mul_output_0", "decoder.decoder.encode.norm1.fc.weight"
TRANSPOSED = "/decoder/decoder/generator/Mul_output_0"
STYLE = np.zeros((510, 256), np.float32)
FP32 = json.loads(TABLE.read_text())


@pytest.fixture(scope="module")
def int8(model_store: ModelStore) -> Path:
    return model_store.path("kokoro-int8") / "kokoro-int8.onnx"


@pytest.fixture(scope="module")
def fp32(installed: Callable[..., ModelStore]) -> Path:
    return installed("kokoro-fp32").path("kokoro-fp32") / "kokoro-fp32.onnx"


def opened(folder: Path, data: bytes) -> OnnxFile:
    path = folder / "merged.onnx"
    path.write_bytes(data)
    return OnnxFile(path)


def real_values(file: OnnxFile, name: str) -> NDArray:
    """A weight of the int8 export as the runtime multiplies with it, in the fp32 export's shape."""
    found = file.initializers
    if name in found:
        return found[name].reshape(shape_of(name))
    node = next(node for node in file.nodes if len(node.inputs) > 3 and node.inputs[1] == f"{name}_quantized")
    values, scale, zero = (found[key] for key in (node.inputs[1], f"{name}_scale", node.inputs[3]))
    whole: NDArray = values.astype(np.float32) - zero.astype(np.float32)
    if node.op_type == "MatMulInteger":
        return np.transpose(whole * scale)
    scaled: NDArray = whole * (scale[:, :, None] if scale.ndim else scale)
    return scaled


def test_tensors_and_adapter_are_one_another() -> None:
    made = adapter()
    again = Adapter.from_tensors(made.to_tensors())
    assert again.names() == made.names() and len(made.names()) == len(DECODER) > 200
    assert np.array_equal(again.delta(MATRIX, shape_of(MATRIX)), made.delta(MATRIX, shape_of(MATRIX)))


def test_a_zero_adapter_changes_nothing(int8: Path) -> None:
    nothing = Adapter(STYLE, {CONVOLUTION: (np.zeros((1024, 2)), np.zeros((2, 514 * 3)))}, {})
    for one in (Adapter(STYLE, {}, {}), nothing):
        assert merge(int8, one, "int8") == int8.read_bytes()


def test_every_fitted_weight_is_reachable_in_int8(int8: Path, tmp_path: Path) -> None:
    """Each name of the table, by putting a change of it in and finding it there."""
    size = 0.02
    one = adapter(size=size)
    others = {name: np.full(shape, size, np.float32) for name, shape in FP32.items() if name not in one.names()}
    whole = Adapter(STYLE, one.low_rank, {**one.deltas, **others})
    assert set(whole.names()) == set(FP32) and len(FP32) > 300
    before, after = OnnxFile(int8), opened(tmp_path, merge(int8, whole, "int8"))
    for name, shape in FP32.items():
        change = real_values(after, name) - real_values(before, name)
        wanted = whole.delta(name, tuple(shape))
        assert np.vdot(change, wanted) / np.vdot(wanted, wanted) == pytest.approx(1, abs=0.15), name


def test_a_small_change_survives_int8(int8: Path, tmp_path: Path) -> None:
    """3 % of a layer's norm: less than a step of the export's convolutions, which would round it away."""
    before = OnnxFile(int8)
    changes = {}
    for name in (CONVOLUTION, MATRIX, "/decoder/decoder/generator/resblocks.2/Mul_5_output_0"):
        weight = real_values(before, name)
        draw = np.random.default_rng(1)
        up, down = draw.normal(size=(len(weight), 16)), draw.normal(size=(16, weight.size // len(weight)))
        changes[name] = (up * 0.03 * np.linalg.norm(weight) / np.linalg.norm(up @ down), down)
    one = Adapter(STYLE, changes, {})
    after = opened(tmp_path, merge(int8, one, "int8"))
    for name in changes:
        change, wanted = real_values(after, name) - real_values(before, name), one.delta(name, shape_of(name))
        kept = np.vdot(change, wanted) / np.vdot(wanted, wanted)
        assert kept == pytest.approx(1, abs=0.03), name
        assert np.linalg.norm(change - wanted) < 0.7 * np.linalg.norm(wanted), name


def test_layers_beside_a_changed_one_multiply_as_before(int8: Path, tmp_path: Path) -> None:
    """They may share its zero point, and then move with it."""
    one = Adapter(STYLE, {}, {CONVOLUTION: np.full(shape_of(CONVOLUTION), 0.01, np.float32)})
    before, after = OnnxFile(int8), opened(tmp_path, merge(int8, one, "int8"))
    for name in FP32:
        if name != CONVOLUTION:
            assert np.array_equal(real_values(before, name), real_values(after, name)), name


def test_fp32_is_the_sum(fp32: Path, tmp_path: Path) -> None:
    one = adapter()
    assert merge(fp32, Adapter(STYLE, {}, {}), "fp32") == fp32.read_bytes()
    before, after = OnnxFile(fp32), opened(tmp_path, merge(fp32, one, "fp32"))
    assert {name: list(before.initializers[name].shape) for name in FP32} == FP32
    for name, values in before.initializers.items():
        wanted = values + one.delta(name, values.shape) if name in one.names() else values
        assert np.array_equal(after.initializers[name], wanted), name


def test_both_precisions_say_the_same(fp32: Path, int8: Path, model_store: ModelStore) -> None:
    """A fitted voice loses no more to int8 than a stock voice does."""
    style = blend_of(model_store, {"pf_dora": 0.6, "af_bella": 0.4})
    one = adapter(style, size=0.004, rank=16)
    ids = tokens(phonemize("Bom dia, tudo bem com você?", "pt-BR"))
    said = {}
    for name, path in (("fp32", fp32), ("int8", int8)):
        for kind, model in (("stock", path.read_bytes()), ("fitted", merge(path, one, name))):
            said[name, kind] = spectrum(Runtime(model, 1).synthesize(ids, style, 1.0))
    stock, fitted = (np.abs(said["fp32", kind] - said["int8", kind]).mean() for kind in ("stock", "fitted"))
    assert np.abs(said["fp32", "stock"] - said["fp32", "fitted"]).mean() > stock  # the adapter is heard
    assert fitted < 1.2 * stock


def spectrum(samples: NDArray) -> NDArray:
    """Mean log power of 40 bands, which does not depend on timing."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::256] * np.hanning(1024)
    power = (np.abs(np.fft.rfft(frames)) ** 2)[:, 1:].mean(0)
    return np.log([band.mean() for band in np.array_split(power, 40)])


def test_what_the_model_does_not_have_is_refused(int8: Path, tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="voice_tensor_unknown.*nowhere"):
        merge(int8, Adapter(STYLE, {}, {"nowhere": np.ones(3)}), "int8")
    with pytest.raises(SpeechError, match="initializer_unknown"):
        merge(int8, Adapter(STYLE, {}, {CONVOLUTION: np.ones(shape_of(CONVOLUTION), np.float32)}), "fp32")
