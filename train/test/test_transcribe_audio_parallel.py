"""Rows 4.2-11 to 4.2-15: clips get their words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech.audio import Audio, load, save
from speech.errors import SpeechError
from speech.metrics.wer import word_error_rate
from speech.models import ModelStore
from train.dataset.folder import DatasetFolder
from train.dataset.options import TranscribeOptions
from train.dataset.recognizers import packed
from train.dataset.records import Sample, Source
from train.dataset.transcribe import (
    DOUBTFUL_LOG_PROBABILITY,
    DOUBTFUL_OOV_SHARE,
    Recognizers,
    doubted,
    is_doubtful,
    transcribe,
    whisper_recognizers,
)
from train.dataset.words import compression_ratio, lexicon, oov_share, plain, read_subtitles, spoken, subtitles_between
from train.dataset.workers import Question, RecognizerSpec, WorkerPool, worker_count
from train.progress import NullReporter, Stopped
from train.scripts import transcribe_audio_parallel

pytestmark = pytest.mark.processes

OPTIONS = TranscribeOptions(workers=1)
GOOD = "o menino corre na rua com o cachorro"
BAD = "xqzt wrbl zzkrt fjfj qqqx wwwz plkj mnbv"


def scripted(**arguments: Any) -> RecognizerSpec:
    return RecognizerSpec("dataset_recognizers:Scripted", arguments)


def dataset(tmp_path: Path, clips: int = 3, seconds: float = 3.0, **sample: Any) -> DatasetFolder:
    folder = DatasetFolder.create(tmp_path / "set", "pt-BR")
    folder.wavs.mkdir(parents=True)
    folder.save_sources([Source("r", "r.wav")])
    samples = []
    for index in range(clips):
        chance = np.random.default_rng(index)
        sound = Audio(chance.normal(0, 0.05, round(seconds * 22050)).astype(np.float32), 22050)
        path = folder.wavs / f"r_{index}.wav"
        save(sound, path)
        place = ((index * 10.0, index * 10.0 + seconds),)
        name = path.relative_to(folder.root).as_posix()
        samples.append(Sample(f"r_{index}", name, "r", "ana", "pt-BR", place, seconds, **sample))
    folder.save_samples(samples)
    return folder


def test_texts_words_and_the_file_of_them(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    made = transcribe(folder, OPTIONS, Recognizers(scripted(text=f"<|pt|> {GOOD}<|endoftext|>")), NullReporter())
    assert [sample.text for sample in made] == [GOOD] * 3
    assert made[0].measures["words_per_s"] == pytest.approx(8 / 3, abs=0.01)
    assert made[0].words[-1].text == "cachorro" and made[0].words[-1].end_s == pytest.approx(3.0)
    told = json.loads((folder.processed / "transcriptions.json").read_text())
    assert told["r_0"]["text"] == GOOD and "<|" not in json.dumps(told)


def test_workers_share_the_clips_and_hold_a_model_each(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 8, 0.5)
    paths = [str(folder.root / sample.audio_path) for sample in folder.stage_samples()]
    questions = [Question("recognize", (path,), "pt-BR") for path in paths]

    def timed(workers: int) -> tuple[float, set[str]]:
        with WorkerPool(scripted(text="{pid}", seconds=0.5), workers) as pool:
            assert len(list(pool.answers(questions[:workers]))) == workers  # all are up
            begun = time.monotonic()
            answers = dict(pool.answers(questions))
            return time.monotonic() - begun, {answers[index][0]["text"] for index in range(8)}

    alone, names = timed(1)
    together, workers = timed(4)
    assert len(names) == 1 and len(workers) == 4
    assert alone > 4.0 and together < alone / 2  # a quarter, were the machine idle


def test_workers_by_the_machine() -> None:
    assert worker_count(3, 10) == 3 and worker_count(3, 2) == 2
    assert 1 <= worker_count(0, 100) <= 100


def test_what_is_doubtful_is_heard_once_more(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 2)
    made = transcribe(folder, OPTIONS, Recognizers(scripted(text=BAD), scripted(text=GOOD)), NullReporter())
    assert {sample.text for sample in made} == {GOOD}
    assert made[0].measures["language_probability"] == 0.9  # asked of the first recogniser, since it was doubtful
    folder = dataset(tmp_path / "sure", 2)
    made = transcribe(folder, OPTIONS, Recognizers(scripted(text=GOOD), scripted(text="nunca")), NullReporter())
    assert {sample.text for sample in made} == {GOOD}
    folder = dataset(tmp_path / "worse", 1)
    again = scripted(text="sim " * 100)
    made = transcribe(folder, OPTIONS, Recognizers(scripted(text=BAD), again), NullReporter())
    assert made[0].text == BAD
    loose = replace(OPTIONS, max_compression_ratio=1000.0)
    made = transcribe(dataset(tmp_path / "loose", 1), loose, Recognizers(scripted(text=BAD), again), NullReporter())
    assert made[0].text.startswith("sim sim"), "the bound is that of the configuration"


def test_the_language_is_looked_at_where_the_words_are_unsure() -> None:
    def clip(log_probability: float, oov_share: float, *doubts: str) -> dict[str, Any]:
        return {"doubts": doubts, "figures": {"log_probability": log_probability, "oov_share": oov_share}}

    assert not is_doubtful(clip(DOUBTFUL_LOG_PROBABILITY, DOUBTFUL_OOV_SHARE))
    assert is_doubtful(clip(DOUBTFUL_LOG_PROBABILITY - 0.01, 0.0)) and is_doubtful(
        clip(-0.1, DOUBTFUL_OOV_SHARE + 0.01)
    )
    assert is_doubtful(clip(-0.1, 0.0, "words_per_s")) and DOUBTFUL_OOV_SHARE < OPTIONS.max_oov_share


@pytest.mark.parametrize(
    ("figures", "codes"),
    [
        ({}, ()),
        ({"log_probability": -0.9}, ("log_probability",)),
        ({"compression_ratio": 3.0}, ("compression_ratio",)),
        ({"oov_share": 0.3}, ("oov_share",)),
        ({"words_per_s": 0.2}, ("words_per_s",)),
        ({"words_per_s": 7.0}, ("words_per_s",)),
        ({"subtitle_difference": 0.6}, ("subtitle_difference",)),
    ],
)
def test_doubts_by_their_bounds(figures: dict[str, float], codes: tuple[str, ...]) -> None:
    sure = {"log_probability": -0.2, "compression_ratio": 1.3, "oov_share": 0.0, "words_per_s": 2.5}
    assert doubted({**sure, **figures}, OPTIONS) == codes
    loose = replace(
        OPTIONS,
        min_log_probability=-2,
        max_compression_ratio=9,
        max_oov_share=1,
        min_words_per_s=0,
        max_words_per_s=9,
        max_subtitle_difference=1,
    )
    assert doubted({**sure, **figures}, loose) == ()


def test_a_run_that_stopped_goes_on(tmp_path: Path) -> None:
    class Stopping(NullReporter):
        def should_stop(self) -> bool:
            return True

    folder = dataset(tmp_path, 30, 0.5)
    recognizers = Recognizers(scripted(text="sim {length}"))
    with pytest.raises(Stopped):
        transcribe(folder, OPTIONS, recognizers, Stopping())
    lines = folder.transcripts.read_text().splitlines()
    assert len(lines) == 1 and len(json.loads(lines[0])["clips"]) == 12
    with folder.transcripts.open("a") as file:
        file.write('{"key": "cut off in the mid')
    made = transcribe(folder, OPTIONS, recognizers, NullReporter())
    whole = dataset(tmp_path / "whole", 30, 0.5)
    assert transcribe(whole, OPTIONS, recognizers, NullReporter()) == made
    assert len(folder.transcripts.read_text().splitlines()) == 3


def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 2)
    recognizers = Recognizers(scripted(text=GOOD, died=str(tmp_path / "once")))
    with pytest.raises(SpeechError) as failure:
        transcribe(folder, OPTIONS, recognizers, NullReporter())
    assert failure.value.code == "recognizer_died"
    assert transcribe(folder, OPTIONS, recognizers, NullReporter())[1].text == GOOD


def test_a_text_that_was_given_is_kept_and_compared(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 1, given_text="O menino  corre na rua.")
    (sample,) = transcribe(folder, OPTIONS, Recognizers(scripted(text=GOOD)), NullReporter())
    assert sample.text == "O menino corre na rua." and sample.recognized_text == GOOD
    assert 0.2 < sample.measures["text_difference"] < 0.6


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Custa R$ 25,50.", "pt-BR", "Custa vinte e cinco reais e cinquenta centavos."),
        ("Subiu 12% em 2024.", "pt-BR", "Subiu doze por cento em dois mil e vinte e quatro."),
        ("Foi em 03/04/2020.", "pt-BR", "Foi em três de abril de dois mil e vinte."),
        ("O Dr. Silva chegou às 14h30.", "pt-BR", "O doutor Silva chegou às catorze e trinta."),
        ("O 1º e a 2ª.", "pt-BR", "O primeiro e a segunda."),
        ("guarda-chuva", "pt-BR", "guarda-chuva"),
        ("It costs $3.50.", "en", "It costs three dollars and fifty cents."),
        ("Dr. Smith met 21 people.", "en", "Doctor Smith met twenty-one people."),
    ],
)
def test_texts_as_they_are_spoken(text: str, language: str, said: str) -> None:
    assert spoken(text, language) == said


def test_what_a_recogniser_adds_is_taken_out() -> None:
    assert plain("<|startoftranscript|><|pt|> Olá | “mundo” [Música] ♪♪ …\n") == 'Olá "mundo" ...'


def test_out_of_vocabulary() -> None:
    known = {language: lexicon(language) for language in ("pt-BR", "en")}
    assert oov_share("O menino corre na rua com o cachorro.", known["pt-BR"]) == 0
    assert oov_share("The boy runs in the street with the dog.", known["en"]) == 0
    assert oov_share("blorf menino zxqw rua", known["pt-BR"]) == 0.5
    assert oov_share("Chegou a Xyzwenne ontem.", known["pt-BR"]) == 0  # a name
    assert oov_share("", known["en"]) == 0
    assert compression_ratio("sim " * 50) > 2.4 > compression_ratio("O menino corre na rua com o cachorro.")


def test_subtitles() -> None:
    cues = read_subtitles(
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:03.000 align:start\n<c>Olá,</c>\nmundo\n\n"
        "NOTE x\n\n00:05.500 --> 00:07.000\nTchau\n"
    )
    assert cues == [(1.0, 3.0, "Olá, mundo"), (5.5, 7.0, "Tchau")]
    assert subtitles_between(cues, 0.0, 4.0) == "Olá, mundo" and subtitles_between(cues, 6.9, 9.0) == ""


def test_subtitles_that_differ_are_a_doubt(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 2)
    (folder.root / "r.vtt").write_text(
        f"WEBVTT\n\n00:00.000 --> 00:03.000\n{GOOD}\n\n00:10.000 --> 00:13.000\nnada disso aqui\n"
    )
    folder.save_sources([Source("r", "r.wav", subtitles="r.vtt")])
    first, second = transcribe(folder, OPTIONS, Recognizers(scripted(text=GOOD)), NullReporter())
    assert first.measures["subtitle_difference"] == 0 and second.measures["subtitle_difference"] > 0.5


def test_clips_are_packed() -> None:
    assert packed([9, 9, 9, 9], 28.0) == [[0, 1], [2, 3]]
    assert packed([9, 9], 0.0) == [[0], [1]] and packed([], 28.0) == []


@pytest.mark.models
def test_whisper_hears_packed_clips(tmp_path: Path, model_store: ModelStore, speak: Callable[..., Audio]) -> None:
    texts = ["O trem da manhã chegou atrasado outra vez.", "Minha avó fazia um bolo de milho."]
    folder = dataset(tmp_path, 2)
    samples = []
    for sample, text in zip(folder.stage_samples(), texts, strict=True):
        save(speak(text, pause_s=0.3), folder.root / sample.audio_path)
        samples.append(replace(sample, duration_s=load(folder.root / sample.audio_path).duration_s))
    folder.save_samples(samples)
    models = {"whisper-base": model_store.path("whisper-base")}
    made = transcribe(folder, OPTIONS, whisper_recognizers(models, OPTIONS, 1), NullReporter())
    assert word_error_rate(texts, [sample.text for sample in made]) <= 0.2
    for sample in made:
        assert sample.measures["log_probability"] > -0.7
        assert all(0 <= word.start_s <= word.end_s <= sample.duration_s + 0.01 for word in sample.words)


def test_the_script_refuses_what_it_cannot_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = dataset(tmp_path, 0)
    folder.manifest.write_text("{not json}\n")
    assert transcribe_audio_parallel.main([str(folder.root), "--workers", "1"]) == 2
    assert "bad_manifest" in capsys.readouterr().err
