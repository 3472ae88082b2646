"""All stages one after another, from any of them on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from speech.errors import SpeechError
from speech.metrics.speaker import SpeakerEncoder
from speech.models import ModelStore
from speech.vad import SileroDetector
from train.dataset.build import Built, build
from train.dataset.clean import clean
from train.dataset.download import download
from train.dataset.folder import DatasetFolder
from train.dataset.options import DatasetOptions
from train.dataset.quality import judge_quality
from train.dataset.segment import segment
from train.dataset.speakers import diarizer
from train.dataset.transcribe import transcribe, whisper_recognizers
from train.dataset.workers import worker_count
from train.progress import Part, Reporter

STAGES = ("download", "clean", "segment", "transcribe", "quality", "build")
SHARES = (0.0, 0.15, 0.2, 0.3, 0.75, 0.97, 1.0)  # of the whole, where each stage begins
SPEAKER_MODEL = "speaker-resnet34"


@dataclass(frozen=True)
class Run:
    """What a run did."""

    seconds: Mapping[str, float]  # by stage
    built: Built | None


def run(
    folder: DatasetFolder,
    options: DatasetOptions,
    store: ModelStore,
    reporter: Reporter,
    first: str = "download",
    last: str = "build",
) -> Run:
    """The stages from `first` to `last`; what a stage finished before is not done again.

    Raises Stopped, and SpeechError `dataset_busy`, `unknown_stage`, `model_missing` and what the stages raise.
    """
    for name in (first, last):
        if name not in STAGES:
            raise SpeechError("unknown_stage", stage=name, choices=list(STAGES))
    chosen = STAGES[STAGES.index(first) : STAGES.index(last) + 1]
    seconds: dict[str, float] = {}
    built: Built | None = None
    with folder.running():
        for name in chosen:
            begun = time.monotonic()
            built = run_stage(name, folder, options, store, _part(reporter, name, chosen)) or built
            seconds[name] = round(time.monotonic() - begun, 2)
    return Run(seconds, built)


def _part(reporter: Reporter, name: str, chosen: tuple[str, ...]) -> Reporter:
    first, last = SHARES[STAGES.index(chosen[0])], SHARES[STAGES.index(chosen[-1]) + 1]
    start, end = (SHARES[STAGES.index(name) + step] for step in (0, 1))
    return Part(reporter, (start - first) / (last - first), (end - first) / (last - first))


def run_stage(
    name: str, folder: DatasetFolder, options: DatasetOptions, store: ModelStore, reporter: Reporter
) -> Built | None:
    """One of `STAGES`; only the build returns something."""
    if name == "download":
        download(folder, options.download, reporter)
    elif name == "clean":
        clean(folder, options.clean, reporter)
    elif name == "segment":
        judge = _judge(store) if options.segment.diarize else None
        diarize = diarizer(judge, options.segment.max_speakers) if judge else None
        segment(folder, options.segment, SileroDetector(), reporter, diarize)
    elif name == "transcribe":
        names = (options.transcribe.model, options.transcribe.high_precision_model)
        models = {each: store.path(each) for each in names if each == names[0] or (each and store.is_installed(each))}
        count = worker_count(options.transcribe.workers, 1_000_000)
        recognizers = whisper_recognizers(models, options.transcribe, count)
        transcribe(folder, options.transcribe, recognizers, reporter)
    elif name == "quality":
        judge_quality(folder, options.quality, _judge(store), reporter)
    else:
        return build(folder, options.build, reporter)
    return None


def _judge(store: ModelStore) -> SpeakerEncoder | None:
    """The speaker encoder, where its weights are here."""
    if not store.is_installed(SPEAKER_MODEL):
        return None
    return SpeakerEncoder(Path(store.path(SPEAKER_MODEL)) / f"{SPEAKER_MODEL}.onnx")
