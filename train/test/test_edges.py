"""Words that were cut, found by hearing the ends of clips alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech.asr import Word
from speech.audio import Audio, save
from train.dataset.edges import edge_difference, edges_of, has_loud_edge
from train.dataset.folder import DatasetFolder
from train.dataset.options import QualityOptions, TranscribeOptions
from train.dataset.quality import judge_quality
from train.dataset.records import Sample, Source
from train.dataset.transcribe import Recognizers, transcribe
from train.dataset.workers import RecognizerSpec
from train.progress import NullReporter

RATE = 22050
WORDS = tuple(
    Word(text, i * 0.8, i * 0.8 + 0.7, 0.9) for i, text in enumerate("o menino corre na rua com o cachorro".split())
)


def noise(seconds: float, quiet_s: float = 0.0) -> Audio:
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    for end in (slice(None, round(quiet_s * RATE)), slice(len(samples) - round(quiet_s * RATE), None)):
        samples[end] *= 0.001
    return Audio(samples, RATE)


@pytest.mark.parametrize(
    "first, last, expected",
    [
        ("o menino corre", "rua com o cachorro", 0.0),
        ("o menino", "com o cacho", 3 / 9),  # of the letters of "o cachorro"
        ("o menino", "", 1.0),
        ("menina que", "o cachorro", 5 / 8),
    ],
)
def test_the_worse_end_counts(first: str, last: str, expected: float) -> None:
    assert edge_difference(WORDS, first, last, 6.4, "pt-BR") == pytest.approx(expected, abs=0.15)


def test_without_words_at_the_ends_nothing_is_said() -> None:
    assert edge_difference((), "um", "dois", 6.0, "pt-BR") is None
    middle = (Word("meio", 2.5, 3.0, 0.9),)
    assert edge_difference(middle, "um", "dois", 6.0, "pt-BR") is None


def test_only_ends_in_speech_are_heard_again() -> None:
    assert has_loud_edge(noise(6)) and not has_loud_edge(noise(6, quiet_s=0.2)) and not has_loud_edge(noise(3))
    assert [edge.duration_s for edge in edges_of(noise(6))] == pytest.approx([2.0, 2.0])


def test_a_cut_word_is_told_in_the_dataset(tmp_path: Path) -> None:
    folder = DatasetFolder.create(tmp_path / "set", "pt-BR")
    folder.wavs.mkdir(parents=True)
    samples = []
    for name, sound in (("cut", noise(6)), ("whole", noise(6, quiet_s=0.2))):
        save(sound, folder.wavs / f"{name}.wav")
        samples.append(Sample(name, f"processed/wavs/{name}.wav", "r", "ana", "pt-BR", ((0.0, 6.0),), 6.0))
    folder.save_sources([Source("r", "r.wav")])
    folder.save_samples(samples)
    spec = RecognizerSpec("dataset_recognizers:CutShort", {"text": "o menino corre na rua com o cachorro"})
    made = transcribe(folder, TranscribeOptions(workers=1), Recognizers(spec), NullReporter())
    assert made[0].measures["edge_difference"] > 0.5 and "edge_difference" not in made[1].measures
    judged = judge_quality(folder, QualityOptions(mos=False), None, NullReporter())
    told = [[finding.code for finding in sample.findings if finding.code == "edge_words"] for sample in judged]
    assert told == [["edge_words"], []] and judged[0].text == judged[1].text
