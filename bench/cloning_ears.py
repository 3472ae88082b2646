"""What judges hear in fitted and stock voices, remembered, and what of it makes a row of `results/cloning.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.settings import load_settings
from bench.cloning_rows import write_whole
from bench.prompts import Prompts
from speech.audio import join
from speech.metrics.mos import OpinionScore
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.voice_library import VoiceLibrary
from train.kokoro.report import (
    Heard,
    LanguageReport,
    Likeness,
    ReportJudges,
    Target,
    below,
    listen,
    load_judges,
    summary,
    target,
)

RANKING = 2  # sentences by which the best of all stock voices is found
SCORES = ("word_error_rate", "overall", "p808")


class SpeechModels:
    """Models, judges and what they already said, kept below `cache`."""

    def __init__(self, cache: Path, precision: str, threads: int) -> None:
        self.cache, self.precision, self.threads = cache, precision, threads
        self.library = VoiceLibrary(cache / "voices")
        models = load_settings().models_path
        options = SynthesizerOptions(models, precision=precision, threads=threads, voices_dir=cache / "voices")
        self.store = ModelStore(models)
        self.synthesizer = Synthesizer(options)

    @cached_property
    def judges(self) -> ReportJudges:
        """Raises RuntimeError when one is missing: a benchmark without it says nothing."""
        found = load_judges(self.store, self.threads)
        if found.missing:
            raise RuntimeError("; ".join(f"{one.measure}: {one.code} {dict(one.values)}" for one in found.missing))
        return found

    @cached_property
    def encoders(self) -> ReportJudges:
        return replace(self.judges, transcriber=None, opinion=None)

    @cached_property
    def stock_voices(self) -> tuple[str, ...]:
        return tuple(
            voice.voice_id for voice in self.synthesizer.voices() if voice.engine == "kokoro" and voice.is_stock
        )

    def heard(
        self, voice: str, language: str, texts: Sequence[str], judges: ReportJudges, top_hz: float | None
    ) -> list[Heard]:
        """What the judges say of `voice` with each text; said once, remembered for the next run."""
        kind = "judged" if judges.transcriber else "ranked"
        band = f".{top_hz:.0f}hz" if top_hz else ""
        path = self.cache / kind / self.precision / f"{voice}-{self._digest(voice)}.{language}{band}.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        for text in texts:
            if text not in known:
                plan = self.synthesizer.plan(text, engine="kokoro", language=language, voice=voice)
                known[text] = _row(listen(judges, join(self.synthesizer.speak(plan)), text, language, top_hz))
                write_whole(path, known)
        return [_heard(text, known[text]) for text in texts]

    def targets(self, held_out: Prompts, top_hz: float | None) -> dict[str, Target]:
        clips = [below(audio, top_hz) for audio in held_out.held_out]
        return {judge.name: target([judge.embed(clip) for clip in clips]) for judge in self.judges.speakers}

    def best_stock(
        self, language: str, texts: Sequence[str], targets: Mapping[str, Target], top_hz: float | None
    ) -> dict[str, str]:
        """Each judge's own best of all stock voices."""
        ranked = {voice: self.heard(voice, language, texts, self.encoders, top_hz) for voice in self.stock_voices}

        def nearness(voice: str, judge: str) -> float:
            found = [one.embeddings[judge] for one in ranked[voice]]
            return targets[judge].likeness(found, found).after or -1.0

        return {judge: max(ranked, key=lambda voice: nearness(voice, judge)) for judge in targets}

    def _digest(self, voice: str) -> str:
        """Another fit under the same name is another voice."""
        if voice in self.stock_voices:
            return "stock"
        return hashlib.sha256(self.library.path(voice).read_bytes()).hexdigest()[:12]


@dataclass(frozen=True)
class Stock:
    """What stock voices get for the same sentences: no fit changes it."""

    best: Mapping[str, str]  # voice by judge
    before: Mapping[str, float]  # that voice's likeness by the judge
    scores: Mapping[str, float]  # of the voice that the fit started from

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Stock:
        before = {name: one["before"] for name, one in row["similarity"].items()}
        return cls(row["best_stock"], before, {name: row[name]["stock"] for name in SCORES})

    def beside(self, found: LanguageReport, targets: Mapping[str, Target]) -> dict[str, Any]:
        """Figures of a row: these, and those of the fitted voice in `found`."""
        alike = {
            name: Likeness.between(self.before[name], found.similarity[name].after, known.ceiling)
            for name, known in targets.items()
        }
        scores = {name: {"stock": self.scores[name], "fitted": getattr(found, name).fitted} for name in SCORES}
        return {
            "best_stock": dict(self.best),
            "similarity": {name: rounded(vars(one)) for name, one in alike.items()},
            **{name: rounded(one) for name, one in scores.items()},
        }


def stock_of(
    ears: SpeechModels,
    language: str,
    texts: Sequence[str],
    targets: Mapping[str, Target],
    started_from: str,
    top_hz: float | None,
) -> Stock:
    best = ears.best_stock(language, texts[:RANKING], targets, top_hz)
    spoken = {name: ears.heard(voice, language, texts, ears.encoders, top_hz) for name, voice in best.items()}
    compared = ears.heard(started_from, language, texts, ears.judges, top_hz)
    own = summary(language, targets, compared, compared)
    before = {name: summary(language, targets, ones, ones).similarity[name].after for name, ones in spoken.items()}
    return Stock(
        best,
        {name: value or 0.0 for name, value in before.items()},
        {name: getattr(own, name).stock for name in SCORES},
    )


def rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def _row(one: Heard) -> dict[str, Any]:
    score = vars(one.score) if one.score else None
    return {"heard": one.heard, "score": score, "embeddings": {k: v.tolist() for k, v in one.embeddings.items()}}


def _heard(text: str, row: Mapping[str, Any]) -> Heard:
    score = OpinionScore(**row["score"]) if row["score"] else None
    return Heard(text, row["heard"], score, {name: np.asarray(v, np.float32) for name, v in row["embeddings"].items()})
