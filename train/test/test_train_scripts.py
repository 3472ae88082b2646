"""The training scripts: what they refuse, and the plan's smoke test on a tiny network."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, save
from speech.errors import SpeechError
from train.checkpoints import snapshots_in
from train.dataset_clips import MOST_HELD_OUT, evenly, of_speaker, read_speaker
from train.ljs import read_dataset
from train.options import SMOKE_TEST
from train.scripts import train_kokoro, train_xtts


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    (folder / "wavs").mkdir(parents=True)
    rows, speakers = [], ["audio_file|text|speaker_name\n"]
    for number in range(4):
        save(Audio(recording(1.0, number), 22050), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|Um texto {number}.|Um texto.\n")
        speakers.append(f"wavs/c{number}.wav|Um texto.|{'ana' if number < 3 else 'bia'}\n")
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")
    (folder / "metadata_speakers.csv").write_text("".join(speakers), encoding="utf-8")
    return folder


@pytest.mark.timeout(300)  # the plan's five minutes
def test_the_smoke_test_runs_ten_steps(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    torch.set_num_threads(1)
    tiny, output = write_checkpoint(tmp_path / "tiny", "tiny"), tmp_path / "run"
    arguments = [str(dataset), "--checkpoint", str(tiny), "--output", str(output)]
    begun = time.monotonic()
    assert train_xtts.main([*arguments, "--smoke-test"]) == 0
    record_property("smoke_test_s", round(time.monotonic() - begun, 1))
    assert "steps 10" in capsys.readouterr().out and snapshots_in(output / "checkpoints")
    few = [*arguments[:-1], str(tmp_path / "few"), "--config", str(SMOKE_TEST), "--max-steps", "3"]
    assert train_xtts.main(few) == 0 and "steps 3" in capsys.readouterr().out
    assert train_xtts.main([*arguments, "--smoke-test", "--language", "xx"]) == 2
    assert "language_not_spoken" in capsys.readouterr().err


def test_what_is_left_out_is_where_one_is(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("PAPAGAIO_XTTS_DIR", "PAPAGAIO_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    assert train_xtts.main(["--smoke-test"]) == 2
    assert capsys.readouterr().err == "model_missing: name: xtts-v2; command: papagaio models pull xtts-v2\n"
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", str(write_checkpoint(tmp_path / "tiny", "tiny")))
    assert train_xtts.main(["--smoke-test"]) == 2 and "dataset_missing: folder: MyTTSD" in capsys.readouterr().err
    dataset.rename(tmp_path / "MyTTSDataset")
    (tmp_path / "tiny" / "dvae.pth").rename(tmp_path / "elsewhere")
    assert train_xtts.main(["--smoke-test"]) == 2
    told = capsys.readouterr().err
    assert f"training_weights_missing: folder: {tmp_path / 'tiny'}; file: dvae.pth; url: https://" in told
    (tmp_path / "elsewhere").rename(tmp_path / "tiny" / "dvae.pth")
    assert train_xtts.main(["--smoke-test", "--max-steps", "1"]) == 0
    assert (tmp_path / "runs" / "smoke_test" / "checkpoints" / "step-000001").is_dir()


def test_a_voice_is_of_one_speaker_who_agreed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_dataset(dataset, "pt-BR")
    assert [clip.clip_id for clip in of_speaker(manifest, "ana").clips] == ["c0", "c1", "c2"]
    for speaker, code in (("", "several_speakers"), ("caio", "unknown_speaker")):
        with pytest.raises(SpeechError) as caught:
            of_speaker(manifest, speaker)
        assert caught.value.code == code
    arguments = [str(dataset), "--name", "ana", "--voices", str(tmp_path / "v"), "--output", str(tmp_path / "o")]
    assert train_kokoro.main(arguments) == 2 and "consent_missing" in capsys.readouterr().err
    assert train_kokoro.main([*arguments, "--consent", "--speaker", "ana"]) == 2
    assert "too_little_speech" in capsys.readouterr().err and not (tmp_path / "o").exists()


def test_of_a_dataset_so_much_is_held_out_and_learned_from(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From all over it: of those that it marks, and of an hour at most, here of two seconds."""
    assert evenly([*range(10)], 4) == [1, 3, 6, 8] and evenly([1, 2], 4) == [1, 2]
    for number in range(20):
        (dataset / "wavs" / f"v{number}.wav").symlink_to(dataset / "wavs" / "c0.wav")
    (dataset / "metadata.csv").rename(dataset / "metadata_train.csv")
    (dataset / "metadata_speakers.csv").unlink()
    held_out = "".join(f"v{number}|Um texto.|Um texto.\n" for number in range(20))
    (dataset / "metadata_val.csv").write_text(held_out, encoding="utf-8")
    clips = read_speaker(dataset, "pt-BR").clips
    assert [clip.split for clip in clips] == ["train"] * 4 + ["val"] * MOST_HELD_OUT
    monkeypatch.setattr("train.dataset_clips.MOST_S", 2.0)
    assert [clip.clip_id for clip in read_speaker(dataset, "pt-BR").clips if clip.split == "train"] == ["c1", "c3"]
