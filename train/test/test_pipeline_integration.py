"""Rows 4.2-20 to 4.2-25: from links to a dataset, whole; and as if nothing had been when it was killed on the way."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from built_datasets import write_trainable
from loopback import Site, served

from speech.audio import Audio, join, load, save
from speech.errors import SpeechError
from speech.metrics.wer import word_error_rate
from train.dataset.folder import DatasetFolder
from train.dataset.records import Source
from train.scripts import build_ljs_dataset, segment_audio

RATE = 22050
TEXTS = (
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho que toda a vizinhança pedia.",
    "O vizinho consertou a bicicleta velha no domingo de manhã.",
    "Depois do almoço, todos foram ver o jogo na praça.",
    "A biblioteca do bairro abre cedo e fecha depois do jantar.",
)
README = Path(__file__).parents[1] / "README.md"
SCRIPTS = ["download_youtube", "segment_audio", "transcribe_audio_parallel", "build_ljs_dataset"]
SCRIPTS += ["train_xtts", "judge_xtts", "xtts_inference"]
LONGEST_S = 240.0  # of the run below, on two busy cores; about 15 s on idle ones


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path / "site") as found:
        yield found


@pytest.mark.models
@pytest.mark.slow
def test_links_to_dataset_and_to_a_tuned_voice(
    tmp_path: Path,
    site: Site,
    speak: Callable[..., Audio],
    xtts_tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """The lines of train/README.md with yt-dlp, Silero and Whisper themselves, on half a minute of speech and one dead
    link; then those of training, on a small network."""
    monkeypatch.chdir(tmp_path)
    quiet = Audio(np.zeros(12_000, np.float32), 24_000)
    save(join([quiet, speak(*TEXTS, pause_s=0.6), quiet]), site.folder / "talk.flac")
    videos, config = tmp_path / "videos.csv", tmp_path / "config.yaml"
    videos.write_text(
        f"id,youtube_url,speaker,emotion,language,split,notes\n"
        f"talk,{site.address}/talk.flac,dora,calm,pt-BR,,\ngone,{site.address}/gone.flac,,,,,\n"
    )
    config.write_text("download: {allowed_hosts: [127.0.0.1], max_retries: 0}\nquality: {mos: false}\n")
    dataset, begun, commands = tmp_path / "mine", time.monotonic(), readme_lines()
    assert [run_line(line) for line in commands[:4]] == [1, 0, 0, 0]  # one of the two is not there
    taken_s = time.monotonic() - begun
    record_property("pipeline_s", round(taken_s, 1))
    assert taken_s < LONGEST_S
    built = dataset / "MyTTSDataset"
    assert build_ljs_dataset.main(["--check", str(built)]) == 0
    folder = DatasetFolder.open(dataset)
    samples = [sample for sample in folder.samples() if sample.decision != "drop"]
    lines = [line.split("|") for line in (built / "metadata.csv").read_text().splitlines()]
    assert len(lines) == len(samples) >= 2
    assert all(7 <= sample.duration_s <= 12 and sample.speaker == "dora" for sample in samples)
    heard = " ".join(sample.text for sample in samples)
    assert word_error_rate([" ".join(TEXTS)], [heard]) < 0.15
    told = json.loads((folder.processed / "transcriptions.json").read_text())
    assert set(told) >= {sample.sample_id for sample in samples}
    failed = [source for source in folder.sources() if source.error]
    assert [source.source_id for source in failed] == ["gone"] and "404" in failed[0].reason
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", str(write_trainable(xtts_tiny, tmp_path / "xtts", 8.0)))
    monkeypatch.setenv("PAPAGAIO_MODELS_DIR", str(tmp_path / "empty"))  # no judges: they have tests of their own
    save(speak(TEXTS[0], TEXTS[1], pause_s=0.2), tmp_path / "voice.wav")
    torch.set_num_threads(1)
    begun = time.monotonic()
    assert [run_line(line) for line in commands[4:]] == [0, 0, 0]
    record_property("training_s", round(time.monotonic() - begun, 1))
    assert (tmp_path / "runs/mine/checkpoints/step-000010/evidence.json").is_file() and load(tmp_path / "ola.wav")


def readme_lines() -> list[list[str]]:
    """Script and arguments of each line of the example."""
    text = README.read_text(encoding="utf-8").split("## From links to a tuned voice")[1]
    block = text.split("```sh\n")[1].split("```")[0]
    lines = [shlex.split(line.removeprefix("python -m ")) for line in block.splitlines()]
    assert [line[0].rpartition(".")[2] for line in lines] == SCRIPTS
    return lines


def run_line(line: Sequence[str]) -> int:
    """Its exit code."""
    code: int = importlib.import_module(line[0]).main(line[1:])
    return code


def prepared(root: Path) -> DatasetFolder:
    """Four recordings of a minute each, of loud and quiet."""
    folder = DatasetFolder.create(root, "pt-BR")
    folder.raw.mkdir()
    sources = []
    for index in range(4):
        chance = np.random.default_rng(index)
        samples, at = chance.normal(0, 3e-4, 60 * RATE), 0.5
        while at < 57:
            length = chance.uniform(1.0, 2.5)
            first, last = round(at * RATE), round((at + length) * RATE)
            samples[first:last] += chance.normal(0, 0.1, last - first)
            at += length + chance.uniform(0.3, 0.6)
        save(Audio(samples.astype(np.float32), RATE), folder.raw / f"s{index}.wav")
        sources.append(Source(f"s{index}", f"s{index}", path=f"raw/s{index}.wav", duration_s=60.0, sha256=str(index)))
    folder.save_sources(sources)
    return folder


def begun(root: Path) -> subprocess.Popen[bytes]:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(here.parent.parent), str(here)))}
    command = [sys.executable, str(here / "dataset_recognizers.py"), str(root)]
    return subprocess.Popen(command, env=environment, start_new_session=True)


def content(root: Path) -> dict[str, str]:
    """Hash of every file but those that hold times, or the order in which processes ended."""
    left = ("versions.jsonl", "transcripts.jsonl")
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.name not in left]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.slow
def test_killed_ten_times_it_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    """About twice the time of a whole run, and one whole run to compare with."""
    whole, killed = prepared(tmp_path / "a" / "set"), prepared(tmp_path / "b" / "set")
    started = time.monotonic()
    assert begun(whole.root).wait(timeout=120) == 0
    length = time.monotonic() - started
    chance, kills = random.Random(4), 0
    while kills < 10:
        process = begun(killed.root)
        try:
            assert process.wait(timeout=chance.uniform(0.3, 1.0) * length) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        kills += 1
    assert begun(killed.root).wait(timeout=120) == 0
    left = {
        name for name in content(killed.root) if Path(name).name.startswith(".") and name.endswith(".lock") is False
    }
    expected, found = content(whole.root), {k: v for k, v in content(killed.root).items() if k not in left}
    assert {name: found.get(name) for name in expected} == expected
    assert {row["sha256"] for row in whole.versions()} == {row["sha256"] for row in killed.versions()}


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    folder = DatasetFolder.create(tmp_path / "set", "en")
    with folder.running():
        assert segment_audio.main([str(folder.root)]) == 2
        with pytest.raises(SpeechError, match="dataset_busy"), folder.running():
            raise AssertionError("two at once")
    with folder.running():
        assert folder.samples() == ()


def test_a_stage_that_is_none_is_refused(tmp_path: Path) -> None:
    from speech.models import ModelStore
    from train.dataset.pipeline import run
    from train.progress import NullReporter

    folder: Any = DatasetFolder.create(tmp_path / "set", "en")
    with pytest.raises(SpeechError, match="unknown_stage"):
        run(folder, folder.options(), ModelStore(tmp_path), NullReporter(), "everything")
