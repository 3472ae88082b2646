"""The reference of a voice: the best clips of a recording, as many as the engine hears."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech.audio import Audio, save
from speech.engines.xtts.record import RECORD as XTTS
from speech.errors import SpeechError
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train.cloning import CloneOptions
from train.manifest import Clip, Finding, Manifest
from train.references import best_clips, keep_reference

OPTIONS = CloneOptions("ana", "Ana", "de", Consent("I agree.", "2026-11-22T19:00:00+00:00"), "reference")


def clip(number: int, duration_s: float, likeness: float = 0.9, snr_db: float = 30.0, *findings: Finding) -> Clip:
    name, measures = f"c{number:03}", {"speaker_similarity": likeness, "snr_db": snr_db}
    place = (f"{name}.wav", "ana.wav", 0.0, duration_s, duration_s, "olá", "olá", "de")
    return Clip(name, *place, measures, findings)


def test_the_best_clips_come_first_and_fill_half_a_minute() -> None:
    warned = Finding("noisy", "warning", {})
    clips = [
        clip(1, 10, 0.9, 20.0),
        clip(2, 10, 0.9, 40.0),
        clip(3, 10, 0.5, 50.0),
        clip(4, 10, 0.9, 60.0, warned),
        clip(5, 9, 0.88, 30.0),
    ]
    assert [one.clip_id for one in best_clips(clips, 30.0)] == ["c002", "c005", "c001"]
    assert [one.clip_id for one in best_clips([clip(1, 40)], 30.0)] == ["c001"]


def recorded(folder: Path, *clips: Clip, level: float = 0.1) -> Manifest:
    for one in clips:
        noise = np.random.default_rng(1).standard_normal(int(24000 * one.duration_s))
        save(Audio((level * noise).astype(np.float32), 24000), folder / one.audio_path)
    return Manifest(clips)


def test_a_reference_is_kept_with_consent_and_clips_to_hear(tmp_path: Path) -> None:
    refused = Finding("clipped", "refused", {})
    manifest = recorded(tmp_path, clip(1, 4), clip(2, 3), clip(3, 9, 0.9, 30.0, refused))
    library = VoiceLibrary(tmp_path / "voices")
    meta = keep_reference(tmp_path, manifest, OPTIONS, library, XTTS)
    assert (meta.engine, meta.base_model, meta.effort, meta.reference_s) == ("xtts", "xtts-v2", "reference", 7.0)
    assert library.get("ana").consent == OPTIONS.consent
    assert [(len(one.audio.samples), one.text) for one in library.clips("ana")] == [
        (4 * 24000, "olá"),
        (3 * 24000, "olá"),
    ]
    document = library.document("ana")
    assert document.provenance == {"recordings": ["ana.wav"]} and not library.parts("ana")
    heard = sorted(path.name for path in (library.folder("ana") / "samples").iterdir())
    assert heard == ["recording-1.wav", "recording-2.wav"]
    with pytest.raises(SpeechError, match="voice_exists"):
        keep_reference(tmp_path, manifest, OPTIONS, library, XTTS)


def test_too_little_and_silence_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path / "voices")
    with pytest.raises(SpeechError, match="too_little_speech"):
        keep_reference(tmp_path, recorded(tmp_path, clip(1, 2.5)), OPTIONS, library, XTTS)
    with pytest.raises(SpeechError, match="reference_silent"):
        keep_reference(tmp_path, recorded(tmp_path, clip(1, 5), level=1e-4), OPTIONS, library, XTTS)
    assert library.list() == ()
