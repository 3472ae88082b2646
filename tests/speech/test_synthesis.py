"""Every bad request is refused with its reason before anything is loaded; good ones say what will be used."""

from __future__ import annotations

from typing import Any

import pytest

from speech.errors import SpeechError
from speech.request_checks import MAX_CHARS
from speech.synthesis import Synthesizer, SynthesizerOptions

ASK: dict[str, Any] = {"engine": "kokoro", "language": "pt-BR", "voice": "pf_dora"}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    """A speaker on a machine without any weights: plans need none."""
    return Synthesizer(SynthesizerOptions(tmp_path_factory.mktemp("models")))


@pytest.mark.parametrize(
    ("text", "change", "code"),
    [
        ("", {}, "text_empty"),
        (" \n\t", {}, "text_empty"),
        ("a" * (MAX_CHARS + 1), {}, "text_too_long"),
        ("🎉🎊", {}, "nothing_to_say"),
        ("?!…", {}, "nothing_to_say"),
        ("Olá 世界", {}, "text_not_in_language"),
        ("Olá", {"language": "ja"}, "language_not_spoken"),
        ("Olá", {"voice": "nobody"}, "unknown_voice"),
        ("Olá", {"engine": "f5tts"}, "f5_dir_missing"),
        ("Olá", {"engine": "xtts"}, "model_missing"),
        ("Olá", {"seed": 1}, "seed_not_used"),
        ("Olá", {"engine": "tacotron"}, "unknown_engine"),
        ("Olá", {"parameters": {"warmth": 1}}, "unknown_parameter"),
        ("Olá", {"parameters": {"speed": 0.49}}, "parameter_out_of_range"),
        ("Olá", {"parameters": {"speed": float("nan")}}, "parameter_out_of_range"),
        ("Olá", {"parameters": {"speed": float("inf")}}, "parameter_out_of_range"),
    ],
)
def test_refused(bare: Synthesizer, text: str, change: dict[str, Any], code: str) -> None:
    with pytest.raises(SpeechError) as caught:
        bare.plan(text, **ASK | change)
    assert caught.value.code == code
    assert bare.pool_stats().loads == 0


def test_a_plan_says_what_is_used(bare: Synthesizer) -> None:
    plan = bare.plan("São 3 casas. Fim!", **ASK | {"language": "pt", "parameters": {"speed": 1.5}})
    assert (plan.language_requested, plan.language, plan.voice.voice_id) == ("pt", "pt-BR", "pf_dora")
    assert [sentence.text for sentence in plan.sentences] == ["São três casas.", "Fim!"]
    assert plan.parameters == {"speed": 1.5, "sentence_pause_s": 0.25}


def test_no_language_means_the_voices_own(bare: Synthesizer) -> None:
    assert bare.plan("Hello", **ASK | {"language": "", "voice": "bf_emma"}).language == "en-GB"


def test_exactly_the_longest_text_is_taken(bare: Synthesizer) -> None:
    plan = bare.plan("palavra " * (MAX_CHARS // 8), **ASK)
    assert sum(len(sentence.text.split()) for sentence in plan.sentences) == MAX_CHARS // 8
    assert max(len(sentence.text) for sentence in plan.sentences) <= 300


def test_missing_weights_name_the_command(bare: Synthesizer) -> None:
    with pytest.raises(SpeechError, match="model_missing.*papagaio models pull"):
        next(bare.speak(bare.plan("Olá", **ASK)))
