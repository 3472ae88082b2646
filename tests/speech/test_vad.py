"""Finding speech: what every detector must do, and what only the network can."""

from __future__ import annotations

import numpy as np
import pytest

from speech.audio import Audio, join
from speech.synthesis import Synthesizer
from speech.vad import FRAME_S, EnergyDetector, SileroDetector, Span, VoiceDetector, spans, with_fundamental

RATE = 24000
DETECTORS = (SileroDetector, EnergyDetector)


def quiet(seconds: float) -> Audio:
    noise = np.random.default_rng(0).normal(0, 1e-4, round(seconds * RATE))
    return Audio(noise.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def sentence(synthesizer: Synthesizer) -> Audio:
    plan = synthesizer.plan("Hoje faz muito calor.", engine="kokoro", language="pt-BR", voice="pf_dora")
    return join(synthesizer.speak(plan))


@pytest.fixture(params=DETECTORS, ids=lambda kind: kind.__name__)
def detector(request: pytest.FixtureRequest) -> VoiceDetector:
    built: VoiceDetector = request.param()
    return built


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_two_sentences_and_the_pause_between(detector: VoiceDetector, sentence: Audio, gain: float) -> None:
    loud = Audio(sentence.samples * np.float32(gain), RATE)
    audio = join([quiet(1.5), loud, quiet(2), loud, quiet(1)])
    found = spans(detector.probabilities(audio), shortest_pause_s=0.6)
    assert len(found) == 2
    for span, start in zip(found, (1.5, 3.5 + sentence.duration_s), strict=True):
        assert start - 0.1 < span.start_s < start + 0.4
        assert start + sentence.duration_s - 0.8 < span.end_s < start + sentence.duration_s + 0.3


def test_nobody_speaks_in_silence_and_in_a_steady_sound(detector: VoiceDetector) -> None:
    hiss = np.random.default_rng(1).normal(0, 0.1, 5 * RATE).astype(np.float32)
    for samples in (np.zeros(5 * RATE, np.float32), quiet(5).samples, hiss):
        assert spans(detector.probabilities(Audio(samples, RATE))) == ()


@pytest.mark.parametrize("samples", [0, 1, 511, 512, 513, 80_000])
def test_every_begun_frame_has_a_probability(detector: VoiceDetector, samples: int) -> None:
    found = detector.probabilities(Audio(np.zeros(samples, np.float32), 16000))
    assert found.dtype == np.float32 and len(found) == -(-samples // 512)
    assert ((found >= 0) & (found <= 1)).all()


def test_the_network_knows_music_from_speech() -> None:
    """What energy alone cannot tell: a chord struck every second."""
    t = np.arange(8 * RATE) / RATE
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6, 440)) * np.exp(-4 * (t % 1)) * 0.1
    audio = Audio(chord.astype(np.float32), RATE)
    assert spans(SileroDetector().probabilities(audio)) == ()
    assert spans(EnergyDetector().probabilities(audio)) != ()


def test_a_telephone_is_heard_although_its_fundamental_is_gone(sentence: Audio) -> None:
    spectrum = np.fft.rfft(sentence.samples)
    hz = np.fft.rfftfreq(len(sentence.samples), 1 / RATE)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    line = np.random.default_rng(2).normal(0, 3e-4, len(sentence.samples))
    telephone = Audio((np.fft.irfft(spectrum, len(sentence.samples)) + line).astype(np.float32), RATE)
    clear, heard = (np.mean(SileroDetector().probabilities(audio) > 0.5) for audio in (sentence, telephone))
    assert clear > 0.6 and heard > 0.85 * clear
    assert with_fundamental(sentence) is sentence and with_fundamental(telephone) is not telephone


def test_long_sound_is_heard_as_in_one_piece(sentence: Audio, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = SileroDetector().probabilities(sentence)
    monkeypatch.setattr("speech.vad._BATCH", 7)
    assert np.allclose(SileroDetector().probabilities(sentence), whole, atol=1e-5) and whole.max() > 0.9


def test_spans_bridge_short_pauses_and_drop_blips() -> None:
    frames = [0.0] * 10 + [0.9] * 20 + [0.1] * 3 + [0.9] * 20 + [0.1] * 30 + [0.9] * 2 + [0.1] * 10
    found = spans(np.array(frames, np.float32))
    assert [(round(span.start_s / FRAME_S), round(span.end_s / FRAME_S)) for span in found] == [(10, 53)]
    assert len(spans(np.array(frames, np.float32), shortest_pause_s=0.05, shortest_speech_s=0.05)) == 3


def test_speech_goes_on_until_it_falls_below_the_lower_bound() -> None:
    frames = np.array([0.45] * 5 + [0.6] * 5 + [0.4] * 5 + [0.3] * 5, np.float32)
    assert spans(frames) == (Span(5 * FRAME_S, 15 * FRAME_S),)
    assert spans(np.full(10, 0.9, np.float32)) == (Span(0, 10 * FRAME_S),)
