"""`papagaio dictionary`: the pronunciation dictionary, without the service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from speech.errors import SpeechError
from speech.text.dictionary import NO_ENTRIES, Dictionary, Entry, to_csv

if TYPE_CHECKING:
    from app.settings import Settings
    from app.storage.pronunciations import PronunciationStore, StoredEntry


def stored_dictionary(settings: Settings) -> Dictionary:
    """The entries in the data folder; none where no service and no entry has made one."""
    if not settings.data_dir.is_dir():
        return NO_ENTRIES
    with _store(settings) as store:
        return store.dictionary()


def list_entries(options: argparse.Namespace, console: Console) -> int:
    with _own_store() as store:
        entries, total = store.page(options.search or "", 500, 0)
    for stored in entries:
        console.line(_line(stored))
    console.say("dictionary.total", shown=len(entries), total=total)
    return 0


def add_entry(options: argparse.Namespace, console: Console) -> int:
    entry = Entry(
        options.written,
        options.spoken or "",
        options.phonemes or "",
        options.language or "",
        options.voice or "",
        options.pattern,
    )
    with _own_store() as store:
        console.line(_line(store.add(entry)))
    return 0


def delete_entry(options: argparse.Namespace, console: Console) -> int:
    with _own_store() as store:
        store.delete(int(options.entry))
    return 0


def export_entries(options: argparse.Namespace, console: Console) -> int:
    with _own_store() as store:
        text = to_csv(store.all())
    if options.output == "-":
        sys.stdout.write(text)
        return 0
    try:
        Path(options.output).write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise SpeechError("output_unwritable", path=options.output, reason=error.strerror or str(error)) from error
    return 0


def import_entries(options: argparse.Namespace, console: Console) -> int:
    from app.dictionary_csv import entries_of

    try:
        data = Path(options.file).read_bytes()
    except OSError as error:
        raise SpeechError("input_unreadable", path=options.file, reason=error.strerror or str(error)) from error
    entries = entries_of(data, console.language)
    with _own_store() as store:
        total = store.bring_in(entries, options.replace)
    console.say("dictionary.imported", count=len(entries), total=total)
    return 0


@contextmanager
def _own_store() -> Iterator[PronunciationStore]:
    from app.settings import load_settings

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with _store(settings) as store:
        yield store


@contextmanager
def _store(settings: Settings) -> Iterator[PronunciationStore]:
    from app.storage.database import Database
    from app.storage.pronunciations import PronunciationStore

    with closing(Database(settings.url)) as database:
        database.migrate()
        yield PronunciationStore(database)


def _line(stored: StoredEntry) -> str:
    entry = stored.entry
    said = " ".join(filter(None, (entry.spoken, f"/{entry.phonemes}/" if entry.phonemes else "")))
    scope = ", ".join(filter(None, (entry.language, entry.voice)))
    written = f"re: {entry.written}" if entry.is_pattern else entry.written
    return f"{stored.entry_id:>6}  {written} → {said}" + (f"  ({scope})" if scope else "")
