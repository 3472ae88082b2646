"""`papagaio voices` and speaking with a voice that came in a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import adapter, blend_of, meta

from app.cli import main
from speech.audio import load
from speech.engines.kokoro.adapter import Adapter, merge
from speech.engines.kokoro.export import export_onnx
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.runtime import Runtime, load_voice
from speech.models import ModelStore
from speech.voice_files import read_meta, read_tensors
from speech.voice_library import VoiceLibrary

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceLibrary:
    """A data folder with the voice ana; an English terminal."""
    for name in [name for name in os.environ if name.startswith(("PAPAGAIO_", "LC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    library = VoiceLibrary(tmp_path / "data" / "voices")
    library.add(meta(), adapter().to_tensors(), {})
    return library


def run(captured: Captured, *words: str) -> tuple[int, str, str]:
    code = main(words)
    out, err = captured.readouterr()
    return code, out, err


def test_list_shows_who_agreed(capsys: Captured, library: VoiceLibrary) -> None:
    code, out, _ = run(capsys, "voices", "list")
    assert code == 0 and "ana  kokoro  pt-BR  female  52 s  fast  2026-11-22  Ana" in out
    assert "agreed 2026-11-22T11:00:00Z: Eu concordo" in out
    library.path("ana").write_bytes(b"garbage")
    code, _, err = run(capsys, "voices", "list")
    assert code == 1 and "ana: kokoro-" in err and ".safetensors is not a voice file" in err
    assert run(capsys, "voices", "delete", "ana")[0] == 0
    assert "No fitted voices" in run(capsys, "voices", "list")[1]


def test_out_and_in_again(capsys: Captured, library: VoiceLibrary, tmp_path: Path) -> None:
    path = tmp_path / "ana.safetensors"
    code, out, _ = run(capsys, "voices", "export", "ana", "-o", str(path))
    assert code == 0 and f"{path}: " in out and read_meta(path) == meta()
    assert run(capsys, "voices", "import", str(path), "--name", "maria")[0] == 0
    assert library.get("maria").title == "Ana"
    assert run(capsys, "voices", "delete", "ana")[1] == "ana is deleted.\n"
    assert run(capsys, "voices", "import", str(path))[1] == "ana (Ana) can speak now.\n"
    assert np.array_equal(read_tensors(library.path("ana"))["style"], read_tensors(path)["style"])


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("export", "nobody", "-o", "x.safetensors"), "There is no voice nobody. Voices: ana"),
        (("export", "ana", "-o", "no/such/x.safetensors"), "no/such"),
        (("export", "ana"), "-o"),
        (("delete", "../ana"), "There is no voice ../ana"),
        (("delete", "pf_dora"), "There is no voice pf_dora"),
        (("import", "none.safetensors"), "none.safetensors cannot be opened"),
        (("import", "bad.safetensors"), "bad.safetensors is not a voice file"),
        (("import", "good.safetensors"), "already a voice ana"),
        (("import", "good.safetensors", "--name", "pf_dora"), "already a voice pf_dora"),
        (("import", "good.safetensors", "--name", "../x"), "../x cannot be a voice's id"),
    ],
)
def test_what_cannot_be_is_one_line(
    capsys: Captured,
    library: VoiceLibrary,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"PK\x03\x04")
    library.export("ana", tmp_path / "good.safetensors")
    code, out, err = run(capsys, "voices", *words)
    assert code == 2 and out == "" and err.count("\n") == 1 and problem in err
    assert [one.voice_id for one in library.list()] == ["ana"]


def test_an_imported_voice_speaks(
    capsys: Captured, library: VoiceLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_store: ModelStore
) -> None:
    monkeypatch.setenv("PAPAGAIO_MODELS_DIR", str(model_store.root))
    style = blend_of(model_store, {"pf_dora": 1.0})
    library.add(meta("bia"), adapter(style, size=0.004).to_tensors(), {})
    output = tmp_path / "ola.wav"
    code, out, err = run(capsys, "speak", "Olá!", "--voice", "bia", "-o", str(output))
    assert code == 0, err
    assert "bia" in out and 0.2 < load(output).duration_s < 3


def test_a_whole_model_for_other_programs(
    library: VoiceLibrary, tmp_path: Path, installed: Callable[..., ModelStore]
) -> None:
    """kokoro-onnx says with the exported files what the engine's own network says."""
    from kokoro_onnx import Kokoro

    model_store = installed("kokoro-fp32", "kokoro-voices")
    style = blend_of(model_store, {"pf_dora": 0.5, "af_bella": 0.5})
    library.add(meta("bia"), adapter(style, size=0.004).to_tensors(), {})
    paths = export_onnx(library, "bia", model_store, tmp_path / "out")
    assert [path.name for path in paths] == ["kokoro-bia.onnx", "bia.bin", "bia.npz"]
    assert np.array_equal(load_voice(paths[1]), style) and paths[1].stat().st_size == 510 * 256 * 4
    phonemes = phonemize("Bom dia, tudo bem?", "pt-BR")
    theirs = Kokoro(str(paths[0]), str(paths[2]))
    assert np.array_equal(theirs.get_voice_style("bia").reshape(510, 256), style)
    said, sample_rate = theirs.create(phonemes, "bia", is_phonemes=True, trim=False)
    ids = tokens(phonemes)
    kept = Adapter.from_tensors(read_tensors(library.path("bia")))
    ours = Runtime(merge(model_store.path("kokoro-fp32") / "kokoro-fp32.onnx", kept, "fp32"), 2)
    assert sample_rate == 24000 and np.allclose(said, ours.synthesize(ids, style, 1.0), atol=1e-6)
