"""A cloned voice as JSON: what is known of it for people and programs, and its file as base64."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.voice_files import VoiceMeta

FORMAT = "papagaio_voice"
VERSION = 1
TOLD = ("voice_id", "title", "engine", "language", "gender", "description", "created_at", "reference_s", "effort")


def voice_document(meta: VoiceMeta, file: Path | None) -> dict[str, Any]:
    """`voice` is for readers; what is brought back is `file`: null of a voice with weights of its own."""
    about = {name: getattr(meta, name) for name in TOLD}
    about |= {"consent": asdict(meta.consent), "has_weights": file is None}
    return {FORMAT: VERSION, "voice": about, "file": b64encode(file.read_bytes()).decode("ascii") if file else None}


def unpack_document(path: Path) -> None:
    """Where `path` holds such a document, the voice file in it takes its place; else nothing is done.

    Raises SpeechError `voice_file_malformed`, `voice_format_newer`, and `voice_with_weights` for one without a file.
    """
    with path.open("rb") as file:
        if file.read(1) != b"{":
            return
    try:
        document = json.loads(path.read_bytes())
        version = document[FORMAT]
        if version == VERSION and document["file"] is None:
            raise SpeechError("voice_with_weights", voice=str(document["voice"]["voice_id"])[:80])
        data = b64decode(document["file"], validate=True) if version == VERSION else b""
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise SpeechError("voice_file_malformed", path=path.name, reason=f"JSON: {str(error)[:100]}") from error
    if version != VERSION:
        raise SpeechError("voice_format_newer", path=path.name, version=str(version)[:20], known=VERSION)
    path.write_bytes(data)
