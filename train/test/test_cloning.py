"""From clips with words to a measured voice in the library, with the fewest steps that are a fit at all."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from speech.audio import Audio, join, save
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train import cloning
from train.cloning import CloneOptions, Effort, clone, estimate_s
from train.kokoro import trainable
from train.manifest import Clip, Finding, Manifest
from train.progress import NullReporter

CONSENT = Consent("I am the speaker and I agree.", "2026-11-22T20:00:00+00:00")
TEXTS = (
    "Bom dia, tudo bem por aí com vocês?",
    "O café está na mesa, e o pão ainda está quente.",
    "Até amanhã, boa noite.",
)


def options(effort: str = "default") -> CloneOptions:
    return CloneOptions("alex_dois", "Alex", "pt-BR", CONSENT, effort)


def clips(folder: Path, sounds: list[Audio]) -> Manifest:
    found = []
    for number, (audio, text) in enumerate(zip(sounds, TEXTS, strict=True), 1):
        name = f"c{number:03}"
        save(audio, folder / f"{name}.wav")
        narrow = Finding("narrow_band", "warning", {"value": 4000.0, "khz": 4.0})
        length = audio.duration_s
        found.append(
            Clip(name, f"{name}.wav", "a.wav", 0.0, length, length, text, text, "pt-BR", {}, (narrow,) * (number == 1))
        )
    return Manifest(tuple(found))


class Told(NullReporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.shares: list[float] = []

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.notes.append(note)
        self.shares.append(done / total)


@pytest.fixture(scope="module")
def recordings(fit_store: ModelStore) -> list[Audio]:
    synthesizer = Synthesizer(SynthesizerOptions(fit_store.root))
    plans = [
        synthesizer.plan(text, engine="kokoro", language="pt-BR", voice="pm_alex", parameters={}) for text in TEXTS
    ]
    sounds = [join(synthesizer.speak(plan)) for plan in plans]
    synthesizer.close()
    return sounds


@pytest.mark.slow  # first, and so not beside the other whole fits: two at once take three times as long each
def test_a_voice_with_its_report(
    fit_store: ModelStore, recordings: list[Audio], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cloning.EFFORTS, "fast", Effort(4, 1, 1, 1.0))
    small = partial(trainable.KokoroOptions, rank=4, texts=1, realign_at=2, crop=40)
    monkeypatch.setattr(trainable, "KokoroOptions", small)
    library, reporter = VoiceLibrary(tmp_path / "voices"), Told()
    manifest = clips(tmp_path, recordings)
    meta = clone(tmp_path, manifest, options(effort="fast"), fit_store, library, tmp_path / "work", reporter)
    assert library.get("alex_dois") == meta
    assert not (tmp_path / "work").exists()
    assert meta.consent == CONSENT and meta.reference_s == pytest.approx(manifest.usable_s, abs=0.01)
    assert library.path("alex_dois").stat().st_size < 10_000_000
    report = meta.report
    assert set(report["fit_encoders"]) == {"resemblyzer", "ecapa"}
    judges = set(report["languages"][0]["similarity"])
    assert judges and not judges & set(report["fit_encoders"])
    assert report["measured_against"] == "recordings", "one clip held out is too few"
    assert [one["code"] for one in report["warnings"]] == ["narrow_band"]
    assert report["start"] and sum(report["start"].values()) == pytest.approx(1)
    assert report["fit"]["steps"] == 4 and report["fit"]["step_s"] > 0
    assert reporter.shares == sorted(reporter.shares), "one progress for the whole"
    assert reporter.shares[-1] == 1 and all(note.startswith("clone.") for note in reporter.notes)
    assert {path.stem for path in (library.folder("alex_dois") / "samples").glob("*.wav")} >= {"stock", "fitted"}
    with pytest.raises(SpeechError) as caught:
        clone(tmp_path, manifest, options(effort="fast"), fit_store, library, tmp_path / "work", NullReporter())
    assert caught.value.code == "voice_exists"
    synthesizer = Synthesizer(SynthesizerOptions(fit_store.root, voices_dir=tmp_path / "voices"))
    plan = synthesizer.plan("Good morning.", engine="kokoro", language="en-US", voice="alex_dois", parameters={})
    assert np.abs(join(synthesizer.speak(plan)).samples).max() > 0.05
    synthesizer.close()


def test_an_effort_nobody_offers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError) as caught:
        clone(
            tmp_path,
            Manifest(()),
            options(effort="heroic"),
            ModelStore(tmp_path),
            VoiceLibrary(tmp_path / "voices"),
            tmp_path / "work",
            NullReporter(),
        )
    assert caught.value.code == "unknown_effort"
    assert caught.value.values["choices"] == ["fast", "default", "best"]


def test_too_little_speech_says_which_clips_and_why(tmp_path: Path) -> None:
    noisy = Clip("c001", "c001.wav", "a.wav", 0, 4, 4.0, "x", "x", "pt-BR", {}, (Finding("noisy", "refused", {}),))
    with pytest.raises(SpeechError) as caught:
        clone(
            tmp_path,
            Manifest((noisy,)),
            options(),
            ModelStore(tmp_path),
            VoiceLibrary(tmp_path / "voices"),
            tmp_path / "work",
            NullReporter(),
        )
    assert caught.value.code == "too_little_speech"
    assert "c001: noisy" in str(caught.value.values["reasons"])
    assert list(tmp_path.iterdir()) == [], "nothing half-made"


def test_estimates_are_for_two_cores_and_double_on_one() -> None:
    assert estimate_s("fast", 2) < estimate_s("default", 2) < estimate_s("best", 2)
    assert estimate_s("fast", 2, speech_s=6.0) < estimate_s("fast", 2, speech_s=50.0) == estimate_s("fast", 2)
    assert estimate_s("default", 1) == 2 * estimate_s("default", 2) == 2 * estimate_s("default", 16)
