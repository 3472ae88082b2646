"""What the tests of the cloning may ask for: the real weights, and recordings made with the embedded voice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech.asr import Transcriber, Transcript
from speech.audio import Audio, join
from speech.models import ModelStore
from speech.synthesis import Synthesizer
from train.intake import MODELS, IntakeModels, load_intake_models

RATE = 24000
Speak = Callable[..., Audio]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No test here reaches beyond this machine: what the pipelines ask of the network, servers on loopback answer."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost"]))


def room(seconds: float, seed: int = 0) -> Audio:
    """A quiet room, -70 dB."""
    samples = np.random.default_rng(seed).normal(0, 3e-4, round(seconds * RATE))
    return Audio(samples.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Sums of two threads are not equal to the bit."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def intake_store(installed: Callable[..., ModelStore]) -> ModelStore:
    """With the embedded voice and what intake needs."""
    return installed("kokoro-int8", "kokoro-voices", *MODELS)


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
def models(intake_store: ModelStore) -> IntakeModels:
    real = load_intake_models(intake_store)
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
def fit_store(intake_store: ModelStore, installed: Callable[..., ModelStore]) -> ModelStore:
    """With what a fit needs besides."""
    return installed("kokoro-fp32", "speaker-resemblyzer", "speaker-ecapa")
