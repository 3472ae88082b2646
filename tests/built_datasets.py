"""A dataset that was built, small enough to be learned from in a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from xtts_brief import write_brief

from bench.xtts_reference import recording
from speech.audio import Audio, save
from train.dataset.build import build
from train.dataset.folder import DatasetFolder
from train.dataset.options import BuildOptions
from train.dataset.records import Sample
from train.progress import NullReporter

SAMPLE_RATE = 22050
TEXTS = (
    "Quando a chuva parou, as crianças correram para a rua.",
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho.",
    "As ondas batiam nas pedras perto do farol.",
)


def write_dataset(root: Path, language: str = "pt-BR", clips: int = 6, seconds: float = 2.0) -> Path:
    """`clips` of noise that is shaped like speech, with texts, built."""
    folder = DatasetFolder.create(root, language)
    folder.wavs.mkdir(parents=True, exist_ok=True)
    samples = []
    for number in range(clips):
        path = folder.wavs / f"c{number}.wav"
        save(Audio(recording(seconds + 0.1 * number, number), SAMPLE_RATE), path)
        name, spans = path.relative_to(folder.root).as_posix(), ((0.0, seconds),)
        text = TEXTS[number % len(TEXTS)]
        samples.append(Sample(f"c{number}", name, "talk", "ana", language, spans, seconds, text, decision="keep"))
    folder.save_samples(samples)
    return build(folder, BuildOptions(), NullReporter()).path


def write_trainable(source: Path, folder: Path, stop_bias: float = 6.0) -> Path:
    """The checkpoint in `source` with all that training needs, whose network stops soon when it speaks."""
    write_brief(source, folder, stop_bias)
    for name in ("dvae.pth", "mel_stats.pth"):
        shutil.copyfile(source / name, folder / name)
    return folder
