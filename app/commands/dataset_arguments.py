"""What `papagaio dataset` takes; what it does is in `dataset`, imported when it is called."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.commands.console import Console


def add_arguments(parser: Any) -> None:
    """To a parser of `app.cli`."""
    text = parser.console.text
    actions = parser.group()
    for name in ("new", "add", "run", "check", "report", "export", "list", "name"):
        action = parser.command(actions, name, _command(name))
        if name not in ("check", "list"):
            action.add_argument("name", help=text("cli.help.of_dataset_name"))
        if name == "new":
            action.add_argument("--language", required=True, help=text("cli.help.of_dataset_language"))
        if name == "add":
            action.add_argument("recordings", nargs="+", help=text("cli.help.of_dataset_recordings"))
            action.add_argument("--speaker", help=text("cli.help.of_dataset_speaker"))
        if name == "run":
            action.add_argument("--from", dest="stage", help=text("cli.help.of_dataset_from"))
        if name in ("check", "export"):
            action.add_argument("folder", help=text("cli.help.of_dataset_folder"))
        if name == "report":
            action.add_argument("--json", action="store_true", help=text("cli.help.of_dataset_json"))
        if name == "name":
            action.add_argument("speakers", nargs="+", help=text("cli.help.of_dataset_speakers"))


def _command(name: str) -> Callable[[argparse.Namespace, Console], int]:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands.dataset import dataset

        return dataset(name, options, console)

    return run
