"""Every clip gets its words: Whisper base in several processes, and a larger one where that is not to be trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from speech.analysis.transcripts import difference
from speech.asr import Word
from speech.audio import load
from speech.files import write_whole
from train.dataset.edges import edge_difference, has_loud_edge
from train.dataset.folder import DatasetFolder
from train.dataset.options import TranscribeOptions
from train.dataset.records import Sample, StageLog
from train.dataset.words import Known, compression_ratio, lexicon, oov_share, plain, read_subtitles, subtitles_between
from train.dataset.workers import Question, RecognizerSpec, WorkerPool, threads_each, worker_count
from train.progress import Reporter, Stopped

BATCH_CLIPS = 12  # in one question; the unit of what is kept when a run ends early
DOUBTFUL_LOG_PROBABILITY = -0.35  # below it the language is looked at
DOUBTFUL_OOV_SHARE = 0.15  # above it, too


@dataclass(frozen=True)
class Recognizers:
    """Who listens first, and who again; `larger` None never does."""

    first: RecognizerSpec
    larger: RecognizerSpec | None = None


@dataclass(frozen=True)
class Batch:
    """Clips that are heard together; `key` is of their sounds, their language and the options."""

    key: str
    samples: tuple[Sample, ...]


def whisper_recognizers(models: Mapping[str, Path], options: TranscribeOptions, count: int) -> Recognizers:
    """By the folders of the model store; the larger model only where it is there."""
    arguments = {
        "model": str(models[options.model]),
        "threads": threads_each(count),
        "pack_s": options.pack_s,
        "beam_size": options.beam_size,
    }
    first = RecognizerSpec("train.dataset.recognizers:BatchedWhisper", arguments)
    larger = models.get(options.high_precision_model)
    spec = RecognizerSpec("train.dataset.recognizers:LargerWhisper", {"folder": str(larger)}) if larger else None
    return Recognizers(first, spec)


def transcribe(
    folder: DatasetFolder, options: TranscribeOptions, recognizers: Recognizers, reporter: Reporter
) -> tuple[Sample, ...]:
    """Texts, word times and what was doubted into the manifest and `transcriptions.json`.

    What was heard before of the same sounds by the same options stays. Raises Stopped, and SpeechError
    `recognizer_died`, `recognizer_failed`.
    """
    samples = folder.stage_samples()
    log = StageLog(folder.transcripts)
    batches = batched(folder, samples, options, recognizers)
    unfinished = [batch for batch in batches if not (log.find(batch.key) or {}).get("is_whole")]
    missing = [batch for batch in unfinished if log.find(batch.key) is None]
    doubts = Doubts(folder, options)
    done = len(batches) - len(missing)
    if unfinished:
        count = worker_count(options.workers, len(unfinished))
        with WorkerPool(recognizers.first, count) as pool, _Larger(recognizers.larger) as larger:
            questions = [_question("recognize", folder, batch.samples) for batch in missing]
            for index, heard in pool.answers(questions):
                batch = missing[index]
                rows = [doubts.row(sample, each) for sample, each in zip(batch.samples, heard, strict=True)]
                clips = larger.again(folder, batch, rows, doubts)
                is_whole = not any(map(is_doubtful, clips)) and not _loud_edges(folder, batch, clips)
                log.add(batch.key, {"clips": clips, "is_whole": is_whole})
                done += 1
                reporter.progress(done, len(batches), "dataset.stage.transcribe")
                if reporter.should_stop():
                    raise Stopped
            for batch in unfinished:
                row = log.find(batch.key) or {}
                if row["is_whole"]:
                    continue
                edged = _with_edges(folder, pool, batch, row["clips"])
                log.add(batch.key, {"clips": _with_languages(folder, pool, batch, edged), "is_whole": True})
                if reporter.should_stop():
                    raise Stopped
    return _written(folder, samples, batches, log)


def batched(
    folder: DatasetFolder, samples: Sequence[Sample], options: TranscribeOptions, recognizers: Recognizers
) -> list[Batch]:
    """Always the same clips together, so that a run that was interrupted ends as any other."""
    told = {**asdict(options), "workers": 0}
    chosen = json.dumps([told, recognizers.first.factory, recognizers.larger is not None], sort_keys=True)
    batches = []
    for group in _groups(samples):
        digest = hashlib.sha256(chosen.encode())
        for sample in group:
            sound = hashlib.sha256((folder.root / sample.audio_path).read_bytes()).hexdigest()
            digest.update(json.dumps([sample.sample_id, sound, sample.language, sample.given_text]).encode())
        batches.append(Batch(digest.hexdigest(), tuple(group)))
    return batches


def _groups(samples: Sequence[Sample]) -> Iterator[list[Sample]]:
    """Of one language, and of one recording unless that is a single clip."""
    group: list[Sample] = []
    for sample in samples:
        is_same = group and sample.language == group[-1].language
        is_near = is_same and (sample.source == group[-1].source or bool(sample.given_text and group[-1].given_text))
        if group and not (is_near and len(group) < BATCH_CLIPS):
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


class Doubts:
    """What speaks against a text that was heard."""

    def __init__(self, folder: DatasetFolder, options: TranscribeOptions) -> None:
        self._options = options
        self._known: dict[str, Known] = {}
        self._cues = {
            source.source_id: read_subtitles((folder.root / source.subtitles).read_text(encoding="utf-8"))
            for source in folder.sources()
            if source.subtitles and (folder.root / source.subtitles).is_file()
        }

    def row(self, sample: Sample, heard: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of a clip: text, words, figures, and the codes of what is doubtful."""
        text = plain(heard["text"])
        figures = self.figures(sample, text, heard["log_probability"])
        return {
            "sample_id": sample.sample_id,
            "text": text,
            "words": [[plain(word[0]), *word[1:]] for word in heard["words"] if plain(word[0])],
            "figures": figures,
            "doubts": list(self.of(figures)),
            "is_again": False,
        }

    def of(self, figures: Mapping[str, float]) -> tuple[str, ...]:
        """The figures that are out of the bounds of the configuration."""
        return doubted(figures, self._options)

    def figures(self, sample: Sample, text: str, log_probability: float) -> dict[str, float]:
        if sample.language not in self._known:
            self._known[sample.language] = lexicon(sample.language)
        found = {
            "log_probability": round(log_probability, 4),
            "compression_ratio": round(compression_ratio(text), 3),
            "oov_share": round(oov_share(text, self._known[sample.language]), 4),
            "words_per_s": round(len(text.split()) / max(sample.duration_s, 0.1), 3),
        }
        said = subtitles_between(self._cues.get(sample.source, []), sample.start_s, sample.end_s)
        if said:
            found["subtitle_difference"] = round(difference(said, text, sample.language), 4)
        return found


def doubted(figures: Mapping[str, float], options: TranscribeOptions) -> tuple[str, ...]:
    """The figures that are out of bounds."""
    bad = {
        "log_probability": figures["log_probability"] < options.min_log_probability,
        "compression_ratio": figures["compression_ratio"] > options.max_compression_ratio,
        "oov_share": figures["oov_share"] > options.max_oov_share,
        "words_per_s": not options.min_words_per_s <= figures["words_per_s"] <= options.max_words_per_s,
        "subtitle_difference": figures.get("subtitle_difference", 0.0) > options.max_subtitle_difference,
    }
    return tuple(name for name, is_bad in bad.items() if is_bad)


class _Larger:
    """The larger model in a process of its own, begun when it is first needed."""

    def __init__(self, spec: RecognizerSpec | None) -> None:
        self._spec = spec
        self._pool: WorkerPool | None = None

    def __enter__(self) -> _Larger:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.__exit__(None, None, None)

    def again(
        self, folder: DatasetFolder, batch: Batch, rows: Sequence[dict[str, Any]], doubts: Doubts
    ) -> list[dict[str, Any]]:
        """The rows, each doubtful one heard once more; the second text is kept unless it is none or repeats itself."""
        wanted = [index for index, row in enumerate(rows) if row["doubts"]]
        if self._spec is None or not wanted:
            return list(rows)
        if self._pool is None:
            self._pool = WorkerPool(self._spec, 1)
        made = list(rows)
        questions = [_question("recognize", folder, [batch.samples[index]]) for index in wanted]
        for number, heard in self._pool.answers(questions):
            index = wanted[number]
            text = plain(heard[0]["text"])
            figures = doubts.figures(batch.samples[index], text, rows[index]["figures"]["log_probability"])
            if text and "compression_ratio" not in doubts.of(figures):
                made[index] = {**rows[index], "text": text, "figures": figures, "is_again": True}
        return made


def _question(ask: str, folder: DatasetFolder, samples: Sequence[Sample]) -> Question:
    return Question(ask, tuple(str(folder.root / sample.audio_path) for sample in samples), samples[0].language)


def _loud_edges(folder: DatasetFolder, batch: Batch, clips: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Seconds of the clips that begin or end in speech and have words, by index."""
    sounds = {
        index: load(folder.root / sample.audio_path)
        for index, sample in enumerate(batch.samples)
        if clips[index]["words"]
    }
    return {index: sound.duration_s for index, sound in sounds.items() if has_loud_edge(sound)}


def _with_edges(
    folder: DatasetFolder, pool: WorkerPool, batch: Batch, clips: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The rows; those of clips that begin or end in speech with how far these ends are others when heard alone."""
    made = list(clips)
    seconds = _loud_edges(folder, batch, clips)
    loud = list(seconds)
    asked = [_question("edges", folder, [batch.samples[index]]) for index in loud]
    for number, found in pool.answers(asked):
        index = loud[number]
        words = [Word(*word) for word in clips[index]["words"]]
        first, last = (plain(text) for text in found[0])
        value = edge_difference(words, first, last, seconds[index], batch.samples[index].language)
        if value is not None:
            figures = {**clips[index]["figures"], "edge_difference": round(value, 4)}
            made[index] = {**clips[index], "figures": figures}
    return made


def _with_languages(
    folder: DatasetFolder, pool: WorkerPool, batch: Batch, clips: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """The rows; those whose words were doubtful with how probable the language is."""
    made = list(clips)
    doubtful = [index for index, clip in enumerate(clips) if is_doubtful(clip)]
    asked = [_question("language", folder, [batch.samples[index]]) for index in doubtful]
    for number, found in pool.answers(asked):
        clip = clips[doubtful[number]]
        made[doubtful[number]] = {**clip, "figures": {**clip["figures"], "language_probability": round(found[0], 4)}}
    return made


def is_doubtful(clip: Mapping[str, Any]) -> bool:
    figures = clip["figures"]
    is_unsure = figures["log_probability"] < DOUBTFUL_LOG_PROBABILITY
    return bool(clip["doubts"]) or is_unsure or figures["oov_share"] > DOUBTFUL_OOV_SHARE


def _written(
    folder: DatasetFolder, samples: Sequence[Sample], batches: Sequence[Batch], log: StageLog
) -> tuple[Sample, ...]:
    found: dict[str, Mapping[str, Any]] = {}
    for batch in batches:
        row = log.find(batch.key)
        assert row is not None
        found |= {clip["sample_id"]: clip for clip in row["clips"]}
    made = tuple(_with_text(sample, found[sample.sample_id]) for sample in samples)
    folder.save_samples(made)
    texts = {
        sample.sample_id: {
            "text": sample.text,
            "recognized_text": sample.recognized_text,
            "language": sample.language,
            "duration_s": sample.duration_s,
            "words": [[word.text, word.start_s, word.end_s] for word in sample.words],
            "doubts": found[sample.sample_id]["doubts"],
            "high_precision": found[sample.sample_id]["is_again"],
        }
        for sample in made
    }
    write_whole(folder.processed / "transcriptions.json", json.dumps(texts, ensure_ascii=False, indent=1) + "\n")
    return made


def _with_text(sample: Sample, clip: Mapping[str, Any]) -> Sample:
    heard = str(clip["text"])
    text = plain(sample.given_text) or heard
    measures = {**sample.measures, **clip["figures"]}
    if sample.given_text:
        measures["text_difference"] = round(difference(sample.given_text, heard, sample.language), 4)
    words = tuple(Word(*word) for word in clip["words"])
    return replace(sample, text=text, recognized_text=heard, words=words, measures=measures)
