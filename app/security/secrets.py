"""Keys that a service makes for itself at its first start, in its data folder, readable by its user alone."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from app.errors import Problem

FILE = "secrets.json"
LEAST_CHARACTERS = 32


@dataclass(frozen=True)
class Secrets:
    """What signs: access tokens, and share links."""

    token_key: str
    share_key: str


def load_secrets(data_dir: Path) -> Secrets:
    """Those of the folder, made where there are none. Raises Problem `secret_weak` for a file that others can read, or
    with a key of fewer than LEAST_CHARACTERS."""
    path = data_dir / FILE
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise Problem("secret_weak", path=str(path), reason="chmod 600")
    try:
        found = Secrets(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise Problem("secret_weak", path=str(path), reason=str(error)[:200]) from error
    if any(len(key) < LEAST_CHARACTERS for key in asdict(found).values()):
        raise Problem("secret_weak", path=str(path), reason=f"< {LEAST_CHARACTERS}")
    return found


def _make(path: Path) -> None:
    """Whole or not at all; of two that make it at once, the first one's stays."""
    document = json.dumps(asdict(Secrets(secrets.token_urlsafe(48), secrets.token_urlsafe(48))))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(document)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
