"""The one record that the stages of a dataset read and extend: clips of speech, in a JSONL file beside them.

Every line is a clip with the `version` of its format. Lines without one are older: they lack speaker and split.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from speech.analysis.findings import Finding
from speech.errors import SpeechError
from speech.files import write_whole

VERSION = 1


@dataclass(frozen=True)
class Clip:
    """A few seconds of one speaker, with their words."""

    clip_id: str  # unique in the manifest, such as c001
    audio_path: str  # relative to the manifest, with /
    source: str  # name of the file it was cut from, as given
    start_s: float  # in that file
    end_s: float
    duration_s: float
    text: str  # what is taken as said
    recognized_text: str  # what the recogniser heard
    language: str  # BCP 47
    measures: Mapping[str, float]  # such as rms_db, snr_db, bandwidth_hz, speaker_similarity
    findings: tuple[Finding, ...]
    speaker: str = ""  # who speaks, where there are several; "" for the one speaker there is
    split: str = ""  # "train" or "val"; "": not decided

    @property
    def is_usable(self) -> bool:
        return all(finding.severity != "refused" for finding in self.findings)


@dataclass(frozen=True)
class Manifest:
    """All clips, usable or not, in the order they were spoken."""

    clips: tuple[Clip, ...]

    def usable(self) -> tuple[Clip, ...]:
        return tuple(clip for clip in self.clips if clip.is_usable)

    @property
    def duration_s(self) -> float:
        """Of all clips; `usable_s` counts only those that are used."""
        return sum(clip.duration_s for clip in self.clips)

    @property
    def usable_s(self) -> float:
        return sum(clip.duration_s for clip in self.usable())

    def get(self, clip_id: str) -> Clip:
        """Raises SpeechError `unknown_clip` with the choices."""
        for clip in self.clips:
            if clip.clip_id == clip_id:
                return clip
        raise SpeechError("unknown_clip", clip=clip_id, choices=[clip.clip_id for clip in self.clips])

    def save(self, path: Path) -> None:
        """One JSON object a line, the whole file or nothing."""
        rows = [
            json.dumps({"version": VERSION, **asdict(clip)}, ensure_ascii=False, allow_nan=False) for clip in self.clips
        ]
        write_whole(path, "".join(row + "\n" for row in rows))

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Raises SpeechError `bad_manifest` with the line and the reason, `manifest_too_new` for a later version."""
        clips: list[Clip] = []
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpeechError("bad_manifest", line=0, reason=str(error)) from error
        for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
            try:
                clips.append(clip_from(json.loads(line)))
                if len({clip.clip_id for clip in clips}) != len(clips):
                    raise ValueError(f"clip_id {clips[-1].clip_id} twice")
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise SpeechError("bad_manifest", line=number, reason=str(error)) from error
        return cls(tuple(clips))


def clip_from(row: Mapping[str, Any]) -> Clip:
    """A Clip from its JSON object. Raises ValueError, TypeError or KeyError for anything but exactly that, and
    SpeechError `manifest_too_new`."""
    row = _current(row)
    names = {field.name for field in fields(Clip)}
    if set(row) != names:
        raise ValueError(f"fields missing: {sorted(names - set(row))}, unknown: {sorted(set(row) - names)}")
    for name in ("clip_id", "audio_path", "source", "text", "recognized_text", "language", "speaker", "split"):
        if not isinstance(row[name], str):
            raise ValueError(f"{name} must be a text")
    if row["split"] not in ("", "train", "val"):
        raise ValueError(f"split is train or val, not {row['split']!r}")
    path = PurePosixPath(row["audio_path"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"audio_path leaves the folder: {path}")
    times = {name: float(row[name]) for name in ("start_s", "end_s", "duration_s")}
    found = tuple(Finding(each["code"], each["severity"], dict(each["values"])) for each in row["findings"])
    measures = {str(name): float(value) for name, value in row["measures"].items()}
    return Clip(**{**row, **times, "measures": measures, "findings": found})


def _current(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of any known version as one of this, without its version."""
    current = dict(row)
    version = current.pop("version", 0)
    if not isinstance(version, int) or version < 0:
        raise ValueError(f"version is a number, not {version!r}")
    if version > VERSION:
        raise SpeechError("manifest_too_new", version=version, known=VERSION)
    if version == 0:
        if "heard" in current:
            current["recognized_text"] = current.pop("heard")
        current = {"speaker": "", "split": "", **current, "findings": [_in_khz(each) for each in current["findings"]]}
    return current


def _in_khz(finding: Mapping[str, Any]) -> Mapping[str, Any]:
    """A finding of version 0 with the value that its text now shows."""
    values = finding["values"]
    if finding["code"] != "narrow_band" or "khz" in values or "value" not in values:
        return finding
    return {**finding, "values": {**values, "khz": round(values["value"] / 1000, 1)}}
