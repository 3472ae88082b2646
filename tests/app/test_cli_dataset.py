"""`papagaio dataset`, and the commands that the guide names."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.cli import main, parse
from app.commands.console import Console
from speech.audio import Audio, save
from train.dataset.folder import DatasetFolder
from train.dataset.records import Sample

GUIDE = Path(__file__).parents[2] / "docs" / "TRAINING_GUIDE.md"
Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PAPAGAIO_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    return lambda *words: main(["dataset", *map(str, words)])


def filled(folder: DatasetFolder) -> None:
    folder.wavs.mkdir(parents=True)
    samples = []
    for index in range(4):
        sound = Audio(np.random.default_rng(index).normal(0, 0.05, 8 * 22050).astype(np.float32), 22050)
        path = folder.wavs / f"r{index}.wav"
        save(sound, path)
        name = path.relative_to(folder.root).as_posix()
        samples.append(
            Sample(f"r{index}", name, f"r{index}", "r_A", "en", ((0.0, 8.0),), 8.0, "Words.", decision="keep")
        )
    folder.save_samples(samples)


@pytest.mark.models
def test_from_new_to_export(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", "ana", "--language", "en") == 0
    assert run("new", "ana", "--language", "en") != 0
    sound = tmp_path / "a.wav"
    save(Audio(np.full(22050, 0.1, np.float32), 22050), sound)
    (tmp_path / "bad.mp3").write_bytes(b"<html>")
    assert run("add", "ana", sound, tmp_path / "bad.mp3", "https://youtu.be/x", "--speaker", "ana") == 1
    told = capsys.readouterr()
    assert "Cannot be read as sound" in told.err and "1 taken in" in told.out
    folder = DatasetFolder.open(tmp_path / "data" / "datasets" / "ana")
    assert {source.speaker for source in folder.sources()} == {"ana"} and len(folder.sources()) == 3
    filled(folder)
    assert run("name", "ana", "r_A=Ana Maria") == 0 and run("name", "ana", "nobody=x") != 0
    assert run("run", "ana", "--from", "build") == 0
    assert "Ana Maria" in capsys.readouterr().out
    assert run("report", "ana", "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"]["samples"] == 4
    assert run("report", "ana") == 0 and "<svg" in (folder.root / "report.html").read_text()
    out = tmp_path / "out"
    assert run("export", "ana", out) == 0 and run("export", "ana", out) != 0
    assert sorted(path.name for path in out.glob("*.csv")) == [
        "metadata.csv",
        "metadata_speakers.csv",
        "metadata_train.csv",
        "metadata_val.csv",
    ]
    assert run("check", out) == 0 and run("check", tmp_path) == 1
    assert run("list") == 0 and "ana" in capsys.readouterr().out
    assert run("run", "nobody") != 0 and run("run", "ana", "--from", "nowhere") != 0


def commands(start: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[len(start.split()) :] for line in lines if line.startswith(start)]


def test_the_commands_of_the_guide_exist(capsys: pytest.CaptureFixture[str]) -> None:
    found = commands("./run dataset")
    assert {words[0] for words in found} == {"list", "new", "add", "run", "report", "export", "check"}
    for words in found:
        assert callable(parse(Console("en"), ["dataset", *words]).command)
    for line in re.findall(r"^python -m (train\.scripts\.\w+)(.*)$", GUIDE.read_text(encoding="utf-8"), re.M):
        module = __import__(line[0], fromlist=["main"])
        with pytest.raises(SystemExit) as done:
            module.main(["--help"])
        assert done.value.code == 0
        options = [word for word in shlex.split(line[1]) if word.startswith("--")]
        told = capsys.readouterr().out
        assert all(option in told for option in options)
