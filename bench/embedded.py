"""How well the embedded voices speak: every preset, twenty sentences in Portuguese and twenty in English.

Word error rate by Whisper base, opinion scores by DNSMOS, the distance between presets by a speaker encoder; no
sentence may be lost and no sample clipped. `python -m bench.embedded [--presets NAME …] [--precision fp32]`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from app.settings import load_settings
from bench.record import write
from speech.asr import WhisperTranscriber
from speech.audio import Audio, join
from speech.engines.kokoro.presets import PRESETS
from speech.metrics.mos import opinion_score
from speech.metrics.speaker import Embedding, SpeakerEncoder, similarity
from speech.metrics.wer import word_error_rate, words
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.normalize import normalize

VOICES = {preset.name: preset.voices for preset in PRESETS}
SENTENCES = Path(__file__).with_name("sentences.json")
LANGUAGES = ("pt-BR", "en-US")
# What the issue asks: word error rate of plain sentences and of those with numbers, DNSMOS P808 and overall.
WANTED = {"pt-BR": {"plain": 0.04, "numbers": 0.08}, "en-US": {"plain": 0.01, "numbers": 0.05}}
P808, OVERALL, SAME_PERSON = 3.7, 3.1, 0.80


@dataclass(frozen=True)
class Judges:
    synthesizer: Synthesizer
    transcriber: WhisperTranscriber
    encoder: SpeakerEncoder


@dataclass(frozen=True)
class Heard:
    """One sentence spoken: what was wanted, what was heard, how it sounds.

    The judge writes digits where it likes ("25"), so what it heard is written out as our references are.
    """

    wanted: str
    heard: str
    duration_s: float
    peak: float
    p808: float
    overall: float
    embedding: Embedding


def texts(language: str) -> dict[str, list[tuple[str, str]]]:
    """Kind to pairs (written, as spoken)."""
    held = json.loads(SENTENCES.read_text(encoding="utf-8"))[language]
    return {"plain": [(text, text) for text in held["plain"]], "numbers": [(w, s) for w, s in held["numbers"]]}


def listen(judges: Judges, written: str, wanted: str, voice: str, language: str) -> Heard:
    plan = judges.synthesizer.plan(written, engine="kokoro", language=language, voice=voice)
    audio: Audio = join(judges.synthesizer.speak(plan))
    score = opinion_score(audio)
    return Heard(
        wanted=wanted,
        heard=normalize(judges.transcriber.transcribe(audio, language).text, language),
        duration_s=audio.duration_s,
        peak=float(np.abs(audio.samples).max()),
        p808=score.p808,
        overall=score.overall,
        embedding=judges.encoder.embed(audio),
    )


def judge(judges: Judges, preset: str, language: str) -> tuple[dict[str, Any], Embedding]:
    """Figures of one preset in one language, and its mean embedding."""
    voice = VOICES[preset][language.split("-")[0]]
    heard = {
        kind: [listen(judges, written, wanted, voice, language) for written, wanted in pairs]
        for kind, pairs in texts(language).items()
    }
    everything = [one for kind in heard.values() for one in kind]
    mean = np.mean([one.embedding for one in everything], axis=0)
    figures = {
        "preset": preset,
        "language": language,
        "voice": voice,
        "wer": {kind: _wer(ones) for kind, ones in heard.items()},
        "p808": float(np.mean([one.p808 for one in everything])),
        "overall": float(np.mean([one.overall for one in everything])),
        "clipped": sum(one.peak >= 1 for one in everything),
        "lost": sum(one.duration_s < 0.5 or not words(one.heard) for one in everything),
        "misheard": [[one.wanted, one.heard] for one in everything if words(one.wanted) != words(one.heard)],
    }
    return figures, mean / np.linalg.norm(mean)


def _wer(ones: Sequence[Heard]) -> float:
    return word_error_rate([one.wanted for one in ones], [one.heard for one in ones])


def shortfalls(figures: Mapping[str, Any]) -> list[str]:
    """What of the aims this preset misses."""
    missed = [
        f"wer {kind} {figures['wer'][kind]:.1%} > {most:.0%}"
        for kind, most in WANTED[figures["language"]].items()
        if figures["wer"][kind] > most
    ]
    missed += [f"p808 {figures['p808']:.2f} < {P808}"] if figures["p808"] < P808 else []
    missed += [f"overall {figures['overall']:.2f} < {OVERALL}"] if figures["overall"] < OVERALL else []
    return missed + [name for name in ("clipped", "lost") if figures[name]]


def show(figures: Mapping[str, Any]) -> None:
    wer = figures["wer"]
    print(
        f"{figures['preset']:15} {figures['language']} {figures['voice']:16} "
        f"WER {wer['plain']:6.1%} {wer['numbers']:6.1%}"
        f"  P808 {figures['p808']:.2f}  overall {figures['overall']:.2f}  clipped {figures['clipped']}"
        f"  lost {figures['lost']}  {'; '.join(shortfalls(figures)) or 'ok'}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="*", default=list(VOICES), choices=list(VOICES))
    parser.add_argument("--languages", nargs="*", default=list(LANGUAGES), choices=LANGUAGES)
    parser.add_argument("--precision", default="int8", choices=["int8", "fp32"])
    asked = parser.parse_args()
    synthesizer = Synthesizer(SynthesizerOptions(load_settings().models_path, precision=asked.precision))
    store = synthesizer.store
    transcriber = WhisperTranscriber(store.path("whisper-base"))
    encoder = SpeakerEncoder(store.path("speaker-resnet34") / "speaker-resnet34.onnx")
    judges = Judges(synthesizer, transcriber, encoder)
    missed = [measure(judges, language, asked.presets, asked.precision) for language in asked.languages]
    return int(any(missed))


def measure(judges: Judges, language: str, presets: Sequence[str], precision: str) -> bool:
    """Print and write the figures of one language; whether one of them falls short."""
    rows, means = [], {}
    for preset in presets:
        figures, means[preset] = judge(judges, preset, language)
        rows.append(figures)
        show(figures)
    pairs = {f"{a} ~ {b}": similarity(means[a], means[b]) for a, b in combinations(means, 2)}
    alike = dict(sorted(pairs.items(), key=lambda pair: -pair[1]))
    closest, likeness = next(iter(alike.items()), ("none", 0.0))
    print(f"{language}: closest presets {closest} {likeness:.2f} (one person: about 0.87)", flush=True)
    print("written:", write(f"embedded-{precision}-{language}", {"presets": rows, "similarity": alike}))
    return likeness > SAME_PERSON or any(shortfalls(row) for row in rows)


if __name__ == "__main__":
    raise SystemExit(main())
