"""Markup is not said: HTML, SSML and Markdown as a person reads them."""

from __future__ import annotations

import time

import pytest

from speech.request_checks import checked_reading
from speech.text.reading import read

READ = [
    ("pt-BR", "Ele disse <b>não</b>.", ["Ele disse não."]),
    ("pt-BR", "Arroz &amp; feijão", ["Arroz e feijão"]),
    ("pt-BR", "> Citação aqui.", ["Citação aqui."]),
    ("pt-BR", "&#39;Oi&#39;,&nbsp;disse.", ["'Oi', disse."]),
    ("pt-BR", "<p>Um.</p><p>Dois<br/>três</p>", ["Um.", "Dois", "três"]),
    ("pt-BR", "É 5 < 7 e x > y.", ["É cinco menor que sete e x maior que y."]),
    ("pt-BR", "Se a<b e c>d, pare.", ["Se a menor que b e c maior que d, pare."]),
    ("pt-BR", "<think>Vou pensar.\nHum.</think>Pronto.", ["Pronto."]),
    ("pt-BR", "<resposta>Sim.</resposta>", ["Sim."]),
    ("pt-BR", "Rode:\n```python\nprint(1)\n```\nFim.", ["Rode:", "Fim."]),
    ("pt-BR", "```\nolá\n```", ["olá"]),
    ("pt-BR", "| Nome | Idade |\n|---|---|\n| Ana | 7 |", ["Nome, Idade", "Ana, sete"]),
    ("pt-BR", "Veja [o site](https://exemplo.com/x).", ["Veja o site."]),
    ("pt-BR", "![um gato](gato.png) Fim.", ["um gato Fim."]),
    ("pt-BR", "- [ ] Lavar\n- [x] Secar", ["Lavar", "Secar"]),
    ("pt-BR", "*Muito* bem, _ele_ disse.", ["Muito bem, ele disse."]),
    ("pt-BR", "Nota[^1] final.", ["Nota final."]),
    ("pt-BR", '<!-- nada --><span class="a">Oi</span>', ["Oi"]),
    ("pt-BR", '<sub alias="Organização das Nações Unidas">ONU</sub>', ["Organização das Nações Unidas"]),
    ("en-US", "Salt &amp; pepper &lt; 5", ["Salt and pepper less than five"]),
    ("en-US", "# Title\n\n**Bold** text.", ["Title", "Bold text."]),
    ("en-US", '<speak>Hi, <emphasis level="strong">you</emphasis>.</speak>', ["Hi, you."]),
    ("en-US", "<table><tr><td>One</td><td>Two</td></tr></table>", ["One, Two"]),
    ("en-US", "See [1]: https://a.com/b for `code`.", None),
]


@pytest.mark.parametrize(("language", "text", "sentences"), READ)
def test_read(language: str, text: str, sentences: list[str] | None) -> None:
    found = [sentence.text for sentence in read(text, language, 400).sentences]
    assert found == sentences if sentences is not None else "dot com" in found[0]


@pytest.mark.parametrize(
    ("mark", "pause_s"),
    [
        ('<break time="1s"/>', 1.0),
        ("<break time='700ms'/>", 0.7),
        ("<break/>", 0.5),
        ('<break strength="strong" />', 1.0),
        ('<break time="99s"></break>', 10.0),
        ('<break strength="none"/>', None),
    ],
)
def test_a_break_makes_its_pause(mark: str, pause_s: float | None) -> None:
    first, second = read(f"Olá {mark} mundo.", "pt-BR", 400).sentences
    assert (first.text, first.pause_s) == ("Olá", pause_s)
    assert (second.text, second.pause_s) == ("mundo.", None)


def test_what_is_left_out_is_told_with_its_reason() -> None:
    text = "<b>Oi</b> 😀 [x](https://a.com) [UNK]\n```\nx = 1\n```\n***\n?!"
    left_out = {(part.text, part.reason) for part in checked_reading(text, "pt-BR", 400).left_out}
    assert {("<b>", "tag"), ("😀", "symbol"), ("https://a.com", "address"), ("[UNK]", "symbol")} <= left_out
    assert {("```\nx = 1\n```", "code"), ("?!", "no_words")} <= left_out


def test_given_phonemes_stay_with_their_word() -> None:
    text = "Em [Worcester](/wˈʊstɚ/) e <phoneme alphabet='ipa' ph='kˈoɾo'>Kokoro</phoneme>, sim."
    (sentence,) = read(text, "pt-BR", 400).sentences
    assert sentence.text == "Em Worcester e Kokoro, sim."
    assert [(sentence.text[g.start : g.end], g.phonemes) for g in sentence.given] == [
        ("Worcester", "wˈʊstɚ"),
        ("Kokoro", "kˈoɾo"),
    ]


@pytest.mark.parametrize(
    "unit", ["<", "<b", "<think>", "```\n", "[", "[a](", "<!--", "&#", "|", "*", "\\", "<break ", "<a b=", "> ", "<x>"]
)
def test_hostile_markup_ends(unit: str) -> None:
    started = time.thread_time()
    read(unit * (10_000 // len(unit)), "pt-BR", 400)
    assert time.thread_time() - started < 3
