"""What happened to a training, as lines of a log in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from app.api.times import iso
from app.jobs.events import Event, EventLog
from app.texts import catalogue, render

Level = Literal["debug", "info", "warning", "error"]
ORDER: tuple[Level, ...] = ("debug", "info", "warning", "error")
REFUSED = "training.refused."
LATER = ("judged_later", "judged_later_memory")
UNLOADED = "engines_unloaded"
PAGE = 500  # events that are read at a time


class LogLine(BaseModel):
    id: int  # grows
    at: str | None
    level: Level
    kind: str
    text: str  # in the reader's language
    data: dict[str, Any]


def last_lines(log: EventLog, job_id: str, least: Level, language: str, count: int, after: int) -> list[LogLine]:
    """As `log_lines`, the last `count` of a job's, with ids greater than `after`.

    Read from the end: a long training has an event a step, and a reader asks again every second or two.
    """
    lines: list[LogLine] = []
    first: int | None = None  # id of the earliest event that was read
    while len(lines) < count and (page := log.newest(job_id, None, PAGE, after, first)):
        first = page[-1].id
        begun = log.newest(job_id, "job.progress", 1, before=first)  # the stage that is told already
        told = log_lines([*begun, *reversed(page)], least, language)
        lines = [line for line in told if line.id >= first] + lines
    return lines[-count:]


def log_lines(events: Iterable[Event], least: Level, language: str) -> list[LogLine]:
    """Of `least` and what is graver, oldest first. Progress is told where a stage begins, metrics of validations as
    `info`, those of steps as `debug`, clips that are left out as `warning`."""
    lines: list[LogLine] = []
    stage = ""
    for event in events:
        data = dict(event.data)
        if event.kind == "job.progress":
            if data.get("note", "") in ("", stage):
                continue
            stage = data["note"]
        level, text = _told(event.kind, data, language)
        if ORDER.index(level) >= ORDER.index(least):
            at = iso(event.created_at)
            lines.append(LogLine(id=event.id, at=at, level=level, kind=event.kind, text=text, data=data))
    return lines


def _told(kind: str, data: Mapping[str, Any], language: str) -> tuple[Level, str]:
    name = kind.removeprefix("job.")
    if name == "progress":
        return "info", render(data["note"], language, {})
    if name == "metric":
        return _measured(data["step"], data["values"], language)
    if name == "log":
        return _said(data["text"], language)
    if name == "failed":
        error = data.get("error") or data
        return "error", render(f"error.{error['code']}", language, error.get("values", {}))
    return ("warning" if name == "retried" else "info"), render(f"training.log.{name}", language, {})


def _said(text: str, language: str) -> tuple[Level, str]:
    """A clip that is left out is told as its id and the reason's code, and so is what was not judged."""
    clip, _, code = text.rpartition(": ")
    if code in LATER:
        return "warning", render(f"training.log.{code}", language, {"reason": clip})
    if code == UNLOADED:
        return "info", render(f"training.log.{code}", language, {"engines": clip})
    if f"{REFUSED}{code}" not in catalogue(language):
        return "info", text
    values = {"clip": clip, "reason": render(f"{REFUSED}{code}", language, {})}
    return "warning", render("training.log.left_out", language, values)


def _measured(step: int, values: Mapping[str, float], language: str) -> tuple[Level, str]:
    if "held_out_loss" in values:
        figures = {"step": step, "loss": _figure(values["held_out_loss"], language)}
        return "info", render("training.log.validated", language, figures)
    if "skipped" in values:
        return "warning", render("training.log.skipped", language, {"step": step, "count": round(values["skipped"])})
    figures = {"step": step} | {name: _figure(values[name], language) for name in ("loss", "rate")}
    return "debug", render("training.log.step", language, figures)


def _figure(value: float, language: str) -> str:
    shown = f"{value:.4g}"
    return shown.replace(".", ",") if language == "pt-BR" else shown
