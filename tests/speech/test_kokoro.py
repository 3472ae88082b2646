"""The embedded engine: phonemes without weights, then the real weights judged by what comes out."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from speech.audio import Samples, join
from speech.engines.base import SpeechRequest
from speech.engines.kokoro.engine import cut, due_times
from speech.engines.kokoro.phonemes import ESPEAK_VOICES, TOKENS, phonemize, tokens
from speech.engines.kokoro.presets import PRESETS
from speech.engines.kokoro.runtime import Runtime, Stopper, Style
from speech.engines.kokoro.voices import BLENDS, recipe, stock_voice
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer
from speech.text.sentences import split


@pytest.mark.parametrize(
    ("text", "language", "phonemes"),
    [
        ("Bom dia!", "pt-BR", "bˈoŋ ʤˈiæ!"),
        ("leite quente", "pt-BR", "lˈAʧy kˈAŋʧy"),
        ("Right, now: go.", "en-US", "ɹˈIt, nˈW: ɡˈO."),
        ("Where is it?", "en-GB", "wˈɛːɹ ɪz ɪt?"),
        ("¿Qué tal?", "es", "kˈe tˈal?"),
        ("ciao bella", "it", "ʧˈao bˈɛlla"),
    ],
)
def test_phonemes(text: str, language: str, phonemes: str) -> None:
    assert phonemize(text, language) == phonemes


@pytest.mark.parametrize(
    ("text", "phonemes"),
    [
        ("É, acho que sim.", "ɛ, ˈaʃʊ ky sˈiŋ."),
        ("— É? — perguntou ela.", "— ɛ? — pˌeɾəɡũŋtˈow ˈɛlæ."),
        ("Ah, é?", "ˈa, ɛ?"),
        ("E, então, foi.", "i, Aŋtˈɐ̃ʊ̃, foɪ."),
        ("Ô, menino!", "ˈo, mˌenˈinʊ!"),
        ('Ela disse: "É".', 'ˌɛlæ ʤˈisy: " ɛ".'),
        ("À, digo, ao porto.", "a, ʤˈiɡʊ, W pˈoɾətʊ."),
        ("Ô menino, vem!", "ˈo mˌenˈinʊ, vˈAŋ!"),
        ("Ele veio e, depois, saiu.", "ˌely vˈAw i, depˈoɪs, saˈiʊ."),
        ("Quero o, digamos, outro.", "kˈɛɾw u, ʤˌiɡˈɐ̃mʊs, ˈowtrʊ."),
        ("E... então? E? E!", "i... Aŋtˈɐ̃ʊ̃? i? i!"),
        ("A, B, C, D e E.", "ˈa, bˈe, sˈe, dˈe i ˈɛ."),
        ("Opções: a) casa; e) carro.", "opsˈõjs: ˈa) kˈazæ; ˈɛ) kˈaxʊ."),
        ("A vitamina E.", "a vˌitæmˈinæ ˈɛ."),
    ],
)
def test_a_portuguese_word_of_one_letter_between_marks_stays_a_word(text: str, phonemes: str) -> None:
    assert phonemize(text, "pt-BR") == unicodedata.normalize("NFD", phonemes)


def test_marks_stay_in_place() -> None:
    assert phonemize("sim (não), “sim”… não?", "pt-BR") == "sˈiŋ (nˈɐ̃ʊ̃), “sˈiŋ”… nˈɐ̃ʊ̃?"


def test_every_language_gives_only_known_symbols() -> None:
    for language in ESPEAK_VOICES:
        phonemes = phonemize("Software 100% “livre” — naïve, façade; Москва!", language)
        assert phonemes and set(phonemes) <= set(TOKENS)
        assert len(tokens(phonemes)) == len(phonemes)


def test_a_language_without_phonemes_is_refused_with_the_choices() -> None:
    with pytest.raises(SpeechError, match="language_not_spoken.*pt-BR"):
        phonemize("こんにちは", "ja")


def test_long_phonemes_are_cut_at_marks_then_spaces_and_lose_nothing() -> None:
    text = "aaaa bbbb, " * 20
    parts = cut(text, 50)
    assert max(map(len, parts)) <= 50 and all(part.endswith(",") for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert [len(part) for part in cut("x" * 120, 50)] == [50, 50, 20]


def test_a_sentence_is_due_when_those_before_it_have_been_heard() -> None:
    sentences = split("Um dia de sol. Dois. Três gatos dormem.", 200)
    requests = [
        SpeechRequest(sentences, "pt-BR", stock_voice("pf_dora"), {"speed": speed} if speed else {})
        for speed in (0.0, 2.0)
    ]
    usual, fast = (due_times(request, 100.0) for request in requests)
    assert usual[0] == fast[0] == 100 and usual == sorted(usual) and len(set(usual)) == 3
    assert [at - 100 for at in usual] == pytest.approx([2 * (at - 100) for at in fast])


def test_voices_tell_their_language_and_gender() -> None:
    voice = stock_voice("pm_alex")
    assert (voice.language, voice.gender, voice.title) == ("pt-BR", "male", "Alex")
    for odd in ("alex", "qq_alex", "pf_", ""):
        with pytest.raises(SpeechError, match="unknown_voice"):
            stock_voice(odd)


def test_blends_and_presets_are_made_of_voices_there_are(model_store: ModelStore) -> None:
    stock = {file.path.removeprefix("voices/").removesuffix(".bin") for file in model_store.info("kokoro-voices").files}
    assert len({name for name in stock if "/" not in name and "_" in name}) >= 54
    for blend in BLENDS:
        assert set(recipe(blend)) <= stock and sum(recipe(blend).values()) == 1
    for language in ("pt", "en"):
        chosen = [preset.voices[language] for preset in PRESETS]
        assert len(set(chosen)) == 8 and set(chosen) <= stock | set(BLENDS)


def test_speaks_sentence_by_sentence_without_clicks_or_clipping(synthesizer: Synthesizer) -> None:
    text = "Bom dia. Hoje o céu está claro.\n\nAmanhã vai chover!"
    plan = synthesizer.plan(text, engine="kokoro", language="pt-BR", voice="pf_dora")
    chunks = [chunk for chunk in synthesizer.speak(plan) if chunk.ends]
    assert len(chunks) == len(plan.sentences) == 3
    whole = join(chunks)
    assert 3 < whole.duration_s < 9
    assert np.isfinite(whole.samples).all() and np.abs(whole.samples).max() <= 0.99
    jumps = np.abs(np.diff(whole.samples))
    for end in np.cumsum([len(chunk.samples) for chunk in chunks])[:-1]:
        assert jumps[end - 1] < 3 * jumps.std()


def test_speed_and_pause_do_what_they_say(synthesizer: Synthesizer) -> None:
    def duration_s(**parameters: float) -> float:
        plan = synthesizer.plan(
            "O trem chegou cedo. Ela sorriu.", engine="kokoro", language="pt-BR", voice="pm_alex", parameters=parameters
        )
        return join(synthesizer.speak(plan)).duration_s

    plain = duration_s()
    assert duration_s(sentence_pause_s=1.25) == pytest.approx(plain + 1.0, abs=0.01)
    assert duration_s(speed=2.0, sentence_pause_s=0.0) == pytest.approx((plain - 0.25) / 2, rel=0.25)


def test_voices_differ_and_a_blend_lies_between(synthesizer: Synthesizer) -> None:
    def samples(voice: str) -> np.ndarray:
        plan = synthesizer.plan("Olá, mundo.", engine="kokoro", language="pt-BR", voice=voice)
        return join(synthesizer.speak(plan)).samples

    dora, again, alex = samples("pf_dora"), samples("pf_dora"), samples("pm_alex")
    assert np.array_equal(dora, again)
    assert len(dora) != len(alex) or np.abs(dora - alex).max() > 0.01
    assert len(samples("pf_dora_bella")) > 0


def test_closing_stops_before_the_next_sentences(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    synthesize = Runtime.synthesize

    def counted(runtime: Runtime, ids: list[int], style: Style, speed: float, stopper: Stopper) -> Samples:
        begun.append(len(ids))
        return synthesize(runtime, ids, style, speed, stopper)

    monkeypatch.setattr(Runtime, "synthesize", counted)
    plan = synthesizer.plan("Uma frase curta. " * 40, engine="kokoro", language="pt-BR", voice="pf_dora")
    stream = synthesizer.speak(plan)
    assert next(chunk for chunk in stream if chunk.ends).duration_s > 0.5
    stream.close()
    list(synthesizer.speak(synthesizer.plan("Fim.", engine="kokoro", language="pt-BR", voice="pf_dora")))
    # One was heard, one or two a core were under way, one is the last text: the other thirty-odd never began.
    assert len(begun) <= 6
