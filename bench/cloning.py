"""How near fitted voices come to five real speakers, at what cost in words and sound.

    python -m bench.cloning --fit --judge [--speakers carlo_it …] [--reference-s 10 50 …] [--effort default] [--jobs 2]

`--fit` makes the voices (kept in the user's cache), `--judge` measures those that are there, `--table` prints what
was measured so far and draws the curve. Every piece is merged into `results/cloning.json` when it is done, so a run
that was killed goes on where it stopped. Judges: two encoders that no fit uses, Whisper base, DNSMOS; the best stock
voice is each judge's own best of all, and the ceiling twelve held-out recordings among themselves. A fit does not
change stock voices: `--known-stock` takes their figures from a row that has them for the same sentences. Recordings
that reach less far than the judges hear (Menardi's) are compared up to there, unless `--whole-band` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.cloning_ears import SpeechModels, Stock, stock_of
from bench.cloning_rows import PICTURE, Piece, draw, measured, merge, shortfalls, table
from bench.prompts import SPEAKERS, Prompts, prompts
from speech.analysis.quality import bandwidth_hz
from speech.audio import save
from speech.errors import SpeechError
from speech.voice_files import Consent
from train.kokoro.report import compared_up_to, summary
from train.manifest import Clip, Manifest
from train.progress import NullReporter

WHOLE_BAND = " whole band"  # ends the key of such a row
SENTENCES = Path(__file__).with_name("cloning_sentences.json")
CONSENT = (
    "Recordings published under CC-BY-SA or GPL as Debian packages; this voice serves a benchmark and is not kept."
)


class Progress(NullReporter):
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


def fit(ears: SpeechModels, piece: Piece) -> None:
    """Fit one voice, unless it is there."""
    from train.cloning import CloneOptions, clone

    try:
        ears.library.get(piece.voice_id)
        return
    except SpeechError as error:
        if error.code != "unknown_voice":
            raise
    found = prompts(piece.speaker_id, piece.reference_s)
    work = ears.cache / "work" / piece.voice_id
    is_resumed = (work / "fit").exists()  # then this call took only the rest of it
    manifest = as_manifest(found, work)
    options = CloneOptions(
        voice_id=piece.voice_id,
        title=piece.voice_id,
        language=found.language,
        consent=Consent(CONSENT, datetime.now(UTC).isoformat(timespec="seconds")),
        effort=piece.effort,
    )
    started = time.monotonic()
    clone(work, manifest, options, ears.store, ears.library, work / "fit", Progress(piece.voice_id))
    took_s = None if is_resumed else round(time.monotonic() - started, 1)
    row = {**piece.named(), "clips": len(manifest.clips), "given_s": round(manifest.duration_s, 1), "took_s": took_s}
    merge("fits", piece.voice_id, {**row, "threads": ears.threads})


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
                recognized_text=text,
                language=found.language,
                measures={"bandwidth_hz": bandwidth_hz(audio)},
                findings=(),
            )
        )
    manifest = Manifest(tuple(clips))
    manifest.save(folder / "manifest.jsonl")
    return manifest


def judge(ears: SpeechModels, piece: Piece, language: str, asked: argparse.Namespace) -> None:
    """Measure one voice in one language, against each judge's best stock voice.

    Words and sound are compared with the stock voice that the fit started from.
    """
    report = ears.library.get(piece.voice_id).report
    top_hz = None if asked.whole_band else compared_up_to(report["fit"]["top_hz"])
    targets = ears.targets(prompts(piece.speaker_id, piece.reference_s), top_hz)
    texts = json.loads(SENTENCES.read_text(encoding="utf-8"))[language][: asked.sentences]
    key = f"{piece.voice_id} {language} {ears.precision}" + (WHOLE_BAND if asked.whole_band else "")
    shown = {
        **piece.named(),
        "language": language,
        "precision": ears.precision,
        "sentences": len(texts),
        "compared_up_to_hz": top_hz,
        "words_and_sound_against": str(report["stock_voice"]),
    }
    stock = _known_stock(shown) if asked.known_stock else None
    if stock is None:
        stock = stock_of(ears, language, texts, targets, shown["words_and_sound_against"], top_hz)
    fitted = ears.heard(piece.voice_id, language, texts, ears.judges, top_hz)
    found = summary(language, targets, fitted, fitted)
    row = {**shown, **stock.beside(found, targets), "misheard": [[one.text, one.fitted] for one in found.misheard]}
    row["shortfalls"] = shortfalls(row)
    merge("voices", key, row)
    print(table([row]), flush=True)


def _known_stock(shown: Mapping[str, Any]) -> Stock | None:
    """From a row of the same speaker, whose held-out clips are the same whatever the fit."""
    asked = {name: value for name, value in shown.items() if name not in ("reference_s", "effort")}
    for row in measured().values():
        if all(row.get(name) == value for name, value in asked.items()):
            return Stock.of_row(row)
    return None


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
    parser.add_argument("--known-stock", action="store_true", help="stock voices' figures from a row that is there")
    parser.add_argument("--whole-band", action="store_true", help="likeness over all that the judges hear")
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
    flags = ("fit", "judge", "known-stock", "whole-band")
    common += [f"--{name}" for name in flags if getattr(asked, name.replace("-", "_"))]
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
        ears = SpeechModels(asked.cache, asked.precision, asked.threads)
        for piece in pieces:
            if asked.fit:
                fit(ears, piece)
            if asked.judge:
                for language in piece.languages():
                    if not asked.languages or language in asked.languages:
                        judge(ears, piece, language, asked)
    if asked.table:
        rows = measured()
        print(table(list(rows.values())))
        draw([row for key, row in rows.items() if not key.endswith(WHOLE_BAND)], PICTURE)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
