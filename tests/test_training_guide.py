"""The guides on training say what is so: commands run on small data, tables are the code's, names are the page's."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import asdict, fields
from itertools import product
from pathlib import Path

import pytest
import torch
from built_datasets import write_dataset, write_trainable

from app.settings import TOOL_VARIABLES, Settings
from app.texts import catalogue
from bench.xtts_reference import recording
from speech.audio import Audio, load, save
from speech.engines.xtts.config import XttsConfig
from speech.models import CATALOGUE, read_catalogue
from train.evidence import Evidence
from train.options import TrainOptions, options_from
from train.scripts import judge_xtts, train_xtts, xtts_inference
from train.tuned_engine import DVAE, MODEL
from train.xtts.estimate import SIDES, Workload, memory_bytes
from train.xtts.options import TARGETS

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "TRAINING_GUIDE.md").read_text(encoding="utf-8")
USER_GUIDE = (ROOT / "train" / "docs" / "GUIA_USUARIO_TREINAMENTO.md").read_text(encoding="utf-8")
PUBLISHED = XttsConfig(layers=30, width=1024, heads=16, text_tokens=6681, decoder_width=1024)
LONGEST = Workload(clips=90, held_out=10, left_out=0, duration_s=900.0, mean_positions=300.0, most_positions=490)
SMALL = "model: {batch_size: 1}\nrun: {epochs: 10, max_steps: 10, accumulation: 4}\n"
SMALL += "checkpoints: {every_epochs: 10}\nevidence: {enabled: false}\n"


def commands(script: str) -> list[list[str]]:
    lines = re.findall(rf"^python -m train\.scripts\.{script} (.*)$", GUIDE, re.M)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow  # three trainings of ten steps each
def test_the_commands_run(
    xtts_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    built = write_dataset(tmp_path / "datasets" / "ana", clips=5, seconds=3.1)
    (tmp_path / "MyTTSDataset").symlink_to(built)
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", str(write_trainable(xtts_tiny, tmp_path / "xtts")))
    (tmp_path / "train").symlink_to(ROOT / "train")
    (tmp_path / "my_config.yaml").write_text(SMALL)
    save(Audio(recording(4.0, 7), 22050), tmp_path / "voice.wav")
    literal, smoke, whole, configured = commands("train_xtts")
    assert train_xtts.main(literal) == 0 and (tmp_path / "runs/smoke_test/checkpoints/step-000010").is_dir()
    assert "--smoke-test" in smoke and train_xtts.main(smoke) == 0
    assert "validation loss" in capsys.readouterr().out
    assert train_xtts.main([*whole, "--config", "my_config.yaml"]) == 0
    assert train_xtts.main(configured) == 0  # the same run again: it is done
    (tmp_path / "A").symlink_to(tmp_path / "runs" / "smoke" / "checkpoints" / "step-000010")
    (tmp_path / "B").symlink_to(tmp_path / "runs" / "smoke" / "checkpoints" / "step-000010")
    capsys.readouterr()
    run, judged = commands("judge_xtts")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "empty"))  # a store without judges
    assert judge_xtts.main(run) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"checkpoints", "hint"}
    assert judge_xtts.main(judged) == 0
    assert set(json.loads(capsys.readouterr().out)) == {field.name for field in fields(Evidence)}
    for words in commands("xtts_inference"):
        assert xtts_inference.main([*words, "--most-s", "2"]) == 0
        assert load(Path(words[-1])).duration_s > 0
    assert list((tmp_path / "runs" / "ana" / "tensorboard").glob("events.out.tfevents.*"))


def test_what_training_reads_comes_with_the_weights() -> None:
    files = {file.path for file in read_catalogue(CATALOGUE)[MODEL].files}
    assert {"config.json", "vocab.json", "model.pth", DVAE} <= files


def test_every_key_is_in_the_guide_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+\.\w+)` \| (.*?) \|", GUIDE, re.M))
    sections = asdict(TrainOptions())
    keys = {f"{section}.{name}": str(value) for section, fields in sections.items() for name, value in fields.items()}
    assert told == keys


def test_the_memory_in_the_guide_is_what_is_computed() -> None:
    models = {
        "LoRA": {"method": "lora"},
        "LoRA, recompute": {"method": "lora", "recompute": True},
        "full": {"method": "full"},
        "full, recompute": {"method": "full", "recompute": True},
    }
    for (name, model), (more, precision) in product(models.items(), {"": "fp32", ", mixed precision": "bf16"}.items()):
        told = re.search(rf"^\| {name}{more} \| (.*) \|$", GUIDE, re.M)
        assert told is not None, name
        figures = [computed({**model, "batch_size": batch}, precision) for batch in (1, 2, 4, 8, 16)]
        assert told[1].split(" | ") == figures


def test_the_cards_in_the_guide_take_the_batches_that_are_computed() -> None:
    models: list[dict[str, object]] = [{}, {"recompute": True}, {"method": "full"}]
    models.append({"method": "full", "recompute": True})
    told = re.findall(r"^\| (\d+) GiB \| (.*) \|$", GUIDE, re.M)
    assert len(told) == 6
    for card, cells in told:
        free = (float(card) - 0.6) * 2**30
        largest = [max([b for b in (1, 2, 4, 8, 16) if needed(model, b) <= free], default=0) for model in models]
        assert cells.split(" | ") == [str(batch or "–") for batch in largest], card


def needed(model: dict[str, object], batch: int) -> int:
    return memory_bytes(PUBLISHED, LONGEST, options_from({"model": {**model, "batch_size": batch}}))


def test_the_sizes_of_adapters_in_the_guide_are_those_of_their_numbers() -> None:
    for targets, layers in TARGETS.items():
        told = re.search(rf"^\| `{targets}` \| (.*) \|$", GUIDE, re.M)
        assert told is not None, targets
        numbers = PUBLISHED.layers * PUBLISHED.width * sum(SIDES[layer] for layer in layers)
        assert told[1].split(" | ") == [f"{4 * rank * numbers / 1e6:.1f}" for rank in (4, 8, 16, 32, 64)]


def test_the_variables_in_the_guide_are_settings() -> None:
    told = set(re.findall(r"^\| `PAPAGAIO_(\w+)` \|", GUIDE, re.M))
    known = {name.upper() for name in Settings.model_fields} | {
        name.removeprefix("PAPAGAIO_") for name in TOOL_VARIABLES
    }
    assert len(told) == 12 and told <= known


def test_the_messages_in_the_guide_are_ours() -> None:
    table = GUIDE.split("| code | when |")[1].split("\n\n")[0]
    codes = re.findall(r"`([a-z_]+)`", " ".join(row.split(" | ")[0] for row in table.splitlines()))
    assert len(codes) > 25 and [code for code in codes if f"error.{code}" not in catalogue("en")] == []


def test_the_fields_of_the_evidence_are_in_the_guide() -> None:
    table = GUIDE.split("| field | what it is |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.M) == [field.name for field in fields(Evidence)]


def test_the_measured_figures_are_those_of_the_benchmark() -> None:
    found = json.loads((ROOT / "bench" / "results" / "train_speed_full.json").read_text())
    whole = " ".join(GUIDE.split())
    seconds = [f"{found[method]['step_s']:.1f} s" for method in ("lora", "full")]
    bytes_ = [f"{found[method]['peak_bytes'] / 1e9:.1f} GB" for method in ("lora", "full")]
    assert f"took {seconds[0]} with LoRA and {seconds[1]} with all weights (measured" in whole
    assert f"at most {bytes_[0]} with LoRA, and {bytes_[1]} with all weights" in whole


def computed(model: dict[str, object], precision: str = "fp32") -> str:
    options = options_from({"model": model, "run": {"precision": precision}})
    return f"{memory_bytes(PUBLISHED, LONGEST, options) / 2**30:.1f}"


def test_files_of_the_diagram_are_there() -> None:
    diagram = re.findall(r"```mermaid\n(.*?)```", GUIDE, re.S)[0]
    named = set(re.findall(r"[\w/]+\.(?:py|yaml)", diagram))
    assert len(named) >= 6
    for name in named:
        assert (ROOT / name).is_file() or (ROOT / "train" / "scripts" / name).is_file(), name


def test_the_user_guide_names_what_the_page_shows() -> None:
    shown = set(catalogue("pt-BR").values())
    named = {name for name in re.findall(r"\*\*([^*]+)\*\*", USER_GUIDE) if name[0].isupper()}
    assert len(named) > 15
    missing = [name for name in named if not any(matches(name, text) for text in shown)]
    assert missing == []
    controls = USER_GUIDE.split("| controle |")[1].split("\n\n")[0]
    rows = [row for row in re.findall(r"^\| ([^|]+?) \|", controls, re.M) if row[0].isupper()]
    assert len(rows) == 8 and [row for row in rows if row not in shown] == []


def test_the_user_guide_is_of_xtts_and_answers_questions() -> None:
    assert re.search(r"^## .*XTTS-v2", USER_GUIDE, re.M) and not re.search(r"f5", USER_GUIDE, re.I)
    answers = USER_GUIDE.split("(FAQ)")[1]
    assert len(re.findall(r"^\*\*[^*]+[?.]\*\* \S", answers, re.M)) >= 15


def matches(name: str, text: str) -> bool:
    """`…` stands for what the page puts in."""
    return name == text or re.fullmatch(re.escape(name).replace("…", ".+"), text) is not None


def test_the_workshop_names_its_guides() -> None:
    readme = (ROOT / "train" / "README.md").read_text(encoding="utf-8")
    assert "TRAINING_GUIDE.md" in readme and "GUIA_USUARIO_TREINAMENTO.md" in readme
