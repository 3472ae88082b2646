"""How near fitted voices come to five real speakers, at what cost in words and sound.

    python -m bench.cloning --fit --judge [--speakers carlo_it …] [--reference-s 10 50 …] [--effort default] [--jobs 2]

`--fit` makes the voices (kept in the user's cache), `--judge` measures those that are there, `--table` prints what
was measured so far and draws the curve. Every piece is merged into `results/cloning.json` when it is done, so a run
that was killed goes on where it stopped. Judges: two encoders that no fit uses, Whisper base, DNSMOS; the best stock
voice is each judge's own best of all, and the ceiling twelve held-out recordings among themselves.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from app.settings import load_settings
from bench.curve import chart
from bench.prompts import SPEAKERS, Prompts, prompts
from bench.record import RESULTS, machine
from speech.audio import join, save
from speech.errors import SpeechError
from speech.metrics.mos import OpinionScore
from speech.models import ModelStore
from speech.synthesis import Speaker, SpeakerOptions
from speech.voice_files import Consent, VoiceLibrary
from train.manifest import Clip, Manifest
from train.progress import Quiet
from train.quality import bandwidth_hz
from train.report import Heard, ReportJudges, Target, listen, load_judges, summary, target

SENTENCES = Path(__file__).with_name("cloning_sentences.json")
PICTURE = Path(__file__).parent.parent / "docs" / "images" / "cloning-curve.svg"
EVERYBODYS = ("en-US", "pt-BR")  # spoken by every voice, beside the speaker's own language
RANKING = 2  # sentences by which the best of all stock voices is found
# What the issue asks: share of the way, rise of the word error rate, fall of the opinion scores.
OWN, FOREIGN, MORE_ERRORS, LOWER_SCORE = 0.80, 0.65, 0.02, 0.1
CONSENT = (
    "Recordings published under CC-BY-SA or GPL as Debian packages; this voice serves a benchmark and is not kept."
)


@dataclass(frozen=True)
class Piece:
    """One voice: who, from how much, with what effort."""

    speaker_id: str
    reference_s: float
    effort: str

    @property
    def voice_id(self) -> str:
        return f"{self.speaker_id}_{self.reference_s:g}s_{self.effort}".replace(".", "_")

    def languages(self) -> tuple[str, ...]:
        own = SPEAKERS[self.speaker_id].language
        return (own, *(tag for tag in EVERYBODYS if tag != own))


class Progress(Quiet):
    """A line on the terminal every tenth of the way."""

    def __init__(self, voice_id: str) -> None:
        self._voice_id = voice_id
        self._told = -1

    def progress(self, done: int, total: int, note: str = "") -> None:
        tenth = 10 * done // max(1, total)
        if tenth != self._told:
            self._told = tenth
            print(f"{self._voice_id}: {10 * tenth} % {note}", flush=True)

    def log(self, text: str) -> None:
        print(f"{self._voice_id}: {text}", flush=True)


class Bench:
    """Models, judges and what they already said, kept below `cache`."""

    def __init__(self, cache: Path, precision: str, threads: int) -> None:
        self.cache, self.precision, self.threads = cache, precision, threads
        self.library = VoiceLibrary(cache / "voices")
        models = load_settings().models_path
        options = SpeakerOptions(models, precision=precision, threads=threads, voices_dir=cache / "voices")
        self.store = ModelStore(models)
        self.speaker = Speaker(options)

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
        return tuple(voice.voice_id for voice in self.speaker.voices() if voice.engine == "kokoro" and voice.is_stock)

    def heard(self, voice: str, language: str, texts: Sequence[str], judges: ReportJudges) -> list[Heard]:
        """What the judges say of `voice` with each text; said once, remembered for the next run."""
        kind = "judged" if judges.transcriber else "ranked"
        path = self.cache / kind / self.precision / f"{voice}-{self._digest(voice)}.{language}.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        for text in texts:
            if text not in known:
                plan = self.speaker.plan(text, engine="kokoro", language=language, voice=voice)
                known[text] = _row(listen(judges, join(self.speaker.speak(plan)), text, language))
                _write(path, known)
        return [_heard(text, known[text]) for text in texts]

    def targets(self, held_out: Prompts) -> dict[str, Target]:
        return {
            judge.name: target([judge.embed(audio) for audio in held_out.held_out]) for judge in self.judges.speakers
        }

    def best_stock(self, language: str, texts: Sequence[str], targets: Mapping[str, Target]) -> dict[str, str]:
        """Each judge's own best of all stock voices."""
        ranked = {voice: self.heard(voice, language, texts, self.encoders) for voice in self.stock_voices}

        def nearness(voice: str, judge: str) -> float:
            found = [one.embeddings[judge] for one in ranked[voice]]
            return targets[judge].likeness(found, found).after or -1.0

        return {judge: max(ranked, key=lambda voice: nearness(voice, judge)) for judge in targets}

    def _digest(self, voice: str) -> str:
        """Another fit under the same name is another voice."""
        if voice in self.stock_voices:
            return "stock"
        return hashlib.sha256(self.library.path(voice).read_bytes()).hexdigest()[:12]


def fit(bench: Bench, piece: Piece) -> None:
    """Fit one voice, unless it is there."""
    from train.cloning import CloneOptions, clone

    try:
        bench.library.get(piece.voice_id)
        return
    except SpeechError as error:
        if error.code != "unknown_voice":
            raise
    found = prompts(piece.speaker_id, piece.reference_s)
    work = bench.cache / "work" / piece.voice_id
    manifest = as_manifest(found, work)
    options = CloneOptions(
        voice_id=piece.voice_id,
        title=piece.voice_id,
        language=found.language,
        consent=Consent(CONSENT, datetime.now(UTC).isoformat(timespec="seconds")),
        effort=piece.effort,
    )
    started = time.monotonic()
    clone(work, manifest, options, bench.store, bench.library, work / "fit", Progress(piece.voice_id))
    took_s = round(time.monotonic() - started, 1)
    row = {**_named(piece), "clips": len(manifest.clips), "given_s": round(manifest.duration_s, 1), "took_s": took_s}
    merge("fits", piece.voice_id, {**row, "threads": bench.threads})


def as_manifest(found: Prompts, folder: Path) -> Manifest:
    """The reference with the words it is known to have, as if intake had cut it."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    clips = []
    for number, (audio, text) in enumerate(found.reference, 1):
        clip_id = f"c{number:03}"
        save(audio, folder / "clips" / f"{clip_id}.wav")
        clips.append(
            Clip(
                clip_id=clip_id,
                audio_path=f"clips/{clip_id}.wav",
                source=found.speaker_id,
                start_s=0.0,
                end_s=audio.duration_s,
                duration_s=audio.duration_s,
                text=text,
                heard=text,
                language=found.language,
                measures={"bandwidth_hz": bandwidth_hz(audio)},
                findings=(),
            )
        )
    manifest = Manifest(tuple(clips))
    manifest.save(folder / "manifest.jsonl")
    return manifest


def judge(bench: Bench, piece: Piece, languages: Sequence[str], count: int) -> None:
    """Measure one voice in its languages, against each judge's best stock voice.

    Words and sound are compared with the stock voice that the fit started from, where its report names one.
    """
    targets = bench.targets(prompts(piece.speaker_id, piece.reference_s))
    started_from = bench.library.get(piece.voice_id).report.get("stock_voice")
    for language in languages:
        texts = json.loads(SENTENCES.read_text(encoding="utf-8"))[language][:count]
        best = bench.best_stock(language, texts[:RANKING], targets)
        fitted = bench.heard(piece.voice_id, language, texts, bench.judges)
        stock = {name: bench.heard(voice, language, texts, bench.judges) for name, voice in best.items()}
        compared = str(started_from or next(iter(best.values())))
        report = summary(language, targets, bench.heard(compared, language, texts, bench.judges), fitted)
        alike = {name: summary(language, targets, stock[name], fitted).similarity[name] for name in best}
        row: dict[str, Any] = {
            **_named(piece),
            "language": language,
            "precision": bench.precision,
            "sentences": len(texts),
            "best_stock": best,
            "similarity": {name: _rounded(vars(one)) for name, one in alike.items()},
            "words_and_sound_against": compared,
            "word_error_rate": _rounded(vars(report.word_error_rate)),
            "overall": _rounded(vars(report.overall)),
            "p808": _rounded(vars(report.p808)),
            "misheard": [vars(one) for one in report.misheard],
        }
        row["shortfalls"] = shortfalls(row)
        merge("voices", f"{piece.voice_id} {language} {bench.precision}", row)
        print(table([row]), flush=True)


def shortfalls(row: Mapping[str, Any]) -> list[str]:
    """What of the aims this row misses."""
    wanted = OWN if row["language"] == SPEAKERS[row["speaker"]].language else FOREIGN
    shares = {name: one["share"] or 0.0 for name, one in row["similarity"].items()}
    missed = [f"{name} {share:.2f} < {wanted}" for name, share in shares.items() if share < wanted]
    errors = row["word_error_rate"]
    if errors["fitted"] - errors["stock"] > MORE_ERRORS:
        missed.append(f"WER +{errors['fitted'] - errors['stock']:.1%}")
    for name in ("overall", "p808"):
        if row[name]["stock"] - row[name]["fitted"] > LOWER_SCORE:
            missed.append(f"{name} -{row[name]['stock'] - row[name]['fitted']:.2f}")
    return missed


def merge(section: str, key: str, row: Mapping[str, Any]) -> None:
    """Put one row into `results/cloning.json`; several processes may do so at once."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "cloning.json"
    lock = os.open(RESULTS, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        section_rows = dict(sorted({**held.get(section, {}), key: row}.items()))
        _write(path, {**held, "machine": machine(), section: section_rows}, indent=2)
    finally:
        os.close(lock)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown, a line a voice and language."""
    lines = [
        "| voice | speaks | best stock → fitted (ceiling), share: ResNet34 | ERes2Net | WER | DNSMOS overall | P808 "
        "| misses |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        near = [
            f"{one['before']:.2f} → {one['after']:.2f} ({one['ceiling']:.2f}), **{one['share'] or 0:.2f}**"
            for one in (row["similarity"][name] for name in ("resnet34", "eres2net"))
        ]
        errors = f"{row['word_error_rate']['stock']:.1%} → {row['word_error_rate']['fitted']:.1%}"
        scores = [f"{row[name]['stock']:.2f} → {row[name]['fitted']:.2f}" for name in ("overall", "p808")]
        voice = f"{row['speaker']}, {row['reference_s']:g} s, {row['effort']}"
        cells = [voice, row["language"], *near, errors, *scores, "; ".join(row["shortfalls"]) or "none"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The share of the way over seconds of reference, in the speaker's own language, for speakers with several."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        if row["effort"] == "default" and row["language"] == SPEAKERS[row["speaker"]].language:
            for name, one in row["similarity"].items():
                lines.setdefault(f"{row['speaker']}, {name}", []).append((row["reference_s"], one["share"]))
    curves = {name: line for name, line in lines.items() if len(line) > 1}
    if curves:
        title = "Share of the way from the best stock voice to the speaker"
        path.write_text(chart(title, "seconds of reference", curves, OWN), encoding="utf-8")
        print("drawn:", path.name)


def _named(piece: Piece) -> dict[str, Any]:
    return {"speaker": piece.speaker_id, "reference_s": piece.reference_s, "effort": piece.effort}


def _rounded(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def _row(one: Heard) -> dict[str, Any]:
    score = vars(one.score) if one.score else None
    return {"heard": one.heard, "score": score, "embeddings": {k: v.tolist() for k, v in one.embeddings.items()}}


def _heard(text: str, row: Mapping[str, Any]) -> Heard:
    score = OpinionScore(**row["score"]) if row["score"] else None
    return Heard(text, row["heard"], score, {name: np.asarray(v, np.float32) for name, v in row["embeddings"].items()})


def _write(path: Path, document: Mapping[str, Any], indent: int | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "papagaio" / "cloning"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="make the voices that are not there yet")
    parser.add_argument("--judge", action="store_true", help="measure the voices that are there")
    parser.add_argument("--table", action="store_true", help="print every measured row and draw the curve")
    parser.add_argument("--speakers", nargs="*", default=list(SPEAKERS), choices=list(SPEAKERS))
    parser.add_argument("--reference-s", nargs="*", type=float, default=[50.0])
    parser.add_argument("--effort", default="default", choices=["fast", "default", "best"])
    parser.add_argument("--languages", nargs="*", help="only these of a voice's languages")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--precision", default="int8", choices=["int8", "fp32"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--jobs", type=int, default=1, help="pieces at a time, each in a process with its share of cores"
    )
    parser.add_argument("--cache", type=Path, default=cache)
    return parser.parse_args()


def run_apart(pieces: Sequence[Piece], asked: argparse.Namespace) -> int:
    """Each piece in a process of its own, `--jobs` at a time; the number of those that failed."""
    threads = max(1, asked.threads // asked.jobs)
    common = ["--effort", asked.effort, "--sentences", str(asked.sentences), "--precision", asked.precision]
    common += ["--threads", str(threads), "--cache", str(asked.cache)]
    common += [f"--{name}" for name in ("fit", "judge") if getattr(asked, name)]
    common += ["--languages", *asked.languages] if asked.languages else []

    def start(piece: Piece) -> int:
        own = ["--speakers", piece.speaker_id, "--reference-s", f"{piece.reference_s:g}"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        return subprocess.run([sys.executable, "-m", "bench.cloning", *own, *common], env=environment).returncode

    with ThreadPoolExecutor(asked.jobs) as executor:
        return sum(code != 0 for code in executor.map(start, pieces))


def main() -> int:
    asked = arguments()
    pieces = [Piece(who, seconds, asked.effort) for seconds in asked.reference_s for who in asked.speakers]
    failed = 0
    if asked.jobs > 1:
        failed = run_apart(pieces, asked)
    elif asked.fit or asked.judge:
        bench = Bench(asked.cache, asked.precision, asked.threads)
        for piece in pieces:
            if asked.fit:
                fit(bench, piece)
            if asked.judge:
                spoken = [tag for tag in piece.languages() if not asked.languages or tag in asked.languages]
                judge(bench, piece, spoken, asked.sentences)
        bench.speaker.close()
    if asked.table:
        rows = list(json.loads((RESULTS / "cloning.json").read_text(encoding="utf-8")).get("voices", {}).values())
        print(table(rows))
        draw(rows, PICTURE)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
