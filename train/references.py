"""A voice without a fit: the best clips of a recording, kept for an engine that hears the speaker in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from speech.audio import Audio, load
from speech.engines.records import EngineRecord
from speech.voice_files import VoiceMeta
from speech.voice_folder import SpokenClip
from speech.voice_library import MOST_CLIPS_S, VoiceLibrary
from train.cloning import CloneOptions, check_usable, new_meta, provenance_of
from train.manifest import Clip, Manifest

EFFORT = "reference"  # nothing is fitted
TUNED = "fine-tuned"
SAMPLES = 3  # clips that a person can hear of the voice


def keep_reference(
    folder: Path,
    manifest: Manifest,
    options: CloneOptions,
    library: VoiceLibrary,
    engine: EngineRecord,
    weights: Sequence[Path] = (),
) -> VoiceMeta:
    """A voice in `library` of the usable clips of `manifest`, whose sounds are in `folder`: first those that `engine`
    hears, then more, for engines to come. `weights`: files of fine-tuned weights that the voice alone speaks with.

    Raises SpeechError `too_little_speech`, `voice_exists`, `reference_silent`.
    """
    library.check_new(options.voice_id)
    least_s, most_s = engine.reference_s
    check_usable(manifest, least_s)
    heard = best_clips(manifest.usable(), most_s)
    others = [clip for clip in by_worth(manifest.usable()) if clip not in heard]
    kept = within_s((*heard, *others), MOST_CLIPS_S)
    clips = [SpokenClip(load(folder / clip.audio_path), clip.text) for clip in kept]
    models = next(iter(engine.install.weights.values()), ())
    heard_s = sum(clip.duration_s for clip in heard)
    # No hash: a reference fits every checkpoint.
    meta = new_meta(options, engine.name, models[0] if models else "", "", TUNED if weights else EFFORT, heard_s)
    samples: dict[str, Audio] = {
        f"recording-{number}": clip.audio for number, clip in enumerate(clips[: min(SAMPLES, len(heard))], 1)
    }
    return library.add(meta, {}, samples, clips, provenance_of(manifest), weights)


def best_clips(clips: Sequence[Clip], most_s: float) -> list[Clip]:
    """Clips of at most `most_s` together, the best first; the best alone where each is longer."""
    chosen: list[Clip] = []
    total_s = 0.0
    for clip in by_worth(clips):
        if total_s + clip.duration_s <= most_s:
            chosen.append(clip)
            total_s += clip.duration_s
    return chosen or by_worth(clips)[:1]


def within_s(clips: Sequence[Clip], most_s: float) -> list[Clip]:
    """The first ones, as many as last `most_s` together, but always one."""
    ends = accumulate(clip.duration_s for clip in clips)
    return [clip for number, (clip, end_s) in enumerate(zip(clips, ends)) if not number or end_s <= most_s]


def by_worth(clips: Iterable[Clip]) -> list[Clip]:
    """The most alike and cleanest first: those without findings, then by how near the speaker encoder hears them to
    the others, then by their distance from the noise."""

    def worth(clip: Clip) -> tuple[bool, float, float]:
        measures = clip.measures
        likeness = round(measures.get("speaker_similarity", 0.0), 1)  # finer differences are not the speaker's
        return bool(clip.findings), -likeness, -measures.get("snr_db", 0.0)

    return sorted(clips, key=worth)
