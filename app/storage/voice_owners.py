"""Whose a voice is: a file in its folder, which comes and goes with it, and which no export holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.callers import LOCAL, Caller
from app.storage.database import Database
from app.storage.rvc_models import RvcModelStore
from speech.voices import Voice

OWNER = "owner"


def set_owner(folder: Path, user_id: str) -> None:
    """Of the voice in `folder`; until then it is the first account's alone."""
    (folder / OWNER).write_text(user_id, encoding="utf-8")


def owner_of(folder: Path) -> str:
    """A voice that was made before there were accounts, or on the command line, is the first account's."""
    try:
        return (folder / OWNER).read_text(encoding="utf-8").strip() or LOCAL.user_id
    except OSError:
        return LOCAL.user_id


@dataclass(frozen=True)
class VoiceScope:
    """Which voices `caller` may know of: those of the engines, their own fitted ones, their own models of RVC."""

    voices_dir: Path
    database: Database
    caller: Caller

    def __call__(self, voice: Voice) -> bool:
        if voice.is_stock or self.caller.is_admin:
            return True
        folder = self.voices_dir / voice.voice_id
        if folder.is_dir():
            return self.caller.may_see(owner_of(folder))
        return RvcModelStore(self.database, self.caller).has(voice.voice_id)
