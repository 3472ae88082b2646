"""What the tests of the cloning may ask for: the real weights, and recordings made with the embedded voice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from app.settings import load_settings
from speech.asr import Transcriber, Transcript
from speech.audio import Audio, join
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from train.intake import MODELS, IntakeModels, load_intake_models

RATE = 24000
Speak = Callable[..., Audio]


def room(seconds: float, seed: int = 0) -> Audio:
    """A quiet room, -70 dB."""
    samples = np.random.default_rng(seed).normal(0, 3e-4, round(seconds * RATE))
    return Audio(samples.astype(np.float32), RATE)


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """The model store of this user. Skips, or fails when PAPAGAIO_REQUIRE_MODELS=1, while weights are missing."""
    store = ModelStore(load_settings().models_path)
    missing = [name for name in ("kokoro-int8", "kokoro-voices", *MODELS) if not store.is_installed(name)]
    if missing:
        reason = f"weights not installed: papagaio models pull {' '.join(missing)}"
        pytest.fail(reason) if os.environ.get("PAPAGAIO_REQUIRE_MODELS") == "1" else pytest.skip(reason)
    return store


@pytest.fixture(scope="session")
def synthesizer(model_store: ModelStore) -> Iterator[Synthesizer]:
    """The real engines, kept loaded for the whole session."""
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root))
    yield synthesizer
    synthesizer.close()


class Remembering:
    """A recogniser that hears the same sound once a session."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber
        self._heard: dict[tuple[bytes, str], Transcript] = {}

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        key = (audio.samples.tobytes(), f"{language} {with_words}")
        if key not in self._heard:
            self._heard[key] = self._transcriber.transcribe(audio, language, with_words=with_words)
        return self._heard[key]

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return self._transcriber.languages(audio)


@pytest.fixture(scope="session")
def judges(model_store: ModelStore) -> IntakeModels:
    real = load_intake_models(model_store)
    return replace(real, transcriber=Remembering(real.transcriber))


@pytest.fixture(scope="session")
def speak(synthesizer: Synthesizer) -> Speak:
    """Sentences in a quiet room with a pause before, between and after; each sentence is spoken once a session."""
    spoken: dict[tuple[str, str, str], Audio] = {}

    def say(*texts: str, voice: str = "pf_dora", language: str = "pt-BR", pause_s: float = 1.3) -> Audio:
        parts = [room(pause_s)]
        for text in texts:
            key = (text, voice, language)
            if key not in spoken:
                plan = synthesizer.plan(text, engine="kokoro", language=language, voice=voice)
                spoken[key] = join(synthesizer.speak(plan))
            parts += [spoken[key], room(pause_s, len(parts))]
        return join(parts)

    return say


@pytest.fixture(scope="session")
def fit_store(model_store: ModelStore) -> ModelStore:
    """With what a fit needs besides. Skips, or fails when PAPAGAIO_REQUIRE_MODELS=1, while weights are missing."""
    missing = [
        name for name in ("kokoro-fp32", "speaker-resemblyzer", "speaker-ecapa") if not model_store.is_installed(name)
    ]
    if missing:
        reason = f"weights not installed: papagaio models pull {' '.join(missing)}"
        pytest.fail(reason) if os.environ.get("PAPAGAIO_REQUIRE_MODELS") == "1" else pytest.skip(reason)
    return model_store
