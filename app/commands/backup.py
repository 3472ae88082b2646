"""`papagaio backup` and `papagaio restore`: the data folder and the database in one file."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path

from app.commands.console import Console
from speech.errors import SpeechError


def make(options: argparse.Namespace, console: Console) -> int:
    """While the service runs or not. Raises SpeechError `output_folder_missing`."""
    from app.settings import load_settings
    from app.storage.backup import back_up
    from app.storage.database import Database

    settings, file = load_settings(), Path(options.file)
    if not file.absolute().parent.is_dir():
        raise SpeechError("output_folder_missing", path=str(file.absolute().parent))
    with closing(Database(settings.url)) as database:
        database.migrate()
        made = back_up(settings, database, file, with_models=options.models)
    rows = sum(made["rows"].values())
    console.note(console.text("cli.backup.made", path=str(file), rows=rows, files=made["files"]))
    return 0


def restore(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem as `app.storage.backup.restore` does, and `data_dir_in_use` while a service runs there."""
    from app.jobs.embedded import take
    from app.settings import load_settings
    from app.storage.backup import restore as bring_back

    settings = load_settings()
    with take(settings):
        found = bring_back(settings, Path(options.file))
    rows = sum(found["rows"].values())
    console.note(console.text("cli.backup.restored", path=str(settings.data_dir), rows=rows, files=found["files"]))
    return 0
