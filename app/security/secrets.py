"""Keys that a service makes for itself at its first start, in its data folder, readable by its user alone."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.errors import Problem

FILE = "secrets.json"
LEAST_CHARACTERS = 32
FIRST_ID = "1"  # of a token key whose file names none


@dataclass(frozen=True)
class OldKey:
    """A token key that signs no more; `ends_at`: when the last token of it has ended (seconds of the epoch)."""

    key: str
    ends_at: float


@dataclass(frozen=True)
class Secrets:
    """What signs: access tokens, and share links. `old_token_keys`: by their ids."""

    token_key: str
    share_key: str
    token_key_id: str = FIRST_ID
    old_token_keys: Mapping[str, OldKey] = field(default_factory=dict)

    def token_keys(self) -> dict[str, str]:
        """Keys whose tokens are taken now, by their ids."""
        old = {name: old.key for name, old in self.old_token_keys.items() if old.ends_at > time.time()}
        return {**old, self.token_key_id: self.token_key}


class SecretsFile:
    """The secrets of a data folder; what another process changes in the file is seen at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], Secrets] | None = None
        self.now()

    def now(self) -> Secrets:
        """Raises Problem `secret_weak`."""
        about = self._path.stat()
        mark = about.st_ino, about.st_ctime_ns
        if self._read is None or self._read[0] != mark:
            self._read = mark, _loaded(self._path)
        return self._read[1]

    @property
    def share_key(self) -> str:
        return self.now().share_key


def load_secrets(data_dir: Path) -> SecretsFile:
    """Those of the folder, made where there are none. Raises Problem `secret_weak` for a file that others can read, or
    with a key of fewer than LEAST_CHARACTERS."""
    path = data_dir / FILE
    if not path.exists():
        _make(path)
    return SecretsFile(path)


def rotate_token_key(data_dir: Path, accepted_s: float) -> Secrets:
    """A new key signs access tokens from now on; those of the one before are taken for `accepted_s` seconds more, and
    those of older ones as long as was said then. Raises Problem `secret_weak`."""
    found, now = load_secrets(data_dir).now(), time.time()
    old = {name: one for name, one in found.old_token_keys.items() if one.ends_at > now}
    if accepted_s > 0:
        old[found.token_key_id] = OldKey(found.token_key, now + accepted_s)
    made = replace(found, token_key=secrets.token_urlsafe(48), token_key_id=secrets.token_hex(4), old_token_keys=old)
    temporary = _written(data_dir / FILE, made)
    os.replace(temporary, data_dir / FILE)
    return made


def _loaded(path: Path) -> Secrets:
    if path.stat().st_mode & 0o077:
        raise Problem("secret_weak", path=str(path), reason="chmod 600")
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        old = {name: OldKey(**one) for name, one in document.pop("old_token_keys", {}).items()}
        found = Secrets(**document, old_token_keys=old)
    except (ValueError, TypeError, AttributeError) as error:
        raise Problem("secret_weak", path=str(path), reason=str(error)[:200]) from error
    if any(len(key) < LEAST_CHARACTERS for key in (found.token_key, found.share_key)):
        raise Problem("secret_weak", path=str(path), reason=f"< {LEAST_CHARACTERS}")
    return found


def _make(path: Path) -> None:
    """Whole or not at all; of two that make it at once, the first one's stays."""
    temporary = _written(path, Secrets(secrets.token_urlsafe(48), secrets.token_urlsafe(48), secrets.token_hex(4)))
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _written(path: Path, made: Secrets) -> Path:
    """A file beside `path` that only its user reads, on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(made), file)
        file.flush()
        os.fsync(file.fileno())
    return temporary
