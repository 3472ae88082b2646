"""A dataset in LJSpeech's layout as the clips of one speaker that a voice is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from speech.errors import SpeechError
from train.ljs import read_dataset
from train.manifest import Clip, Manifest

MOST_S = 3600.0  # of clips that are learned from: each second takes 0.6 MB of memory
MOST_HELD_OUT = 8  # clips that are validated and judged by, of those that the dataset marks for it
T = TypeVar("T")


def read_speaker(folder: Path, language: str, speaker: str = "") -> Manifest:
    """The clips of one speaker, at most `MOST_S` of those that are learned from and `MOST_HELD_OUT` of those marked as
    held out, evenly over all.

    Raises SpeechError `several_speakers`, `unknown_speaker` with the choices, and as `read_dataset` does.
    """
    clips = of_speaker(read_dataset(folder, language), speaker).clips
    held_out = evenly([clip for clip in clips if clip.split == "val"], MOST_HELD_OUT)
    train = [clip for clip in clips if clip.split != "val"]
    length_s = sum(clip.duration_s for clip in train)
    if length_s > MOST_S:
        train = evenly(train, int(len(train) * MOST_S / length_s))
    kept = {clip.clip_id for clip in (*train, *held_out)}
    return Manifest(tuple(clip for clip in clips if clip.clip_id in kept))


def of_speaker(manifest: Manifest, speaker: str) -> Manifest:
    """Clips of one speaker; `speaker` "" is the only one. Raises SpeechError `several_speakers`, `unknown_speaker` with
    the choices."""
    names = speakers_of(manifest.clips)
    if not speaker:
        if len(names) > 1:
            raise SpeechError("several_speakers", choices=names)
        return manifest
    if speaker not in names:
        raise SpeechError("unknown_speaker", speaker=speaker, choices=names)
    return replace(manifest, clips=tuple(clip for clip in manifest.clips if clip.speaker == speaker))


def speakers_of(clips: Sequence[Clip]) -> list[str]:
    return sorted({clip.speaker for clip in clips})


def evenly(ones: Sequence[T], most: int) -> list[T]:
    """At most so many of `ones`, in their order, from all over them."""
    if len(ones) <= most:
        return list(ones)
    return [ones[int((index + 0.5) * len(ones) / most)] for index in range(most)]
