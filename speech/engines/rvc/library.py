"""Voices of RVC on this machine: a folder each, of our own copies. No torch.

    ID/model.safetensors  [ID/index.safetensors]  ID/model.json   which says the title, and is written last
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from speech.engines.rvc.record import CONVERTER
from speech.errors import SpeechError
from speech.voices import MANY_LANGUAGES, Voice

MODEL, INDEX, ABOUT = "model.safetensors", "index.safetensors", "model.json"


@dataclass(frozen=True)
class RvcLibrary:
    """Folders below `root`, which need not be there."""

    root: Path

    def voices(self) -> tuple[Voice, ...]:
        """By title."""
        found = []
        for about in sorted(self.root.glob(f"*/{ABOUT}")):
            title = str(json.loads(about.read_text(encoding="utf-8")).get("title", about.parent.name))
            found.append(Voice(about.parent.name, CONVERTER, MANY_LANGUAGES, "unknown", title, is_stock=False))
        return tuple(sorted(found, key=lambda voice: (voice.title.lower(), voice.voice_id)))

    def folder(self, voice_id: str) -> Path:
        """Raises SpeechError `unknown_voice` with the choices."""
        ids = [voice.voice_id for voice in self.voices()]
        if voice_id not in ids:
            raise SpeechError("unknown_voice", voice=voice_id[:80], choices=ids)
        return self.root / voice_id

    def publish(self, made: Path, voice_id: str, title: str) -> None:
        """Take in a folder with a model in it, whole or not at all."""
        (made / ABOUT).write_text(json.dumps({"title": title}, ensure_ascii=False), encoding="utf-8")
        self.root.mkdir(parents=True, exist_ok=True)
        made.rename(self.root / voice_id)

    def delete(self, voice_id: str) -> None:
        folder = self.root / voice_id
        (folder / ABOUT).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
