"""Speech that is heard again: babble cut, words that are missing spoken anew, all told, and good speech left alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np
import pytest
from tone_words import GAP_S, PAUSE_S, WORD_S, ToneSpeaker, ToneTranscriber, plan_of, spoken, tone

from speech.analysis.said import said
from speech.asr import Transcript, WhisperTranscriber, Word
from speech.audio import Audio, join
from speech.checking import CheckedSentence, CheckOptions, quiet_tail_s, speak_checked
from speech.dsp import append_silence
from speech.engines.base import Chunk
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.plan import Plan
from speech.synthesis import Synthesizer

TEXT = "alpha bravo charlie delta."


def checked(speaker: ToneSpeaker, plan: Plan, tries: int = 3) -> tuple[Audio, list[CheckedSentence]]:
    told: list[CheckedSentence] = []
    sound = join(speak_checked(speaker.speak, plan, ToneTranscriber(), CheckOptions(tries), told.append))
    return sound, told


def heard(text: str, word_s: float = 0.4) -> Transcript:
    words = tuple(Word(word, i * word_s, (i + 1) * word_s, 1.0) for i, word in enumerate(text.split()))
    return Transcript(text, "pt", words)


def test_what_is_as_written_comes_out_as_it_was() -> None:
    speaker = ToneSpeaker()
    sound, told = checked(speaker, plan_of(TEXT, "echo golf."))
    assert np.array_equal(sound.samples, join([spoken(TEXT), spoken("echo golf.")]).samples)
    assert [(one.is_good, one.tries, one.kept, one.cut_s, one.seeds) for one in told] == 2 * [(True, 1, 1, 0.0, (1,))]
    assert speaker.seeds == [1, 1]


@pytest.mark.parametrize("kind", ["words", "noise"])
def test_babble_after_the_last_word_is_cut_away(kind: str) -> None:
    noise = tone(3000.0, 0.9)
    babble = spoken("hotel golf", 0.0) if kind == "words" else noise
    sound, [told] = checked(
        ToneSpeaker({TEXT: [append_silence(join([spoken(TEXT, 0.0), babble]), PAUSE_S)]}), plan_of(TEXT)
    )
    assert told.is_good and told.tries == 1
    assert told.cut == (("hotel", "golf") if kind == "words" else ())
    assert told.cut_s == pytest.approx(babble.duration_s, abs=2 * GAP_S)
    assert sound.duration_s == pytest.approx(spoken(TEXT).duration_s, abs=2 * GAP_S)
    assert quiet_tail_s(sound) >= PAUSE_S - 0.02
    count = round(4 * (WORD_S + GAP_S) * 16000) - 2000
    assert np.array_equal(sound.samples[:count], spoken(TEXT).samples[:count])


@pytest.mark.parametrize("wrong", ["alpha bravo delta", "alpha bravo charlie", "alpha bravo hotel hotel charlie delta"])
def test_what_is_not_as_written_is_spoken_again_with_another_seed(wrong: str) -> None:
    speaker = ToneSpeaker({TEXT: [wrong, TEXT]})
    sound, [first, told, last] = checked(speaker, plan_of("echo.", TEXT, "golf hotel."))
    assert first.is_good and last.is_good and first.tries == last.tries == 1
    assert (told.is_good, told.tries, told.kept, told.problems, told.not_again) == (True, 2, 2, (), "")
    assert len(set(told.seeds)) == 2 and told.seeds[0] == 1
    assert np.array_equal(sound.samples, join([spoken("echo."), spoken(TEXT), spoken("golf hotel.")]).samples)
    again = ToneSpeaker({TEXT: [wrong, TEXT]})
    assert checked(again, plan_of("echo.", TEXT, "golf hotel."))[1][1].seeds == told.seeds


def test_a_pause_that_the_text_asks_for_stays_once() -> None:
    plan = plan_of(TEXT, "golf.")
    plan = replace(plan, sentences=(replace(plan.sentences[0], pause_s=1.0), plan.sentences[1]))
    sound, _ = checked(ToneSpeaker({TEXT: ["alpha bravo delta", TEXT]}), plan)
    assert sound.duration_s == pytest.approx(spoken(TEXT).duration_s + 1.0 + spoken("golf.").duration_s, abs=0.02)


def test_a_sentence_that_stays_bad_is_said_so_and_the_best_take_is_kept() -> None:
    speaker = ToneSpeaker({TEXT: ["alpha delta", "alpha bravo delta", "delta"]})
    sound, [told] = checked(speaker, plan_of(TEXT))
    assert (told.is_good, told.tries, told.kept, told.not_again) == (False, 3, 2, "budget")
    assert (told.missing, told.problems, told.heard) == (("charlie",), ("words_missing",), "alpha bravo delta")
    assert sound.duration_s == pytest.approx(spoken("alpha bravo delta").duration_s, abs=0.02)
    assert len(set(told.seeds)) == 3
    assert checked(ToneSpeaker({TEXT: ["alpha delta", TEXT]}), plan_of(TEXT), 1)[1][0].tries == 1


def test_an_engine_that_does_not_vary_is_not_asked_again() -> None:
    speaker = ToneSpeaker({TEXT: ["alpha bravo delta", TEXT]})
    _, [told] = checked(speaker, plan_of(TEXT, seed=None, is_seeded=False))
    assert (told.is_good, told.tries, told.not_again, told.seeds) == (False, 1, "same_again", ())


@pytest.mark.parametrize("tries", [0, 7])
def test_tries_are_one_to_six(tries: int) -> None:
    with pytest.raises(SpeechError, match="parameter_out_of_range"):
        CheckOptions(tries)


@pytest.mark.parametrize(
    ("text", "transcript"),
    [
        ("O ônibus sai às catorze e trinta e chega às dezoito horas.", "O ônibus sai às 14h30 e chega às 18h."),
        ("Foi de cento e oitenta e sete reais e cinquenta centavos.", "Foi de R$ 187,50."),
        ("Ela vai para o mar.", "Ela vai pro mar."),
        ("Minha avó faz um bolo de cenoura.", "Minha vó faz um bolo de senora."),
        ("Que dia lindo para caminhar!", "Que dia, lindo para caminhar."),
    ],
)
def test_what_is_only_written_otherwise_was_said(text: str, transcript: str) -> None:
    found = said(text, heard(transcript), "pt-BR")
    assert not (found.missing or found.added or found.babble or found.is_other)


def test_words_left_out_put_in_and_babbled_are_told_apart() -> None:
    text = "A reunião foi adiada porque o diretor ficou preso no trânsito."
    assert said(text, heard("A reunião foi porque o diretor ficou preso no trânsito."), "pt-BR").missing == ("adiada",)
    found = said(text, heard("A reunião foi adiada adiada porque o diretor ficou preso no trânsito."), "pt-BR")
    assert [word.strip(".") for word in found.added] == ["adiada"] and not found.babble and not found.missing
    text = "Ela ficou em primeiro lugar entre vinte e duas alunas."
    assert said(text, heard("Ela ficou entre o lugar entre 22 alunas."), "pt-BR").missing == ("primeiro",)
    text = "A reunião foi adiada porque o diretor ficou preso no trânsito."
    found = said(text, heard(f"{text} e chega a vaca"), "pt-BR")
    assert found.babble == ("e", "chega", "a", "vaca") and not found.added
    assert found.ends_s == pytest.approx(0.4 * len(text.split()))
    assert said(text, heard("Ontem eu comprei banana e uva na feira livre"), "pt-BR").is_other
    assert said(text, heard(""), "pt-BR").missing == tuple(text.split())[1:] or said(text, heard(""), "pt-BR").is_other


def test_real_speech_is_mended(synthesizer: Synthesizer, installed: Callable[..., ModelStore]) -> None:
    """The embedded voice with words of another sentence after it, heard by Whisper."""
    ears = WhisperTranscriber(installed("whisper-base").path("whisper-base"))
    plan = synthesizer.plan("Minha avó faz um bolo.", engine="kokoro", language="pt-BR", voice="pf_dora")
    other = synthesizer.plan("Os peixes do oceano.", engine="kokoro", language="pt-BR", voice="pf_dora")
    good, babble = join(synthesizer.speak(plan)), join(synthesizer.speak(other))

    def speak(asked: Plan) -> Generator[Chunk, None, None]:
        both = join([good, babble])
        yield Chunk(both.samples, both.sample_rate)

    told: list[CheckedSentence] = []
    sound = join(speak_checked(speak, plan, ears, CheckOptions(), told.append))
    assert told[0].is_good and told[0].cut and told[0].not_again == ""
    assert sound.duration_s == pytest.approx(good.duration_s, abs=0.3)
