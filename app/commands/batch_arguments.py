"""What `papagaio batch` takes; what it does is in `batch`, imported when it is called."""

from __future__ import annotations

import argparse
from typing import Any

from app.commands.console import Console


def add_batch_arguments(parser: Any) -> None:
    """To a parser of `app.cli`."""
    text = parser.console.text
    parser.add_argument("file", help=text("cli.help.batch_file"))
    parser.add_argument("-o", "--output", help=text("cli.help.batch_output"))
    parser.add_argument("--format", default="wav", help=text("cli.help.batch_format"))
    for name in ("language", "voice", "engine", "profile"):
        parser.add_argument(f"--{name}", help=text(f"cli.help.batch_{name}"))
    parser.option("--accept-licence")
    parser.option("--dry-run", action="store_true")
    parser.option("--json", action="store_true")


def batch(options: argparse.Namespace, console: Console) -> int:
    from app.commands.batch import batch as run

    return run(options, console)
