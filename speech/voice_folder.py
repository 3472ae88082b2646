"""The folder of voices that were made here or brought in, as it is read.

A voice's folder has the neutral part, which outlives every engine (`voice.json` and `clips/*.flac`), what engines made
of it (`parts/<engine>-<checkpoint>.safetensors`, each a voice file of format 1), fine-tuned weights of its own
(`weights/<hash>/`), what can be heard (`samples/*.wav`), and the figures of its fit to a dataset
(`training/curve.jsonl` and TensorBoard's events). A folder of format 1 has one `voice.safetensors` and
`samples`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from speech.audio import Audio, load
from speech.errors import SpeechError
from speech.voice_files import VoiceDocument, VoiceMeta, clips_s, read_document
from speech.voices import Voice

DOCUMENT, CLIPS, PARTS, SAMPLES, WEIGHTS = "voice.json", "clips", "parts", "samples", "weights"
TRAINING, CURVE, EVENTS = "training", "curve.jsonl", "tensorboard"  # CURVE and EVENTS in TRAINING
OLD_FILE = "voice.safetensors"  # all of a voice of format 1 but its samples
VOICE_ID = re.compile(r"[a-z][a-z0-9_]{1,39}")
CLIP_FILE = re.compile(r"[0-9]{3}\.flac")
MAX_DOCUMENT_BYTES = 1 << 20
Stamp = tuple[str, int, int, int]


@dataclass(frozen=True, eq=False)
class SpokenClip:
    """A clip of a voice in memory; `text` "" where nobody knows it."""

    audio: Audio
    text: str


class VoiceFolder:
    """Reading is safe while another process adds or deletes: folders appear and leave whole."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def list(self) -> tuple[VoiceMeta, ...]:
        """Every voice that can be read, by id; `damaged` has the others."""
        return tuple(document.meta for document in self.documents())

    def documents(self) -> tuple[VoiceDocument, ...]:
        """As `list`."""
        return tuple(document for _, document in self._read() if isinstance(document, VoiceDocument))

    def damaged(self) -> Mapping[str, SpeechError]:
        """Voices that cannot be read, and why."""
        return {voice_id: error for voice_id, error in self._read() if isinstance(error, SpeechError)}

    def get(self, voice_id: str) -> VoiceMeta:
        """Raises SpeechError `unknown_voice`, `voice_file_malformed`, `voice_format_newer`."""
        return self.document(voice_id).meta

    def document(self, voice_id: str) -> VoiceDocument:
        """As `get`; the part of the engine that the voice was made for is looked at as well."""
        folder = self.folder(voice_id)
        path = folder / DOCUMENT
        if path.is_file():
            if path.stat().st_size > MAX_DOCUMENT_BYTES:
                raise SpeechError("voice_file_malformed", path=path.name, reason="too large")
            document = VoiceDocument.from_json(path.read_text(encoding="utf-8", errors="replace"), path.name)
            parts = self.parts(voice_id)
            if document.meta.engine in parts:
                read_document(parts[document.meta.engine])
        else:
            document = read_document(folder / OLD_FILE)
        return replace(document, meta=replace(document.meta, voice_id=voice_id))

    def folder(self, voice_id: str) -> Path:
        """Raises SpeechError `unknown_voice`."""
        folder = self._root / voice_id
        if not VOICE_ID.fullmatch(voice_id) or not any((folder / name).is_file() for name in (DOCUMENT, OLD_FILE)):
            raise SpeechError("unknown_voice", voice=voice_id, engine="fitted", choices=list(self._ids()))
        return folder

    def parts(self, voice_id: str) -> Mapping[str, Path]:
        """Engine to the file of what it made of the voice; of several checkpoints the one made last.

        Raises SpeechError `unknown_voice`, and of a voice of format 1 what reading it raises.
        """
        folder = self.folder(voice_id)
        if not (folder / DOCUMENT).is_file():
            return {read_document(folder / OLD_FILE).meta.engine: folder / OLD_FILE}
        made = sorted((folder / PARTS).glob("*.safetensors"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return {path.stem.rpartition("-")[0]: path for path in made}

    def weights(self, voice_id: str) -> Path | None:
        """Folder of the weights that the voice has of its own, named after their hash; None where it has none.

        Raises SpeechError `unknown_voice`.
        """
        return next(iter(sorted((self.folder(voice_id) / WEIGHTS).glob("*"))), None)

    def path(self, voice_id: str, engine: str | None = None) -> Path:
        """What `engine` made of the voice; None: the engine that it was made for.

        Raises SpeechError `unknown_voice`, `voice_part_missing`.
        """
        parts = self.parts(voice_id)
        wanted = engine or (self.document(voice_id).meta.engine if len(parts) != 1 else next(iter(parts)))
        if wanted not in parts:
            raise SpeechError("voice_part_missing", voice=voice_id, engine=wanted, choices=list(parts))
        return parts[wanted]

    def clips(self, voice_id: str) -> tuple[SpokenClip, ...]:
        """What the voice comes from, the best first; none of a voice that brought none.

        Raises SpeechError `unknown_voice`, `audio_unreadable`, and what `document` raises.
        """
        folder = self.folder(voice_id) / CLIPS
        return tuple(SpokenClip(load(folder / clip.file), clip.text) for clip in self.document(voice_id).clips)

    def stamp(self) -> tuple[Stamp, ...]:
        """Changes when a voice is added, changed or deleted: its id, latest time, bytes and inode."""
        found = []
        for voice_id in self._ids():
            folder = self._root / voice_id
            try:
                paths = [folder / DOCUMENT, *sorted((folder / PARTS).glob("*.safetensors"))]
                states = [path.stat() for path in (paths if paths[0].is_file() else [folder / OLD_FILE])]
            except OSError:
                continue
            latest, size = max(state.st_mtime_ns for state in states), sum(state.st_size for state in states)
            found.append((voice_id, latest, size, states[-1].st_ino))
        return tuple(found)

    def _ids(self) -> tuple[str, ...]:
        try:
            return tuple(sorted(name for name in os.listdir(self._root) if VOICE_ID.fullmatch(name)))
        except (FileNotFoundError, NotADirectoryError):
            return ()

    def _read(self) -> Iterator[tuple[str, VoiceDocument | SpeechError]]:
        for voice_id in self._ids():
            try:
                yield voice_id, self.document(voice_id)
            except SpeechError as error:
                if error.code != "unknown_voice":
                    yield voice_id, error


class ListedVoices:
    """The voices that one engine can speak, as they are now; read again when a file came, went or changed.

    Those that have a part of the engine, and those with `least_clips_s` seconds of clips where that is not None.
    """

    def __init__(self, folder: VoiceFolder, engine: str, least_clips_s: float | None = None) -> None:
        self._folder, self._engine, self._least_clips_s = folder, engine, least_clips_s
        self._listed: tuple[tuple[Stamp, ...], tuple[Voice, ...]] = ((), ())

    def voices(self) -> tuple[Voice, ...]:
        stamp = self._folder.stamp()
        listed, voices = self._listed
        if listed != stamp:
            voices = tuple(self._voice(one) for one in self._folder.documents() if self._speaks(one))
            self._listed = (stamp, voices)
        return voices

    def _speaks(self, document: VoiceDocument) -> bool:
        if self._least_clips_s is not None and clips_s(document.clips) >= self._least_clips_s:
            return True
        try:
            return self._engine in self._folder.parts(document.meta.voice_id)
        except SpeechError:  # it went while it was looked at
            return False

    def _voice(self, document: VoiceDocument) -> Voice:
        meta = document.meta
        weights = self._folder.weights(meta.voice_id) if meta.engine == self._engine else None
        return Voice(
            meta.voice_id,
            self._engine,
            meta.language,
            meta.gender,
            meta.title,
            is_stock=False,
            shape=document.shape,
            made_for=meta.engine,
            weights=str(weights or ""),
        )
