"""The rows of `results/cloning.json`: what was measured of each voice, merged, judged against the aims and drawn."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.curve import chart
from bench.prompts import SPEAKERS
from bench.record import RESULTS, machine

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "cloning-curve.svg"
EVERYBODYS = ("en-US", "pt-BR")  # spoken by every voice, beside the speaker's own language
# What the issue asks: share of the way, rise of the word error rate, fall of the opinion scores.
OWN, FOREIGN, MORE_ERRORS, LOWER_SCORE = 0.80, 0.65, 0.02, 0.1


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

    def named(self) -> dict[str, Any]:
        return {"speaker": self.speaker_id, "reference_s": self.reference_s, "effort": self.effort}


def measured(section: str = "voices") -> dict[str, Any]:
    """The rows of a section by their keys."""
    path = RESULTS / "cloning.json"
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows: dict[str, Any] = held.get(section, {})
    return rows


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
        here = machine()
        own = {**row, "processor": here["processor"]}  # rows of one file may be of several machines
        section_rows = dict(sorted({**held.get(section, {}), key: own}.items()))
        write_whole(path, {**held, "machine": here, section: section_rows}, indent=2)
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


def write_whole(path: Path, document: Mapping[str, Any], indent: int | None = None) -> None:
    """The file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, ensure_ascii=False, indent=indent) + "\n", encoding="utf-8")
    os.replace(temporary, path)
