"""A voice without a fit: the best clips of a recording, kept for an engine that hears the speaker in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speech.audio import Audio, load
from speech.engines.xtts.voices import ENGINE, LEAST_S, MOST_S, check, tensors_of
from speech.voice_files import VoiceLibrary, VoiceMeta
from train.cloning import CloneOptions, check_usable, new_meta
from train.manifest import Clip, Manifest

BASE = "xtts-v2"
EFFORT = "reference"  # nothing is fitted
SAMPLES = 3  # clips that a person can hear of the voice


def keep_reference(folder: Path, manifest: Manifest, options: CloneOptions, library: VoiceLibrary) -> VoiceMeta:
    """A voice in `library` from up to `MOST_S` seconds of the usable clips of `manifest`, whose sounds are in `folder`.

    Raises SpeechError `too_little_speech`, `voice_exists`, `reference_silent`.
    """
    library.check_new(options.voice_id)
    check_usable(manifest, LEAST_S)
    clips = best_clips(manifest.usable())
    sounds = [load(folder / clip.audio_path) for clip in clips]
    tensors = tensors_of(sounds)
    heard_s = sum(audio.duration_s for audio in sounds)
    meta = new_meta(options, ENGINE, BASE, "", EFFORT, heard_s)  # no hash: a reference fits every checkpoint
    check(BASE, "", tensors)
    heard: dict[str, Audio] = {f"recording-{number}": sound for number, sound in enumerate(sounds[:SAMPLES], 1)}
    return library.add(meta, tensors, heard)


def best_clips(clips: Sequence[Clip]) -> list[Clip]:
    """Clips of at most `MOST_S` together, the most alike and cleanest first: those without findings, then by how
    near the speaker encoder hears them to the others, then by their distance from the noise."""

    def worth(clip: Clip) -> tuple[bool, float, float]:
        measures = clip.measures
        likeness = round(measures.get("speaker_similarity", 0.0), 1)  # finer differences are not the speaker's
        return bool(clip.findings), -likeness, -measures.get("snr_db", 0.0)

    chosen: list[Clip] = []
    total_s = 0.0
    for clip in sorted(clips, key=worth):
        if total_s + clip.duration_s <= MOST_S:
            chosen.append(clip)
            total_s += clip.duration_s
    return chosen or [min(clips, key=worth)]
