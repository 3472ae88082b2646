"""`papagaio models`: what weights there are, bring them, check them, and under which licence they come."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Sequence
from contextlib import closing

from app.api.page_libraries import LIBRARIES
from app.commands.console import Console
from speech.errors import SpeechError
from speech.models import PULL_COMMAND, ModelInfo, ModelStore


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
    infos = [store.info(name) for name in names]  # refuse an unknown name before anything is fetched
    _check_licence(infos, options.accept_licence)
    for name in names:
        pull(store, name, console, options.accept_licence)
    store.tidy()
    return 0


def pull(store: ModelStore, name: str, console: Console, licence: str | None = None) -> None:
    """Say what comes, how much of it and under which licence, then bring it; nothing is said of what is here.

    `licence` is what the person agrees to beforehand; else they are asked. Raises SpeechError
    `licence_not_accepted`, and what `ModelStore.pull` raises.
    """
    if store.is_installed(name):
        return
    info = store.info(name)
    if info.terms and not store.agreements.find(info.terms):
        values = {"name": name, "licence": info.terms.title, "url": info.terms.url}
        if licence == info.terms.licence or console.agrees(console.text("cli.licence.ask", **values)):
            store.agreements.record(info.terms, _who())
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
        if agreed := info.terms and store.agreements.find(info.terms):
            console.say("cli.licence.agreed", **agreed)
    return 0


def _check_licence(infos: Sequence[ModelInfo], given: str | None) -> None:
    """Raises SpeechError `unknown_licence` for a word that none of the models asks for."""
    asked = sorted({info.terms.licence for info in infos if info.terms})
    if given is not None and given not in asked:
        raise SpeechError("unknown_licence", licence=given, choices=asked or ["–"])


def _who() -> str:
    """Of the account this runs under: its name, or its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _store() -> ModelStore:
    from app.settings import load_settings

    return ModelStore(load_settings().models_path)


def _embedded() -> tuple[str, ...]:
    """What `./run studio` needs: the default engine's weights and the page's libraries."""
    from app.settings import load_settings
    from app.tasks import synthesizer_of

    settings = load_settings()
    with closing(synthesizer_of(settings)) as synthesizer:
        return (*synthesizer.models_of(synthesizer.default_engine().engine), *LIBRARIES)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
