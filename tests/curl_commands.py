"""The curl lines of a document, asked of a test client as they stand."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

METHODS = {"-X", "--request"}


@dataclass
class Curl:
    """What one line asks; `output` is the file its answer goes to."""

    method: str = "GET"
    path: str = ""
    output: str = ""
    options: dict[str, Any] = field(default_factory=dict)  # of the client's `request`


def curls(document: Path, section: str) -> list[str]:
    """Lines that begin with curl in the shell blocks below the heading `section`, in their order."""
    text = document.read_text(encoding="utf-8").split(f"\n{section}")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]


def parsed(line: str, folder: Path) -> Curl:
    """Raises AssertionError for an option that is not known here; files are of `folder`."""
    words = iter(shlex.split(line)[1:])
    found = Curl()
    for word in words:
        if word in METHODS:
            found.method = next(words)
        elif word == "-d":
            found.options["json"] = json.loads(next(words))
        elif word == "-F":
            name, _, value = next(words).partition("=")
            kind, sent = ("files", (folder / value[1:]).read_bytes()) if value.startswith("@") else ("data", value)
            found.options.setdefault(kind, {})[name] = (value[1:], sent) if kind == "files" else sent
        elif word == "-o":
            found.output = next(words)
        elif word == "-H":
            assert next(words) == "Content-Type: application/json"
        elif word.startswith("http://127.0.0.1:8005/"):
            found.path = word.removeprefix("http://127.0.0.1:8005")
        else:
            assert word == "-s", word
    if found.options and found.method == "GET":
        found.method = "POST"
    return found
