"""The embedded voice before the judges: understood word by word, told apart from other voices, pleasant to hear."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from speech.asr import WhisperTranscriber
from speech.audio import Audio, join
from speech.metrics.mos import opinion_score, p808_score
from speech.metrics.speaker import SpeakerEncoder, similarity
from speech.metrics.wer import word_error_rate
from speech.models import ModelStore
from speech.synthesis import Synthesizer

SPOKEN = [
    ("pf_dora", "pt-BR", "Bom dia, hoje vamos falar sobre a história do café no Brasil."),
    ("pm_alex_michael", "pt-BR", "Quando a chuva parou, as crianças correram para brincar na rua."),
    ("af_heart", "en-US", "Good morning, today we are going to talk about the history of coffee."),
]


@pytest.fixture(scope="module")
def judges(installed: Callable[..., ModelStore]) -> tuple[WhisperTranscriber, SpeakerEncoder]:
    store = installed("whisper-base", "speaker-resnet34")
    encoder = SpeakerEncoder(store.path("speaker-resnet34") / "speaker-resnet34.onnx")
    return WhisperTranscriber(store.path("whisper-base")), encoder


def spoken(synthesizer: Synthesizer, voice: str, language: str, text: str) -> Audio:
    return join(synthesizer.speak(synthesizer.plan(text, engine="kokoro", language=language, voice=voice)))


@pytest.mark.parametrize(("voice", "language", "text"), SPOKEN)
def test_every_word_is_understood(
    synthesizer: Synthesizer, judges: tuple[WhisperTranscriber, SpeakerEncoder], voice: str, language: str, text: str
) -> None:
    heard = judges[0].transcribe(spoken(synthesizer, voice, language, text), language)
    assert heard.language == language.split("-")[0]
    assert word_error_rate([text], [heard.text]) <= 0.1


def test_a_voice_is_itself_and_nobody_else(
    synthesizer: Synthesizer, judges: tuple[WhisperTranscriber, SpeakerEncoder]
) -> None:
    texts = (SPOKEN[0][2], SPOKEN[1][2])
    dora, again, alex = (
        judges[1].embed(spoken(synthesizer, voice, "pt-BR", text))
        for voice, text in (("pf_dora", texts[0]), ("pf_dora", texts[1]), ("pm_alex", texts[1]))
    )
    assert similarity(dora, again) > 0.7 > 0.5 > similarity(dora, alex)


def test_the_voice_sounds_better_than_its_own_noise(synthesizer: Synthesizer) -> None:
    audio = spoken(synthesizer, *SPOKEN[0])
    noise = np.random.default_rng(0).normal(0, 0.1, len(audio.samples)).astype(np.float32)
    clean, noisy = opinion_score(audio), opinion_score(Audio(audio.samples + noise, audio.sample_rate))
    assert clean.p808 > 3.4 and clean.overall > 2.9
    assert noisy.p808 < clean.p808 - 0.5 and noisy.overall < clean.overall - 0.5


@pytest.mark.networks
@pytest.mark.parametrize("duration_s", [0.7, 4.0, 9.005, 9.6, 12.3])
def test_one_score_alone_is_that_of_both(duration_s: float) -> None:
    """Of a tone in noise: shorter than the nine seconds it hears at once, and longer."""
    chance, count = np.random.default_rng(0), round(duration_s * 24000)
    tone = 0.2 * np.sin(2 * np.pi * 180 * np.arange(count) / 24000) + chance.normal(0, 0.02, count)
    audio = Audio(tone.astype(np.float32), 24000)
    assert p808_score(audio) == pytest.approx(opinion_score(audio).p808, abs=1e-4)
