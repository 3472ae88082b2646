"""`papagaio models`: what weights there are, bring them, check them, and under which licence they come."""

from __future__ import annotations

import argparse
from contextlib import closing

from app.commands.console import Console
from speech.models import PULL_COMMAND, ModelStore

PAGE = "bootstrap"  # what the page is drawn with


def list_models(options: argparse.Namespace, console: Console) -> int:
    store = _store()
    rows: list[tuple[str, ...]] = []
    for name in store.names():
        info = store.info(name)
        state = console.text("cli.models.installed" if store.is_installed(name) else "cli.models.missing")
        rows.append((name, state, f"{info.size_bytes / 1e6:.1f} MB", info.licence, info.purpose[console.language]))
    for row in _columns(rows):
        console.line(row)
    return 0


def pull_models(options: argparse.Namespace, console: Console) -> int:
    store = _store()
    names = tuple(options.names) or _embedded()
    for name in names:
        store.info(name)  # refuse an unknown name before anything is fetched
    for name in names:
        pull(store, name, console)
    store.tidy()
    return 0


def pull(store: ModelStore, name: str, console: Console) -> None:
    """Say what comes, how much of it and under which licence, then bring it; nothing is said of what is here."""
    if store.is_installed(name):
        return
    info = store.info(name)
    megabytes = f"{info.size_bytes / 1e6:.1f}"
    values = {"name": name, "title": info.title, "megabytes": megabytes, "licence": info.licence}
    console.note(console.text("cli.pull.begins", **values))
    store.pull(name, console.pulled)


def verify_models(options: argparse.Namespace, console: Console) -> int:
    store = _store()
    names = tuple(options.names) or tuple(name for name in store.names() if (store.root / name).is_dir())
    worst = 0
    for name in names:
        damaged = store.verify(name)
        if damaged:
            worst = 1
            console.say("cli.models.damaged", name=name, files=damaged, command=PULL_COMMAND.format(name=name))
        else:
            console.say("cli.models.sound", name=name)
    if not names:
        console.say("cli.models.none", path=str(store.root))
    return worst


def licences(options: argparse.Namespace, console: Console) -> int:
    store = _store()
    for info in map(store.info, store.names()):
        console.line(f"{info.name}: {info.title}, {info.licence}. {info.licence_note[console.language]}")
    return 0


def _store() -> ModelStore:
    from app.settings import load_settings

    return ModelStore(load_settings().models_path)


def _embedded() -> tuple[str, ...]:
    """What `./run studio` needs: the default engine's weights and the page's library."""
    from app.settings import load_settings
    from app.tasks import speaker_of

    settings = load_settings()
    with closing(speaker_of(settings)) as speaker:
        return (*speaker.models_of(settings.default_engine), PAGE)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
