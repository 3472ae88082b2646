"""Parts of a text spoken by another voice, faster, higher or louder: read, refused where nobody could, and heard."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from speech.audio import Audio, join
from speech.checking import quiet_tail_s
from speech.chunks import by_sentence
from speech.dsp import rms_db
from speech.engines.f0.autocorrelation import autocorrelation_f0
from speech.engines.silence import SAMPLE_RATE, SECONDS_PER_CHARACTER
from speech.errors import SpeechError
from speech.metrics.speaker import SpeakerEncoder, similarity
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.reading import read
from speech.text.sentences import PLAIN, Delivery, Sentence, pause_share

WORDS = "A manhã nasceu clara e fria na serra."


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synthesizer]:
    engines = {"silence": "speech.engines.silence:Silence"}
    synthesizer = Synthesizer(SynthesizerOptions(tmp_path_factory.mktemp("models"), extra_engines=engines))
    yield synthesizer
    synthesizer.close()


def spoken(synthesizer: Synthesizer, text: str) -> Audio:
    return join(synthesizer.speak(synthesizer.plan(text, engine="kokoro", language="pt-BR", voice="pf_dora")))


def spoken_parts(synthesizer: Synthesizer, text: str) -> list[Audio]:
    """The sound of each sentence."""
    plan = synthesizer.plan(text, engine="kokoro", language="pt-BR", voice="pf_dora")
    return [join(chunks) for chunks in by_sentence(synthesizer.speak(plan)) if chunks[-1].ends]


def f0_hz(audio: Audio) -> float:
    from speech.audio import resample

    found = autocorrelation_f0(resample(audio, 16000).samples.astype(np.float64), 60.0, 500.0)
    return float(np.median(found[found > 0]))


def delivered(text: str, language: str = "pt-BR") -> list[tuple[str, Delivery, bool]]:
    return [(one.text, one.delivery, one.goes_on) for one in read(text, language, 400).sentences]


def test_prosody_is_of_what_it_stands_around() -> None:
    slow, higher = Delivery(rate=0.75), Delivery(rate=0.75, pitch_semitones=2.0)
    text = 'Um. <prosody rate="slow">Dois <prosody pitch="+2st">três</prosody>.</prosody> Fim.'
    assert delivered(text) == [
        ("Um.", PLAIN, False), ("Dois", slow, True), ("três.", higher, False), ("Fim.", PLAIN, False)
    ]  # fmt: skip


def test_a_dialogue_changes_its_speaker() -> None:
    text = "[voice: ana] Olá, tudo bem?\n[voz: rui]: Tudo! E você?\n[voice:] Fim."
    assert delivered(text) == [
        ("Olá, tudo bem?", Delivery("ana"), False),
        ("Tudo!", Delivery("rui"), False),
        ("E você?", Delivery("rui"), False),
        ("Fim.", PLAIN, False),
    ]
    assert [one.ends_paragraph for one in read(text, "pt-BR", 400).sentences] == [True, False, True, False]
    assert delivered('<voice name="ana">Um. <break time="1s"/> Dois.</voice> Três.')[1:] == [
        ("Dois.", Delivery("ana"), False),
        ("Três.", PLAIN, False),
    ]


@pytest.mark.parametrize(
    ("language", "kind", "content", "words"),
    [
        ("pt-BR", 'interpret-as="characters"', "CPF", "cê, pê, efe"),
        ("pt-BR", 'interpret-as="digits"', "1234", "Um dois três quatro"),
        ("pt-BR", 'interpret-as="date" format="dmy"', "05/03/2025", "Cinco de março de dois mil e vinte e cinco"),
        ("pt-BR", 'interpret-as="date" format="mdy"', "05/03/2025", "Três de maio de dois mil e vinte e cinco"),
        ("pt-BR", "interpret-as='ordinal'", "3", "Terceiro"),
        ("pt-BR", 'interpret-as="cardinal"', "21", "Vinte e um"),
        ("en-US", 'interpret-as="spell-out"', "abc", "A, B, C"),
        ("en-US", 'interpret-as="telephone"', "555-0199", "Five five five, zero one nine nine"),
        ("en-US", 'interpret-as="ordinal"', "22", "Twenty-second"),
    ],
)
def test_what_is_to_be_said_as_something(language: str, kind: str, content: str, words: str) -> None:
    [sentence] = read(f"<say-as {kind}>{content}</say-as>", language, 400).sentences
    assert sentence.text == words


@pytest.mark.parametrize(
    ("text", "attribute", "choice"),
    [
        ('<prosody rate="warp">a</prosody>', "rate", "x-slow"),
        ('<prosody rate="900%">a</prosody>', "rate", "50% – 200%"),
        ('<prosody pitch="200Hz">a</prosody>', "pitch", "-12st – +12st"),
        ('<prosody pitch="+13st">a</prosody>', "pitch", "-12st – +12st"),
        ('<prosody volume="11">a</prosody>', "volume", "loud"),
        ('<prosody contour="(0%,+2st)">a</prosody>', "contour", "pitch"),
        ('<voice gender="female">a</voice>', "gender", "name"),
        ('<say-as interpret-as="song">a</say-as>', "interpret-as", "characters"),
        ('<say-as interpret-as="date" format="xyz">1/2/3</say-as>', "format", "dmy"),
    ],
)
def test_what_nobody_could_do_is_refused_with_what_there_is(text: str, attribute: str, choice: str) -> None:
    with pytest.raises(SpeechError) as raised:
        read(text, "pt-BR", 400)
    assert raised.value.code == "markup_value" and raised.value.values["attribute"] == attribute
    assert choice in raised.value.values["choices"]


def test_a_voice_that_is_not_there_is_refused_with_those_that_are(silent: Synthesizer) -> None:
    with pytest.raises(SpeechError) as raised:
        silent.plan("[voice: ninguém] Oi.", engine="silence", language="pt-BR", voice="silence_female")
    assert (raised.value.code, raised.value.values["voice"]) == ("unknown_voice", "ninguém")
    assert raised.value.values["choices"] == ["silence_female", "silence_male"]
    text = '<prosody rate="2">a</prosody>'
    with pytest.raises(SpeechError, match="parameter_out_of_range"):
        silent.plan(text, engine="silence", language="pt-BR", voice="silence_female", parameters={"speed": 1.5})


def test_each_run_is_as_long_as_it_should_be(silent: Synthesizer) -> None:
    text = '[voice: Silence_Male] aaaa. <prosody rate="50%">bbbb.</prosody> <prosody rate="fast">cc</prosody> dd.'
    plan = silent.plan(text, engine="silence", language="pt-BR", voice="silence_female")
    assert {name: voice.voice_id for name, voice in plan.voices.items()} == {"Silence_Male": "silence_male"}
    seconds = (5 + 5 / 0.5 + 2 / 1.25 + 3) * SECONDS_PER_CHARACTER + 2 * 0.25  # none where the sentence goes on
    assert join(silent.speak(plan)).duration_s == pytest.approx(seconds, abs=4 / SAMPLE_RATE)


def test_pauses_follow_the_marks() -> None:
    shares = [pause_share(Sentence(text)) for text in ("um", "um,", "um;", "um.", 'um."', "um?", "um…")]
    assert shares == [0.2, 0.45, 0.7, 1.0, 1.0, 1.0, 1.4]
    assert pause_share(Sentence("um.", ends_paragraph=True)) == 2.5


def test_a_break_and_a_rate_and_a_volume_are_heard(synthesizer: Synthesizer) -> None:
    plain = spoken(synthesizer, WORDS)
    fast = spoken(synthesizer, f'<prosody rate="fast">{WORDS}</prosody>')
    assert plain.duration_s / fast.duration_s == pytest.approx(1.25, abs=0.12)
    soft = spoken(synthesizer, f'<prosody volume="soft">{WORDS}</prosody>')
    assert rms_db(soft.samples) - rms_db(plain.samples) == pytest.approx(-6.0, abs=0.1)
    parts = spoken_parts(synthesizer, f'{WORDS} <break time="1s"/> {WORDS}')
    assert quiet_tail_s(parts[0]) == pytest.approx(1.0 + 0.25, abs=0.12)


def test_a_pitch_is_heard(synthesizer: Synthesizer) -> None:
    plain, high = spoken(synthesizer, WORDS), spoken(synthesizer, f'<prosody pitch="+3st">{WORDS}</prosody>')
    assert 12 * np.log2(f0_hz(high) / f0_hz(plain)) == pytest.approx(3.0, abs=0.5)
    assert high.duration_s == pytest.approx(plain.duration_s, abs=0.05)


def test_two_speakers_are_two(synthesizer: Synthesizer, installed: Callable[..., ModelStore]) -> None:
    """By an encoder that no engine uses."""
    store = installed("speaker-resnet34")
    encoder = SpeakerEncoder(store.path("speaker-resnet34") / "speaker-resnet34.onnx")
    text = f"[voice: pf_dora] {WORDS}\n[voice: pm_alex] {WORDS}"
    first, second = map(encoder.embed, spoken_parts(synthesizer, text))
    dora = encoder.embed(spoken(synthesizer, WORDS))
    assert similarity(first, dora) > 0.7 > 0.5 > similarity(second, dora)
