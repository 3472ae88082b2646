"""Rows 4.2-16 to 4.2-19 and 7.2-1: the dataset that is trained on, judged, changed by a person, and checked."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech.analysis.diarization import Turn, clustered
from speech.asr import Word
from speech.audio import Audio, load, save
from speech.errors import SpeechError
from train.dataset import editing
from train.dataset.build import build, check, content_hash, export, split
from train.dataset.folder import DatasetFolder, names
from train.dataset.options import BuildOptions, DatasetOptions, QualityOptions
from train.dataset.quality import edge_db, judge_quality, judged
from train.dataset.records import Sample, Source
from train.dataset.report import page, report, status
from train.dataset.sources import add
from train.dataset.speakers import error_rate, rename
from train.progress import NullReporter
from train.scripts import build_ljs_dataset

OPTIONS = BuildOptions()
RATE = 22050


def spoken_like(seed: int, seconds: float = 7.5) -> Audio:
    """Syllables of noise with quiet between and around them: no two seeds alike."""
    chance = np.random.default_rng(seed)
    samples = chance.normal(0, 1e-4, round(seconds * RATE))
    at = 0.15
    while at < seconds - 0.5:
        length = chance.uniform(0.1, 0.3)
        first, last = round(at * RATE), round((at + length) * RATE)
        samples[first:last] += chance.normal(0, 0.1, last - first) * np.hanning(last - first) * chance.uniform(0.5, 1)
        at += length + chance.uniform(0.05, 0.25)
    return Audio(samples.astype(np.float32), RATE)


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    """Twelve clips of six recordings and two speakers, transcribed."""
    folder = DatasetFolder.create(tmp_path / "vozes", "pt-BR")
    folder.wavs.mkdir(parents=True)
    samples = []
    for index in range(12):
        source, speaker = f"s{index // 2}", ("ana", "rui")[index // 2 % 2]
        name = f"{source}_{index}"
        save(spoken_like(index), folder.wavs / f"{name}.wav")
        words = tuple(Word(text, i * 1.0, i * 1.0 + 0.8, 0.9) for i, text in enumerate("um dois três 4".split()))
        place = ((index % 2 * 20.0, index % 2 * 20.0 + 7.5),)
        measures = {"log_probability": -0.2, "words_per_s": 2.0}
        samples.append(
            Sample(
                name,
                f"processed/wavs/{name}.wav",
                source,
                speaker,
                "pt-BR",
                place,
                7.5,
                "um dois três 4",
                "um dois três 4",
                words,
                measures,
                decision="keep",
            )
        )
    folder.save_samples(samples)
    folder.save_sources(Source(f"s{i}", f"s{i}.wav", path=f"raw/s{i}.wav", duration_s=60.0) for i in range(6))
    return folder


def lines(path: Path) -> list[list[str]]:
    return [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]


def test_ljspeech_layout(folder: DatasetFolder) -> None:
    built = build(folder, OPTIONS, NullReporter())
    rows = lines(built.path / "metadata.csv")
    assert len(rows) == built.samples == 12 and {len(row) for row in rows} == {3}
    assert rows[0] == ["s0_0", "um dois três 4", "um dois três quatro"]
    assert all((built.path / "wavs" / f"{row[0]}.wav").is_file() for row in rows)
    parts = [lines(built.path / f"metadata_{name}.csv") for name in ("train", "val")]
    assert sorted(parts[0] + parts[1]) == sorted(rows) and built.train == len(parts[0]) and built.val == len(parts[1])
    assert sum(json.loads((built.path / "duration.json").read_text()).values()) == pytest.approx(3600 * built.hours)
    assert check(built.path) == []
    features = [json.loads(line) for line in (built.path / "wavs" / "metadata.jsonl").read_text().splitlines()]
    assert {(built.path / "wavs" / row["file_name"]).is_file() for row in features} == {True}
    with (built.path / "metadata_speakers.csv").open() as file:
        named = list(csv.DictReader(file, delimiter="|"))
    assert {row["speaker_name"] for row in named} == {"ana", "rui"} and len(named) == 12


def test_no_recording_is_on_both_sides(folder: DatasetFolder) -> None:
    samples = [replace(sample, split="") for sample in folder.samples()]
    made = split(samples, OPTIONS)
    assert made == split(samples, OPTIONS) and {sample.split for sample in made} == {"train", "val"}
    for speaker in ("ana", "rui"):
        sides = {(sample.source, sample.split) for sample in made if sample.speaker == speaker}
        assert len(sides) == 3 and {side for _, side in sides} == {"train", "val"}
    many = [replace(samples[0], sample_id=f"x{i}", source=f"q{i // 2}", speaker="ana") for i in range(200)]
    share = sum(sample.split == "train" for sample in split(many, OPTIONS)) / 200
    assert share == pytest.approx(0.9, abs=0.01)
    assert split(many, OPTIONS) != split(many, replace(OPTIONS, seed=43))
    one = [replace(sample, source="only", speaker="ana") for sample in samples]
    assert [sample.split for sample in split(one, OPTIONS)].count("val") == 1
    said = split([replace(sample, split="val" if sample.source == "s0" else "") for sample in samples], OPTIONS)
    assert {sample.split for sample in said if sample.source == "s0"} == {"val"}


def of_layout(layout: dict[str, str], sample: Sample) -> list[Sample]:
    """Two clips of each speaker in each of their recordings; recordings are letters."""
    return [
        replace(sample, sample_id=f"{speaker}-{source}-{index}", source=source, speaker=speaker, split="")
        for speaker, sources in layout.items()
        for source in sources
        for index in range(2)
    ]


def test_no_recording_of_several_speakers_is_on_both_sides(folder: DatasetFolder) -> None:
    sample = folder.samples()[0]
    chance = random.Random(7)
    layouts = [{who: "".join(chance.sample("abcdefgh", chance.randint(2, 5))) for who in "xyz"} for _ in range(200)]
    without_val = 0
    for layout in [{"ana": "xy", "rui": "ax"}, *layouts]:
        for seed in (42, 1):
            made = split(of_layout(layout, sample), replace(OPTIONS, seed=seed))
            sides = {each.source: each.split for each in made}
            assert all(each.split == sides[each.source] for each in made), layout
            by_speaker = {who: {each.split for each in made if each.speaker == who} for who in layout}
            assert all("train" in found for found in by_speaker.values()), layout
            without_val += sum("val" not in found for found in by_speaker.values())
    assert without_val < 0.02 * 3 * 2 * len(layouts)  # who only shares what others need for training
    shared = split(of_layout({"ana": "x", "rui": "xyz"}, sample), OPTIONS)
    assert {each.split for each in shared if each.speaker == "rui" and each.source == "x"} == {"train"}
    assert {each.split for each in shared if each.speaker == "ana"} == {"train", "val"}


def test_the_check_finds_a_recording_on_both_sides(folder: DatasetFolder) -> None:
    built = build(folder, OPTIONS, NullReporter())
    manifest = built.path / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    val = {line[0] for line in lines(built.path / "metadata_val.csv")}
    held = next(row["source"] for row in rows if row["sample_id"] in val)
    stray = next(row for row in rows if row["sample_id"] not in val and row["source"] != held)
    stray["source"] = held  # of whoever: another speaker's clip of a held recording
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert check(built.path) == [f"{held}: in train and in val"]


def test_versions_have_a_hash_of_what_is_in_them(folder: DatasetFolder) -> None:
    first = build(folder, OPTIONS, NullReporter())
    assert build(folder, OPTIONS, NullReporter()) == first and len(folder.versions()) == 1
    editing.change(folder, {"s0_0": {"text": "outra coisa"}})
    second = build(folder, OPTIONS, NullReporter())
    assert second.number == 2 and second.sha256 != first.sha256
    assert json.loads((second.path / "version.json").read_text())["sha256"] == second.sha256
    editing.undo(folder)
    assert build(folder, OPTIONS, NullReporter()).number == 1
    assert content_hash([("a", "b")]) != content_hash([("a", "c")])


def test_what_a_person_does(folder: DatasetFolder) -> None:
    editing.change(folder, {"s0_0": {"text": " olá  mundo "}, "s0_1": {"decision": "drop"}})
    found = {sample.sample_id: sample for sample in folder.samples()}
    assert found["s0_0"].text == "olá mundo" and found["s0_1"].decided_by == "person"
    editing.split(folder, "s1_2", 2)
    left, right = (sample for sample in folder.samples() if sample.sample_id.startswith("s1_2"))
    assert (left.text, right.text) == ("um dois", "três 4")
    assert left.duration_s + right.duration_s == pytest.approx(7.5, abs=0.01)
    assert left.parts[0][1] == right.parts[0][0] and right.words[0].start_s >= 0
    editing.merge(folder, [right.sample_id, left.sample_id])
    (joined,) = (sample for sample in folder.samples() if sample.sample_id.startswith("s1_2"))
    assert joined.text == "um dois três 4" and load(folder.root / joined.audio_path).duration_s == pytest.approx(
        7.5, abs=0.01
    )
    for _ in range(3):
        editing.undo(folder)
    assert folder.samples() == folder.stage_samples()
    with pytest.raises(SpeechError, match="nothing_to_undo"):
        editing.undo(folder)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda folder: editing.change(folder, {"nobody": {"text": "x"}}), "unknown_sample"),
        (lambda folder: editing.change(folder, {"s0_0": {"text": " "}}), "bad_sample_change"),
        (lambda folder: editing.change(folder, {"s0_0": {"text": "a|b"}}), "bad_sample_change"),
        (lambda folder: editing.change(folder, {"s0_0": {"decision": "maybe"}}), "bad_sample_change"),
        (lambda folder: editing.change(folder, {"s0_0": {"audio_path": "x"}}), "bad_sample_change"),
        (lambda folder: editing.split(folder, "s0_0", 4), "bad_sample_change"),
        (lambda folder: editing.merge(folder, ["s0_0", "s1_2"]), "bad_sample_change"),
        (lambda folder: editing.merge(folder, ["s0_0"]), "bad_sample_change"),
    ],
)
def test_what_cannot_be_done_is_refused(
    folder: DatasetFolder, act: Callable[[DatasetFolder], object], code: str
) -> None:
    with pytest.raises(SpeechError) as refusal:
        act(folder)
    assert refusal.value.code == code and folder.edits() == ()


def worse(folder: DatasetFolder, name: str, change: Callable[[Any], Any]) -> None:
    sound = load(folder.wavs / f"{name}.wav")
    save(Audio(change(sound.samples.copy()).astype(np.float32), RATE), folder.wavs / f"{name}.wav")


def test_defects_are_found_and_decided(folder: DatasetFolder) -> None:
    options = QualityOptions(
        mos=False, review_bandwidth_hz=0, drop_bandwidth_hz=0, review_silence_share=1, drop_silence_share=1
    )
    worse(folder, "s0_0", lambda samples: np.clip(samples * 30, -0.5, 0.5))
    worse(folder, "s0_1", lambda samples: samples + np.random.default_rng(9).normal(0, 0.03, len(samples)))
    worse(folder, "s1_2", lambda samples: samples[: len(samples) // 10])
    shutil.copyfile(folder.wavs / "s2_4.wav", folder.wavs / "s3_6.wav")
    rows = list(folder.stage_samples())
    rows[8] = replace(rows[8], measures={**rows[8].measures, "text_difference": 0.8})
    rows[9] = replace(rows[9], measures={**rows[9].measures, "language_probability": 0.01})
    folder.save_samples(rows)
    found = {
        sample.sample_id: {each.code for each in sample.findings}
        for sample in judge_quality(folder, options, None, NullReporter())
    }
    assert "clipped" in found["s0_0"] and "noisy" in found["s0_1"] and "duplicate" in found["s3_6"]
    assert "wrong_text" in found["s4_8"] and "wrong_language" in found["s4_9"]
    assert not found["s2_4"] and not found["s5_10"]
    decided = {sample.sample_id: sample.decision for sample in folder.samples()}
    assert decided["s3_6"] == decided["s4_8"] == "drop" and decided["s5_10"] == "keep"
    editing.change(folder, {"s3_6": {"decision": "keep"}})
    judge_quality(folder, options, None, NullReporter())
    assert {sample.sample_id: sample.decision for sample in folder.samples()}["s3_6"] == "keep"
    assert "s3_6" in {row[0] for row in lines(build(folder, OPTIONS, NullReporter()).path / "metadata.csv")}


def test_a_cut_word_is_loud_at_its_edge() -> None:
    whole = spoken_like(3)
    assert edge_db(whole) < -20
    level = np.abs(whole.samples)
    loud = int(np.argmax(np.convolve(level, np.ones(400), "same")))
    assert edge_db(Audio(whole.samples[: loud + 200], RATE)) > -12


def test_decisions_by_findings() -> None:
    sample = Sample("a", "a.wav", "s", "x", "en", ((0.0, 8.0),), 8.0, "words")
    options = QualityOptions()
    assert judged(sample, options).decision == "keep"
    assert judged(replace(sample, measures={"snr_db": 15.0}), options).decision == "review"
    assert judged(replace(sample, measures={"snr_db": 5.0}), options).decision == "drop"
    assert judged(replace(sample, text=""), options).findings[0].code == "no_words"
    person = replace(sample, measures={"snr_db": 5.0}, decided_by="person", decision="keep")
    assert judged(person, options).decision == "keep"


def test_the_report(folder: DatasetFolder) -> None:
    rename(folder, {"ana": "Ana <Maria>"})
    build(folder, OPTIONS, NullReporter())
    folder.put_source(Source("bad", "x", error="download_failed", reason="<script>"))
    told = report(folder)
    assert told["status"] == {"recordings": 6, "segments": 12, "transcriptions": 12, "samples": 12, "hours": 0.025}
    assert told["speakers"]["Ana <Maria>"]["samples"] == 6 and told["histograms"]["duration_s"]["quartiles"][1] == 7.5
    shown = page(told, lambda code: code, "en")
    assert "<script>" not in shown and "Ana &lt;Maria&gt;" in shown and shown.count("<svg") >= 2
    assert status(folder)["samples"] == 12


def test_checks_find_what_is_wrong(folder: DatasetFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built = build(folder, OPTIONS, NullReporter())
    copy = export(folder, OPTIONS, tmp_path / "copy")
    assert build_ljs_dataset.main(["--check", str(copy)]) == 0
    metadata = copy / "metadata.csv"
    metadata.write_text(metadata.read_text() + "s0_0|again|again\nx|y\n|\nlost|a|b|c\n")
    (copy / "wavs" / "s0_1.wav").write_bytes(b"RIFF")
    (copy / "metadata_val.csv").write_text((copy / "metadata_train.csv").read_text())
    problems = "\n".join(check(copy))
    for words in (
        "s0_0 twice",
        "wavs/x.wav is not there",
        "no text",
        "4 columns",
        "wavs/s0_1.wav",
        "in train and in val",
    ):
        assert words in problems
    assert build_ljs_dataset.main(["--check", str(copy)]) == 1
    assert check(tmp_path) == ["metadata.csv: is not there"]
    assert check(built.path) == []
    with pytest.raises(SpeechError, match="dataset_exists"):
        export(folder, OPTIONS, copy)


@pytest.mark.slow  # coqui's layout, a CSV, a zip and a folder, each taken in whole
def test_a_dataset_made_elsewhere_comes_in(folder: DatasetFolder, tmp_path: Path) -> None:
    """LJSpeech, coqui's table, a table with paths, and a zip of one: the same clips with the same texts."""
    built = build(folder, OPTIONS, NullReporter())
    speakers = tmp_path / "speakers"
    shutil.copytree(built.path / "wavs", speakers / "wavs")
    shutil.copyfile(built.path / "metadata_speakers.csv", speakers / "metadata_speakers.csv")
    table = tmp_path / "table"
    shutil.copytree(built.path / "wavs", table)
    rows = "".join(f'{row[0]}.wav,"{row[1]}"\n' for row in lines(built.path / "metadata.csv"))
    (table / "list.csv").write_text("path,text\n" + rows)
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", built.path)
    found = {}
    for name, given in (("lj", built.path), ("coqui", speakers), ("csv", table / "list.csv"), ("zip", Path(archive))):
        taken = DatasetFolder.create(tmp_path / "in" / name, "pt-BR")
        add(taken, str(given), DatasetOptions().download, NullReporter())
        found[name] = taken.sources()
    texts = {name: sorted((source.sha256, source.text) for source in sources) for name, sources in found.items()}
    assert texts["lj"] == texts["csv"] == texts["zip"] and len(texts["lj"]) == 12
    assert [sha for sha, _ in texts["coqui"]] == [sha for sha, _ in texts["lj"]]
    assert {source.speaker for source in found["coqui"]} == {"ana", "rui"}
    assert names(tmp_path / "in") == ["coqui", "csv", "lj", "zip"]
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    with pytest.raises(SpeechError, match="archive_unusable"):
        add(taken, str(tmp_path / "bad.zip"), DatasetOptions().download, NullReporter())


def test_speakers_are_told_apart() -> None:
    chance = np.random.default_rng(0)
    centres = np.linalg.qr(chance.normal(size=(64, 3)))[0].T
    said = np.repeat([2, 0, 2, 1], 10)
    heard = centres[said] + chance.normal(0, 0.05, (40, 64))
    heard /= np.linalg.norm(heard, axis=1, keepdims=True)
    assert clustered(heard, 6, 0.5).tolist() == np.repeat([0, 1, 0, 2], 10).tolist()
    assert set(clustered(heard, 2, 0.5).tolist()) == {0, 1}
    truth = [Turn(0, 10, "x"), Turn(10, 20, "y")]
    assert error_rate(truth, [Turn(0, 10, "B"), Turn(10, 20, "A")]) == pytest.approx(0, abs=1e-3)
    assert error_rate(truth, [Turn(0, 12, "B"), Turn(12, 20, "A")]) == pytest.approx(0.1, abs=0.01)


def test_names_and_languages(tmp_path: Path) -> None:
    for name, language, code in (
        ("../x y", "en", "bad_dataset_name"),
        ("x", "tlh", "unknown_dataset_language"),
    ):
        with pytest.raises(SpeechError) as refusal:
            DatasetFolder.create(tmp_path / "d" / name.replace("/", "_"), language)
        assert refusal.value.code == code
    DatasetFolder.create(tmp_path / "d" / "x", "pt")
    with pytest.raises(SpeechError, match="dataset_exists"):
        DatasetFolder.create(tmp_path / "d" / "x", "pt")
    with pytest.raises(SpeechError, match="unknown_dataset"):
        DatasetFolder.open(tmp_path / "d" / "y")
    empty = DatasetFolder.open(tmp_path / "d" / "x")
    with pytest.raises(SpeechError, match="dataset_empty"):
        build(empty, OPTIONS, NullReporter())
    with pytest.raises(SpeechError, match="dataset_not_built"):
        export(empty, OPTIONS, tmp_path / "out")
