"""The words of `papagaio morph`; what it does is imported when it is called."""

from __future__ import annotations

import argparse
from typing import Any

from app.commands.console import Console


def add_morph_arguments(parser: Any) -> None:
    """To a parser of `app.cli`."""
    text = parser.console.text
    weight = text("cli.help.voice_weight")
    parser.add_argument("weights", nargs="+", metavar=weight, help=text("cli.help.morph_weights"))
    for name in ("prosody", "to"):
        parser.add_argument(f"--{name}", nargs="+", metavar=weight, help=text(f"cli.help.morph_{name}"))
    parser.add_argument("--method", default="linear", help=text("cli.help.morph_method"))
    for name in ("pitch", "speed", "tone"):
        parser.add_argument(f"--{name}", type=float, help=text(f"cli.help.morph_{name}"))
    for name in ("name", "text"):
        parser.add_argument(f"--{name}", help=text(f"cli.help.morph_{name}"))
    parser.option("-o", "--output")
    parser.option("--language")
    parser.option("--engine")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace, console: Console) -> int:
    from app.commands.morph import morph

    return morph(options, console)
