"""The wheel, in an environment that holds nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fitted_voices import adapter, blend_of, meta

from speech.audio import load
from speech.models import ModelStore
from speech.voice_library import VoiceLibrary

ROOT = Path(__file__).parent.parent
ROOMS = ("speech", "train", "app")
pytestmark = [pytest.mark.slow, pytest.mark.processes]


def done(*words: str | Path, folder: Path, **variables: str) -> str:
    """What a command says, with nothing of this environment but the ways to a registry."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PAPAGAIO_", "PYTHON"))}
    links = {"UV_FIND_LINKS": ",".join(os.environ.get("PIP_FIND_LINKS", "").split())}
    environment = ours | {name: value for name, value in links.items() if value} | {"LANG": "C.UTF-8"} | variables
    process = subprocess.run([*map(str, words)], cwd=folder, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, f"{words}\n{process.stdout}\n{process.stderr}"
    return process.stdout


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files, in a folder of their own: a build leaves files beside its source."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        if name.partition("/")[0] in (*ROOMS, "pyproject.toml", "README.md", "requirements.txt", "LICENSE"):
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    done(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", folder / "source", folder=folder)
    return next(folder.glob("papagaio-*.whl"))


def test_it_holds_every_file_of_the_product_and_no_test(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    product = {name for name in tracked() if name.split("/")[0] in ROOMS and not name.startswith("train/test/")}
    assert "train/data/stock_voices.npz" in names
    assert names == {name for name in product if not name.endswith(".md")}


def test_in_an_empty_environment_it_speaks_and_takes_a_voice_in(
    wheel: Path, tmp_path: Path, model_store: ModelStore
) -> None:
    done(sys.executable, "-m", "venv", tmp_path / "venv", folder=tmp_path)
    binaries = tmp_path / "venv" / "bin"
    uv, pip = Path(sys.executable).parent / "uv", (binaries / "python", "-m", "pip", "install", "-q")
    install = (uv, "pip", "install", "-q", "--python", binaries / "python") if uv.exists() else pip
    done(*install, "-c", ROOT / "constraints.txt", wheel, folder=tmp_path)

    library = VoiceLibrary(tmp_path / "elsewhere")
    library.add(meta(), adapter(blend_of(model_store, {"pf_dora": 1.0}), size=0.004).to_tensors(), {})
    folders = {"PAPAGAIO_DATA_DIR": str(tmp_path / "data"), "PAPAGAIO_MODELS_DIR": str(model_store.root)}

    def papagaio(*words: str | Path) -> str:
        return done(binaries / "papagaio", *words, folder=tmp_path, **folders)

    papagaio("speak", "Bom dia.", "-o", "stock.wav")
    papagaio("voices", "import", library.path("ana"))
    assert "ana" in papagaio("speak", "Bom dia.", "--voice", "ana", "-o", "ana.wav")
    assert all(0.3 < load(tmp_path / name).duration_s < 3 for name in ("stock.wav", "ana.wav"))
