"""The training scripts: what they refuse, and the plan's smoke test on a tiny network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, save
from speech.errors import SpeechError
from train.checkpoints import snapshots_in
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
def test_the_smoke_test_runs_ten_steps(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    tiny, output = write_checkpoint(tmp_path / "tiny", "tiny"), tmp_path / "run"
    arguments = [str(dataset), "--checkpoint", str(tiny), "--output", str(output)]
    assert train_xtts.main([*arguments, "--smoke-test"]) == 0
    assert "steps 10" in capsys.readouterr().out and snapshots_in(output / "checkpoints")
    few = [*arguments[:-1], str(tmp_path / "few"), "--config", str(SMOKE_TEST), "--max-steps", "3"]
    assert train_xtts.main(few) == 0 and "steps 3" in capsys.readouterr().out
    assert train_xtts.main([*arguments, "--smoke-test", "--language", "xx"]) == 2
    assert "language_not_spoken" in capsys.readouterr().err


def test_a_voice_is_of_one_speaker_who_agreed(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_dataset(dataset, "pt-BR")
    assert [clip.clip_id for clip in train_kokoro.of_speaker(manifest, "ana").clips] == ["c0", "c1", "c2"]
    for speaker, code in (("", "several_speakers"), ("caio", "unknown_speaker")):
        with pytest.raises(SpeechError) as caught:
            train_kokoro.of_speaker(manifest, speaker)
        assert caught.value.code == code
    arguments = [str(dataset), "--name", "ana", "--voices", str(tmp_path / "v"), "--output", str(tmp_path / "o")]
    assert train_kokoro.main(arguments) == 2 and "consent_missing" in capsys.readouterr().err
    assert train_kokoro.main([*arguments, "--consent", "--speaker", "ana"]) == 2
    assert "too_little_speech" in capsys.readouterr().err and not (tmp_path / "o").exists()
