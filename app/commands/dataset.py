"""`papagaio dataset`: recordings become a dataset, without the service. Ended early, the same command goes on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.commands.clone import PAUSED, Terminal
from app.commands.console import Console
from app.tasks.dataset_service import DatasetService
from train.progress import Stopped

if TYPE_CHECKING:
    from train.dataset.folder import DatasetFolder


def dataset(action: str, options: argparse.Namespace, console: Console) -> int:
    """One of `ACTIONS`. Raises SpeechError, Problem `datasets_not_installed`."""
    from app.settings import load_settings
    from speech.models import ModelStore

    settings = load_settings()
    service = DatasetService(ModelStore(settings.models_path), settings.datasets_path, settings.dataset_hosts)
    return ACTIONS[action](service, options, console)


def new(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    folder = service.create(options.name, options.language)
    console.say("cli.dataset.made", name=folder.name, path=folder.root)
    return 0


def add(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    """A bad item is one line; the others are taken in all the same."""
    folder, failed = service.open(options.name), 0
    with _listening(service, console) as reporter:
        for what in options.recordings:
            try:
                made = service.add(folder, what, reporter, options.speaker or "")
            except Stopped:
                return PAUSED
            failed += sum(bool(source.error) for source in made)
            for source in made:
                _tell_failure(console, source)
            ready = sum(source.is_ready for source in made)
            console.say("cli.dataset.added", what=what, ready=ready, waiting=len(made) - ready)
    return int(bool(failed))


def _tell_failure(console: Console, source: Any) -> None:
    if source.error:
        reason = console.text(f"dataset.source.{source.error}")
        console.note(f"{source.source_id}: {reason} ({source.reason})")


def run(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    service.check()
    folder = service.open(options.name)
    with _listening(service, console) as reporter:
        try:
            done = service.run(folder, reporter, options.stage or "download")
        except Stopped:
            console.note(console.text("cli.dataset.paused"))
            return PAUSED
    for source in folder.sources():
        _tell_failure(console, source)
    for name, seconds in done.seconds.items():
        console.line(f"{console.text(f'dataset.stage.{name}'):<28} {seconds:8.1f} s")
    _summary(folder, console)
    return 0


class _listening:
    """The terminal's reporter, which Ctrl-C asks to stop."""

    def __init__(self, service: DatasetService, console: Console) -> None:
        self._reporter = Terminal(console, service.root / ".samples")
        self._context = self._reporter.listening()

    def __enter__(self) -> Terminal:
        self._context.__enter__()
        return self._reporter

    def __exit__(self, *error: Any) -> None:
        self._context.__exit__(*error)


def _summary(folder: DatasetFolder, console: Console) -> None:
    from train.dataset.report import report

    told = report(folder)
    for name, value in told["status"].items():
        console.line(f"{console.text(f'dataset.status.{name}'):<28} {value:>10}")
    for name, value in told["decisions"].items():
        console.line(f"{console.text(f'dataset.decision.{name}'):<28} {value:>10}")
    for name, value in told["findings"].items():
        console.line(f"  {console.text(f'dataset.finding.{name}'):<40} {value:>6}")
    for name, row in told["speakers"].items():
        console.line(f"  {name:<40} {row['samples']:>6}  {60 * row['hours']:.1f} min")


def check(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    from train.dataset.build import check as problems_of

    problems = problems_of(Path(options.folder))
    for problem in problems:
        console.line(problem)
    if not problems:
        console.say("cli.dataset.good", path=options.folder)
    return int(bool(problems))


def report(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    """The figures; beside them `report.html`, or all of it as JSON."""
    from speech.files import write_whole
    from train.dataset.report import page
    from train.dataset.report import report as figures

    folder = service.open(options.name)
    told = figures(folder)
    if options.json:
        console.line(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    path = folder.root / "report.html"
    write_whole(path, page(told, console.text, console.language))
    _summary(folder, console)
    console.line(str(path))
    return 0


def export(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    from train.dataset.build import export as copied

    folder = service.open(options.name)
    console.line(str(copied(folder, folder.options().build, Path(options.folder))))
    return 0


def names(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    from train.dataset.report import status

    for name in service.names():
        folder = service.open(name)
        told = status(folder)
        console.line(f"{name:<32} {folder.language:<6} {told['samples']:>6.0f} {60 * told['hours']:8.1f} min")
    return 0


def rename(service: DatasetService, options: argparse.Namespace, console: Console) -> int:
    """`A=Ana`: names for speakers that were told apart. Raises SpeechError `bad_argument`."""
    from speech.errors import SpeechError
    from train.dataset.speakers import rename as renamed

    folder = service.open(options.name)
    known = sorted({sample.speaker for sample in folder.samples()})
    pairs = dict(pair.partition("=")[::2] for pair in options.speakers)
    if unknown := [each for each, name in pairs.items() if each not in known or not name]:
        raise SpeechError("bad_argument", reason=", ".join(unknown), choices=[f"{each}=…" for each in known])
    renamed(folder, pairs)
    return 0


ACTIONS = {
    "new": new,
    "add": add,
    "run": run,
    "check": check,
    "report": report,
    "export": export,
    "list": names,
    "name": rename,
}
