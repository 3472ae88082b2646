"""The voice file and the folder of voices, with files as a stranger might send them."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import DECODER, adapter, meta
from numpy.typing import NDArray

from speech.audio import Audio, load
from speech.errors import SpeechError
from speech.voice_files import METADATA_KEY, read_meta, read_tensors, write_voice
from speech.voice_library import VoiceLibrary

WEIGHT = next(name for name in DECODER if name.endswith("convs1.0.bias"))


@pytest.fixture(scope="module")
def tensors() -> dict[str, NDArray]:
    return adapter().to_tensors()


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "voices")


def test_a_voice_comes_back_as_it_was_kept(tmp_path: Path, tensors: dict[str, NDArray]) -> None:
    path = tmp_path / "ana.safetensors"
    write_voice(path, meta(report={"similarity": {"before": 0.25}}), tensors)
    assert read_meta(path) == meta(report={"similarity": {"before": 0.25}})
    found = read_tensors(path)
    assert found.keys() == tensors.keys()
    assert all(
        np.array_equal(found[name], values) and found[name].dtype == values.dtype for name, values in tensors.items()
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["ana.safetensors"] and path.stat().st_size < 10e6


def test_ten_megabytes_are_the_most(tmp_path: Path) -> None:
    path = tmp_path / "big.safetensors"
    with pytest.raises(SpeechError, match="voice_file_too_large.*11"):
        write_voice(path, meta(), {"style": np.zeros(11 << 18, np.float32)})
    path.write_bytes(bytes(19 << 20))
    for read in (read_meta, read_tensors):
        with pytest.raises(SpeechError, match="voice_file_too_large"):
            read(path)


def test_the_library_keeps_lists_and_deletes(library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    assert library.list() == () and library.stamp() == ()
    sound = Audio(np.linspace(-0.5, 0.5, 2400, dtype=np.float32), 24000)
    library.add(meta(), tensors, {"stock": sound, "fitted": sound})
    library.add(meta("bia"), tensors, {})
    assert [one.voice_id for one in library.list()] == ["ana", "bia"] and library.get("ana") == meta()
    assert len(load(library.folder("ana") / "samples" / "fitted.wav").samples) == 2400
    before = library.stamp()
    library.replace_report("ana", {"wer": 0.02})
    assert library.get("ana").report == {"wer": 0.02} and library.stamp() != before
    library.delete("ana")
    assert [one.voice_id for one in library.list()] == ["bia"]
    for gone in (library.get, library.path, library.delete):
        with pytest.raises(SpeechError, match="unknown_voice.*bia"):
            gone("ana")
    assert [entry.name for entry in library.folder("bia").parent.iterdir()] == ["bia"]


@pytest.mark.parametrize(
    "voice_id", ["../ana", "ana/..", "/etc", "Ana", "a", "a" * 41, "ana.b", "", ".ana", "1ana", "fit", "ana\n"]
)
def test_ids_that_are_no_names_are_refused(library: VoiceLibrary, tensors: dict[str, NDArray], voice_id: str) -> None:
    with pytest.raises(SpeechError, match="bad_voice_id"):
        library.add(meta(voice_id), tensors, {})
    with pytest.raises(SpeechError, match="unknown_voice"):
        library.path(voice_id)
    assert library.list() == ()


def test_names_that_are_taken_are_refused(library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    library.add(meta(), tensors, {})
    for taken in ("ana", "pf_dora", "pf_dora_bella", "am_michael"):
        with pytest.raises(SpeechError, match="voice_exists"):
            library.add(meta(taken), tensors, {})
    with pytest.raises(SpeechError, match="bad_sample_name"):
        library.add(meta("bia"), tensors, {"../../x": Audio(np.zeros(10, np.float32), 24000)})
    assert [one.voice_id for one in library.list()] == ["ana"]


def test_export_and_import_under_another_name(
    tmp_path: Path, library: VoiceLibrary, tensors: dict[str, NDArray]
) -> None:
    library.add(meta(), tensors, {})
    path = tmp_path / "out.safetensors"
    library.export("ana", path)
    other = VoiceLibrary(tmp_path / "other" / "voices")
    assert other.import_(path, "maria") == replace(meta(), voice_id="maria")
    assert other.import_(path, None) == meta()
    assert other.get("maria").consent == meta().consent
    found = read_tensors(other.path("maria"))
    assert all(np.array_equal(found[name], values) for name, values in tensors.items())
    with pytest.raises(SpeechError, match="output_unwritable"):
        library.export("ana", tmp_path / "no" / "such" / "folder.safetensors")


Spoil = Callable[[bytes], bytes]


def written(path: Path, tensors: dict[str, NDArray], **changes: str) -> bytes:
    write_voice(path, meta(**changes), tensors)
    return path.read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:4],
        lambda data: data[:500],
        lambda data: data[:-1],
        lambda data: data + b"more",
        lambda data: (1 << 62).to_bytes(8, "little") + data[8:],
        lambda data: data.replace(b'"F32"', b'"Q99"', 1),
        lambda data: data.replace(METADATA_KEY.encode(), b"papagai0", 1),
        lambda data: data.replace(b'\\"consent\\"', b'\\"consenT\\"', 1),
        lambda data: data.replace(b'\\"reference_s\\": 52.5', b'\\"reference_s\\": true', 1),
        lambda data: pickle.dumps({"style": [1, 2, 3]}),
        lambda data: b"\x10\0\0\0\0\0\0\0" + b"[" * 16,
    ],
)
def test_damaged_files_are_refused(
    tmp_path: Path, library: VoiceLibrary, tensors: dict[str, NDArray], spoil: Spoil
) -> None:
    path = tmp_path / "bad.safetensors"
    good = written(path, tensors)
    bad = spoil(good)
    assert bad != good
    path.write_bytes(bad)
    with pytest.raises(SpeechError, match="voice_file_malformed.*bad.safetensors"):
        library.import_(path, "bia")
    assert library.list() == () and not list(tmp_path.glob("voices/*"))


def test_an_archive_is_refused(tmp_path: Path, library: VoiceLibrary) -> None:
    path = tmp_path / "bad.safetensors"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../evil", "x")
    with pytest.raises(SpeechError, match="voice_file_malformed"):
        library.import_(path)
    with pytest.raises(SpeechError, match="voice_file_missing"):
        library.import_(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"style": np.zeros((510, 255), np.float32)}, "voice_tensor_shape.*style"),
        ({"style": np.full((510, 256), np.nan, np.float32)}, "voice_tensor_values.*style"),
        ({"style": np.full((510, 256), 1e30, np.float32)}, "voice_tensor_values.*style"),
        ({"style": np.zeros((510, 256), np.int32)}, "voice_tensor_values.*style"),
        ({"decoder.evil.weight.delta": np.zeros(3, np.float32)}, "voice_tensor_unknown.*evil"),
        ({"onnx::LSTM_6793.delta": np.zeros((2, 2048), np.float32)}, "voice_tensor_unknown.*LSTM"),
        ({"surprise": np.zeros(3, np.float32)}, "voice_tensor_unknown.*surprise"),
        ({f"{WEIGHT}.delta": np.zeros(7, np.float32)}, "voice_tensor_shape.*convs1"),
        ({f"{WEIGHT}.up": np.zeros((128, 0), np.float16)}, "voice_tensor_shape.*up"),
        ({f"{WEIGHT}.down": np.zeros((2, 5), np.float16)}, "voice_tensor_unknown.*down"),
    ],
)
def test_tensors_that_do_not_fit_the_network_are_refused(
    tmp_path: Path, library: VoiceLibrary, tensors: dict[str, NDArray], changes: dict[str, NDArray], problem: str
) -> None:
    path = tmp_path / "bad.safetensors"
    written(path, {**tensors, **changes})
    with pytest.raises(SpeechError, match=problem):
        library.import_(path)
    assert library.list() == ()


def test_another_base_or_engine_is_refused(tmp_path: Path, library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    path = tmp_path / "bad.safetensors"
    for change, problem in (
        ({"base_sha256": "0" * 64}, "voice_base_differs"),
        ({"base_model": "kokoro-int8"}, "voice_base_differs"),
        ({"engine": "os"}, "voice_engine_unknown"),
        ({"voice_id": "../../evil"}, "bad_voice_id"),
        ({"title": "x" * 201}, "voice_file_malformed.*title"),
    ):
        written(path, tensors, **change)
        with pytest.raises(SpeechError, match=problem):
            library.import_(path)


def test_a_damaged_voice_hides_no_other(library: VoiceLibrary, tensors: dict[str, NDArray]) -> None:
    library.add(meta(), tensors, {})
    library.add(meta("bia"), tensors, {})
    library.path("ana").write_bytes(b"garbage")
    assert [one.voice_id for one in library.list()] == ["bia"] and list(library.damaged()) == ["ana"]
    with pytest.raises(SpeechError, match="voice_file_malformed"):
        library.get("ana")
    library.delete("ana")
    assert not library.damaged()


def test_the_metadata_is_plain_json_in_one_key(tmp_path: Path, tensors: dict[str, NDArray]) -> None:
    data = written(tmp_path / "ana.safetensors", tensors)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"][METADATA_KEY]) == asdict(meta())
