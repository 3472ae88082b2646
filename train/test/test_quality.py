"""Measures of a clip on sounds whose truth is known, and the findings they lead to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.texts import LANGUAGES, catalogue
from speech.analysis import quality
from speech.analysis.quality import RULES, judge
from speech.audio import Audio

RATE = 24000
GOOD = {
    "duration_s": 4.0,
    "rms_db": -20.0,
    "snr_db": 40.0,
    "clipped_share": 0.0,
    "bandwidth_hz": 8000.0,
    "speaker_similarity": 0.9,
    "speaker_similarity_least": 0.7,
    "music_snr_db": 80.0,
    "characters": 60.0,
    "characters_per_s": 15.0,
    "log_probability": -0.3,
    "text_difference": 0.05,
    "language_probability": 0.98,
}


def audio(samples: np.ndarray) -> Audio:
    return Audio(samples.astype(np.float32), RATE)


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, round(seconds * RATE))


def tones(seconds: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    chord: np.ndarray = level * np.sin(2 * np.pi * np.outer([220.0, 277.2, 329.6], t)).sum(axis=0)
    return chord


def syllables(seconds: float, highest_hz: float) -> np.ndarray:
    """Noise up to a frequency, four bursts a second: as loud and quiet as speech."""
    spectrum = np.fft.rfft(noise(seconds))
    spectrum[np.fft.rfftfreq(round(seconds * RATE), 1 / RATE) > highest_hz] = 0
    t = np.arange(round(seconds * RATE)) / RATE
    bursts: np.ndarray = np.fft.irfft(spectrum, len(t)) * np.maximum(np.sin(2 * np.pi * 4 * t), 0) ** 2
    return bursts


def test_level_of_a_sine() -> None:
    t = np.arange(RATE) / RATE
    assert quality.rms_db(audio(0.1 * np.sin(2 * np.pi * 440 * t))) == pytest.approx(-23.01, abs=0.01)
    assert quality.rms_db(audio(np.zeros(100))) == quality.rms_db(audio(np.zeros(0))) == quality.QUIETEST_DB


@pytest.mark.parametrize("snr_db", [5, 10, 20, 30])
def test_noise_is_measured_below_the_voice(snr_db: float) -> None:
    voice = syllables(4, 6000)
    mixed = voice + noise(4, float(np.std(voice)) / 10 ** (snr_db / 20))
    over_noise_db = 10 * np.log10(1 + 10 ** (snr_db / 10))
    assert quality.snr_db(audio(mixed)) == pytest.approx(over_noise_db + 1, abs=1.5)


@pytest.mark.parametrize("highest_hz", [3400, 7000, 11000])
@pytest.mark.parametrize("hiss", [0, 1e-3])
def test_bandwidth_is_the_voice_s_and_not_the_hiss_s(highest_hz: float, hiss: float) -> None:
    found = quality.bandwidth_hz(audio(syllables(4, highest_hz) + noise(4, 1) * hiss))
    assert highest_hz - 250 <= found <= highest_hz + 500
    assert quality.bandwidth_hz(audio(np.zeros(100))) == 0


def test_clipping_is_the_share_at_the_top_whatever_the_level() -> None:
    loud = np.clip(noise(2, 1), -1, 1)
    for level in (1.0, 0.1):
        assert quality.clipped_share(audio(loud * level)) == pytest.approx(0.32, abs=0.03)
    assert quality.clipped_share(audio(noise(2))) < 0.001
    assert quality.clipped_share(audio(np.zeros(10))) == 0


def test_music_is_tones_that_go_on_in_the_pauses() -> None:
    pauses = [(1.0, 2.0), (3.0, 4.0)]
    voice = noise(5) * np.repeat([1, 0, 1, 0, 1], RATE)
    clip = audio(voice[:RATE])

    def measured(behind: np.ndarray) -> float:
        return quality.music_snr_db(clip, audio(voice + behind), pauses)

    assert measured(tones(5, 0.03)) == pytest.approx(8.7, abs=1)
    assert measured(tones(5, 0.003)) == pytest.approx(28.7, abs=1)
    assert measured(noise(5, 0.03)) == measured(np.zeros(5 * RATE)) == quality.NO_BACKGROUND_DB
    assert quality.music_snr_db(clip, audio(voice + tones(5)), [(1.0, 1.1)]) == quality.NO_BACKGROUND_DB


@pytest.mark.parametrize(("make", "is_tonal"), [(tones, True), (noise, False)])
def test_tonality(make: Callable[[float], np.ndarray], is_tonal: bool) -> None:
    assert (quality.tonality_db(audio(make(2))) > quality.TONAL_DB) == is_tonal


def test_a_good_clip_has_no_findings_and_what_is_not_measured_is_not_judged() -> None:
    assert judge(GOOD, {}) == () == judge({}, {})


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.code}-{rule.measure}")
def test_each_rule_warns_and_refuses_at_its_bounds(rule: quality.Rule) -> None:
    step = -1e-3 if rule.is_low_bad else 1e-3
    for bound, severity in ((rule.warns, "warning"), (rule.refuses, "refused")):
        if bound is None:
            continue
        found = judge({**GOOD, rule.measure: bound + step}, {"text": "a"})
        assert [(finding.code, finding.severity) for finding in found] == [(rule.code, severity)]
        shown = round(bound + step, quality.DECIMALS.get(rule.measure, 1))
        in_khz = {"khz": 5.0} if rule.measure == "bandwidth_hz" else {}
        assert found[0].values == {"value": shown, "text": "a", **in_khz}
    mildest = rule.refuses if rule.warns is None else rule.warns
    assert mildest is not None and judge({**GOOD, rule.measure: mildest}, {}) == ()


def test_the_worse_of_two_findings_of_one_kind_is_told() -> None:
    found = judge({**GOOD, "speaker_similarity": 0.55, "speaker_similarity_least": 0.1}, {})
    assert [(finding.code, finding.severity, finding.values["value"]) for finding in found] == [
        ("second_speaker", "refused", 0.1)
    ]


def test_every_finding_has_its_words_and_a_hint_in_every_language() -> None:
    values = {"value": 1.0, "text": "", "khz": 1.0, "heard": "", "language": "", "likeliest": ""}
    for language in LANGUAGES:
        for code in {rule.code for rule in RULES}:
            assert catalogue(language)[f"clone.finding.{code}"].format(**values)
            assert catalogue(language)[f"clone.hint.{code}"]
