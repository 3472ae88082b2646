"""What a dataset holds, in figures that were measured, and as a page with plots that needs nothing else."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from train.dataset.folder import DatasetFolder
from train.dataset.quality import counted
from train.dataset.records import DECISIONS, Sample
from train.dataset.speakers import statistics

Text = Callable[[str], str]  # a code to words for a person
PLOTTED = ("duration_s", "snr_db", "words_per_s", "bandwidth_hz", "log_probability", "mos", "speaker_similarity")
BINS = 20
BAR_WIDTH, PLOT_HEIGHT = 14, 120
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.25rem .75rem;border-bottom:1px solid #ddd;text-align:left}"
    "figure{display:inline-block;margin:1rem 1rem 0 0}figcaption{font-size:13px}rect{fill:#2b7a5b}"
)


def report(folder: DatasetFolder) -> dict[str, Any]:
    """Counts, hours, speakers, findings and histograms, as they are now."""
    samples, sources = folder.samples(), folder.sources()
    names: Mapping[str, str] = folder.description().get("speakers", {})
    used = [sample for sample in samples if sample.decision != "drop"]
    return {
        "name": folder.name,
        "language": folder.language,
        "status": status(folder, samples),
        "decisions": {decision: sum(sample.decision == decision for sample in samples) for decision in DECISIONS},
        "decided_by_person": sum(sample.decided_by == "person" for sample in samples),
        "findings": counted(samples),
        "speakers": statistics(used, names),
        "recordings": {
            "hours": round(sum(source.duration_s for source in sources) / 3600, 6),
            "failed": [
                {"id": source.source_id, "code": source.error, "reason": source.reason}
                for source in sources
                if source.error
            ],
            "speech_share": _share(samples, sum(source.duration_s for source in sources)),
        },
        "histograms": {name: histogram(values(samples, name)) for name in PLOTTED if values(samples, name)},
        "words": dict(Counter(word.lower() for sample in used for word in sample.text.split()).most_common(20)),
        "versions": list(folder.versions()),
    }


def status(folder: DatasetFolder, samples: Sequence[Sample] | None = None) -> dict[str, Any]:
    """The five figures of the page: recordings, segments, transcriptions, samples in metadata.csv, their hours."""
    found = folder.samples() if samples is None else samples
    built = folder.root / folder.options().build.name
    duration = built / "duration.json"
    lengths: Mapping[str, float] = json.loads(duration.read_text(encoding="utf-8")) if duration.is_file() else {}
    return {
        "recordings": sum(source.is_ready for source in folder.sources()),
        "segments": len(found),
        "transcriptions": sum(bool(sample.text) for sample in found),
        "samples": len(lengths),
        "hours": round(sum(lengths.values()) / 3600, 6),
    }


def quick_status(folder: DatasetFolder) -> dict[str, Any]:
    """`status` by counting lines, for a list of datasets: clips that a person split or joined are not counted."""
    segments = transcribed = 0
    if folder.manifest.is_file():
        with folder.manifest.open(encoding="utf-8") as file:
            for line in file:
                segments += 1
                transcribed += '"text": ""' not in line
    return {**status(folder, ()), "segments": segments, "transcriptions": transcribed}


def _share(samples: Sequence[Sample], recorded_s: float) -> float | None:
    """Of all that was recorded, what became clips; None before anything was."""
    return round(sum(sample.duration_s for sample in samples) / recorded_s, 4) if recorded_s else None


def values(samples: Sequence[Sample], name: str) -> list[float]:
    if name == "duration_s":
        return [sample.duration_s for sample in samples]
    return [sample.measures[name] for sample in samples if name in sample.measures]


def histogram(found: Sequence[float]) -> dict[str, Any]:
    """Counts in `BINS` equal steps, and the quartiles."""
    import numpy as np

    counts, edges = np.histogram(found, bins=BINS)
    low, middle, high = (round(float(value), 4) for value in np.percentile(found, (25, 50, 75)))
    return {
        "counts": counts.tolist(),
        "from": round(float(edges[0]), 4),
        "to": round(float(edges[-1]), 4),
        "quartiles": [low, middle, high],
    }


def page(told: Mapping[str, Any], text: Text, language: str) -> str:
    """The report as HTML; every value is escaped."""
    title = html.escape(f"{text('dataset.report.title')}: {told['name']}")
    parts = [
        f"<!doctype html><html lang='{html.escape(language)}'><meta charset='utf-8'><title>{title}</title>",
        f"<style>{STYLE}</style><h1>{title}</h1>",
        _table(text("dataset.report.status"), {text(f"dataset.status.{k}"): v for k, v in told["status"].items()}),
        _table(
            text("dataset.report.decisions"), {text(f"dataset.decision.{k}"): v for k, v in told["decisions"].items()}
        ),
        _table(text("dataset.report.findings"), {text(f"dataset.finding.{k}"): v for k, v in told["findings"].items()}),
        _table(
            text("dataset.report.speakers"),
            {name: f"{row['samples']} · {row['hours'] * 60:.1f} min" for name, row in told["speakers"].items()},
        ),
        *(_plot(text(f"dataset.measure.{name}"), found) for name, found in told["histograms"].items()),
        _table(
            text("dataset.report.failed"),
            {
                row["id"]: f"{text('dataset.source.' + row['code'])} {row['reason']}"
                for row in told["recordings"]["failed"]
            },
        ),
        "</html>",
    ]
    return "\n".join(part for part in parts if part)


def _table(title: str, rows: Mapping[str, object]) -> str:
    if not rows:
        return ""
    lines = "".join(f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in rows.items())
    return f"<h2>{html.escape(title)}</h2><table>{lines}</table>"


def _plot(title: str, found: Mapping[str, Any]) -> str:
    """Bars of a histogram, as SVG."""
    highest = max(max(found["counts"]), 1)
    bars = []
    for index, count in enumerate(found["counts"]):
        height = round(PLOT_HEIGHT * count / highest, 1)
        place = f"x='{index * BAR_WIDTH}' y='{PLOT_HEIGHT - height}' width='{BAR_WIDTH - 2}' height='{height}'"
        bars.append(f"<rect {place}><title>{count}</title></rect>")
    label = html.escape(f"{title}: {found['from']} – {found['to']} (½: {found['quartiles'][1]})")
    size = f"width='{BINS * BAR_WIDTH}' height='{PLOT_HEIGHT}' role='img' aria-label='{label}'"
    return f"<figure><svg {size}>{''.join(bars)}</svg><figcaption>{label}</figcaption></figure>"
