"""Evidence of checkpoints: what is measured, how they rank, and when to stop; once by the tiny network itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.asr import Transcript
from speech.audio import Audio, save
from speech.metrics.speaker import Embedding
from train.evidence import EVIDENCE, RANKING, SAMPLES, Evidence, Judges, Prompt, hint, judge, ranked
from train.options import options_from
from train.progress import NullReporter, Stopped
from train.scripts import judge_xtts
from train.xtts.finetune import finetune
from train.xtts.judging import judge_run
from train.xtts.run import Run

pytestmark = pytest.mark.networks

RATE = 24000
META = {"step": 5, "losses": {"loss": 1.25}}


def tone(hertz: float, seconds: float = 1.0) -> Audio:
    return Audio(np.sin(2 * np.pi * hertz * np.arange(int(RATE * seconds)) / RATE).astype(np.float32), RATE)


class Hears:
    """Hears what was said, and of every second text one word less."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = [text if index % 2 else text.rsplit(" ", 1)[0] for index, text in enumerate(texts)]

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        self._texts.append(self._texts.pop(0))
        return Transcript(self._texts[-1], language)

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return {"pt": 1.0}


class Pitch:
    """Tells speakers by the strength of two tones."""

    def __init__(self, name: str, tones: tuple[int, int] = (200, 400)) -> None:
        self.name, self._tones = name, tones

    def embed(self, audio: Audio) -> Embedding:
        spectrum = np.abs(np.fft.rfft(audio.samples))
        row = np.array([spectrum[round(hertz * audio.duration_s)] for hertz in self._tones], np.float32)
        return row / np.linalg.norm(row)


def test_every_figure_is_measured_by_its_judge(tmp_path: Path) -> None:
    texts = ["um dois três quatro", "cinco seis sete oito"]
    judges = Judges(Hears(texts), (Pitch("one"), Pitch("two", (400, 800))), lambda audio: 3.5)
    prompts = [Prompt(texts[0], 0.5), Prompt(texts[1], 1.0)]
    found = judge(tmp_path, META, lambda text: tone(200), prompts, [tone(200)], "pt-BR", judges, NullReporter())
    assert found.word_error_rate == 1 / 8 and found.similarity == pytest.approx(1.0)
    assert found.duration_ratio == 1.5 and found.opinion == 3.5 and found.validation_loss == 1.25
    assert found.score == pytest.approx(1 - 1 / 8) and found.similarity_unseen is not None
    assert Evidence.load(tmp_path) == found and len(list((tmp_path / SAMPLES).iterdir())) == 2
    (tmp_path / EVIDENCE).write_text("{")
    assert Evidence.load(tmp_path) is None


def test_absent_judges_leave_their_figures_out(tmp_path: Path) -> None:
    found = judge(tmp_path, META, lambda text: tone(200), [Prompt("um")], [], "pt-BR", Judges(), NullReporter())
    assert (found.word_error_rate, found.similarity, found.opinion, found.score) == (None, None, None, None)


def evidence(step: int, loss: float, score: float | None) -> Evidence:
    return Evidence(step, loss, None, None, None, None, None, score)


def test_the_best_score_ranks_first_and_what_has_none_last() -> None:
    rows = [evidence(1, 0.1, None), evidence(2, 1.0, 0.3), evidence(3, 0.5, 0.6), evidence(4, 0.4, 0.6)]
    assert [one.step for one in ranked(rows)] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("rows", "code", "step"),
    [
        ([], "not_measured", None),
        ([(1, 1.0, None)], "not_measured", None),
        ([(1, 1.0, 0.2), (2, 0.9, 0.4), (3, 0.8, 0.5)], "go_on", 3),
        ([(1, 1.0, 0.2), (2, 0.9, 0.5), (3, 1.0, 0.4), (4, 1.2, 0.3)], "stop_worse", 2),
        ([(1, 1.0, 0.5), (2, 0.9, 0.502), (3, 0.8, 0.504)], "stop_no_gain", 3),
    ],
)
def test_the_hint_has_its_reason(rows: list[tuple[int, float, float | None]], code: str, step: int | None) -> None:
    told = hint([evidence(*row) for row in rows])
    assert (told.code, told.step) == (code, step)


class Stopping(NullReporter):
    def should_stop(self) -> bool:
        return True


def test_checkpoints_of_a_run_are_heard_once_and_ranked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = write_checkpoint(tmp_path / "tiny", "tiny")
    dataset = tmp_path / "dataset"
    (dataset / "wavs").mkdir(parents=True)
    for number in range(3):
        save(Audio(recording(3.2 if number == 2 else 1.2, number), 22050), dataset / "wavs" / f"c{number}.wav")
    (dataset / "metadata_train.csv").write_text("c0|Um.\nc1|Dois.\n")
    (dataset / "metadata_val.csv").write_text("c2|Sim.\n")
    plan = options_from(
        {
            "run": {"epochs": 2, "accumulation": 1},
            "model": {"batch_size": 2, "rank": 2},
            "checkpoints": {"every_epochs": 1},
            "evidence": {"most_s": 0.6},
        }
    )
    run = Run(dataset, tiny, tmp_path / "run", tmp_path / "cache", plan)
    finetune(run, NullReporter())
    with pytest.raises(Stopped):
        judge_run(run, Judges(), Stopping())
    judges = Judges(Hears(["Sim."]), (Pitch("one"), Pitch("two")))
    told = judge_run(run, judges, NullReporter())
    assert sorted(one["step"] for one in told["checkpoints"]) == [1, 2] and told["hint"]["code"] == "go_on"
    assert all(one["duration_ratio"] > 0 and one["score"] is not None for one in told["checkpoints"])
    assert json.loads((run.folder / RANKING).read_text()) == told
    assert judge_run(run, Judges(), Stopping()) == told, "nothing is said twice"
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))  # a store without judges
    step = run.folder / "checkpoints" / "step-000002"
    assert judge_xtts.main([str(step), str(dataset), "--checkpoint", str(tiny)]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one == json.loads((step / "evidence.json").read_text()) and one["step"] == 2
    assert one["duration_ratio"] > 0 and one["word_error_rate"] is None and one["score"] is None, "measured anew"
    assert judge_xtts.main([str(step.with_name("step-000009")), str(dataset), "--checkpoint", str(tiny)]) == 2
    assert "unknown_checkpoint: name: step-000009; choices: ['step-000001'," in capsys.readouterr().err
