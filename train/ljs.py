"""A dataset in LJSpeech's layout as clips: `metadata_train.csv` and `metadata_val.csv`, or `metadata.csv` alone.

Each line is `id|text|text as spoken`; sounds are `wavs/ID.wav`. `metadata_speakers.csv` says who speaks, where it is
there: `audio_file|text|speaker_name`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import soundfile

from speech.errors import SpeechError
from train.manifest import Clip, Manifest

PARTS = (("metadata_train.csv", "train"), ("metadata_val.csv", "val"))


def read_dataset(folder: Path, language: str) -> Manifest:
    """Clips in the order of the files; a sound that is not there or cannot be read is left out of none: it raises.

    Raises SpeechError `dataset_missing`, `dataset_line`, `dataset_sound_unreadable`.
    """
    parts = [(folder / name, split) for name, split in PARTS if (folder / name).is_file()]
    if not parts:
        parts = [(folder / "metadata.csv", "")]
    if not parts[0][0].is_file():
        raise SpeechError("dataset_missing", folder=folder.name, file="metadata.csv")
    speakers = _speakers(folder)
    return Manifest(
        tuple(_clip(folder, *row, split, language, speakers) for path, split in parts for row in _rows(path))
    )


def fingerprint(manifest: Manifest) -> str:
    """SHA-256 of what is learned from: ids, texts, lengths and splits."""
    digest = hashlib.sha256()
    for clip in manifest.clips:
        digest.update(f"{clip.clip_id}|{clip.text}|{clip.duration_s:.3f}|{clip.split}\n".encode())
    return digest.hexdigest()


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    """Id and spoken text of each line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SpeechError("dataset_line", file=path.name, line=0, reason=str(error)) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = line.split("|")
        if len(parts) not in (2, 3) or not parts[0] or "/" in parts[0] or "\\" in parts[0] or ".." in parts[0]:
            raise SpeechError("dataset_line", file=path.name, line=number, reason=f"{len(parts)} columns: {line[:60]}")
        yield parts[0], parts[-1].strip()


def _speakers(folder: Path) -> dict[str, str]:
    path = folder / "metadata_speakers.csv"
    if not path.is_file():
        return {}
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()[1:] if line.strip()]
    return {Path(row[0]).stem: row[2] for row in rows if len(row) == 3}


def _clip(folder: Path, clip_id: str, text: str, split: str, language: str, speakers: dict[str, str]) -> Clip:
    audio_path = f"wavs/{clip_id}.wav"
    try:
        duration_s = float(soundfile.info(str(folder / audio_path)).duration)
    except (soundfile.LibsndfileError, OSError) as error:
        raise SpeechError("dataset_sound_unreadable", clip=clip_id, reason=str(error)[:120]) from None
    return Clip(
        clip_id=clip_id,
        audio_path=audio_path,
        source=f"{clip_id}.wav",
        start_s=0.0,
        end_s=duration_s,
        duration_s=duration_s,
        text=text,
        recognized_text="",
        language=language,
        measures={},
        findings=(),
        speaker=speakers.get(clip_id, ""),
        split=split,
    )
