"""The first account: made by whoever has the one-time link that the first start printed."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from app.errors import Problem

FILE = "setup-token"


def setup_token(data_dir: Path) -> str:
    """The token of this folder, made where there is none, readable by its user alone."""
    path = data_dir / FILE
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(24))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii").strip()


def check_setup_token(data_dir: Path, given: str) -> None:
    """Raises Problem `setup_token_wrong`."""
    path = data_dir / FILE
    known = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not known or not hmac.compare_digest(known.encode(), given.encode()):
        raise Problem("setup_token_wrong")


def end_setup(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)
