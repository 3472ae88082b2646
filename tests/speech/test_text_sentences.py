"""Sentences are found where a reader pauses, and nothing of the text is lost on the way."""

from __future__ import annotations

import random
import time

import pytest

from speech.text.sentences import Sentence, split

WHOLE = [
    "O Sr. Silva e a Dra. Ana chegaram.",
    "A Profa. Lima mora na Av. Brasil com o Prof. Souza.",
    "Mr. and Mrs. Smith met Dr. Jones at St. Mary's.",
    "J. R. R. Tolkien escreveu muito.",
    "O livro de J.R.R. Tolkien é longo.",
    "Custa 3.50 no site www.exemplo.com.br agora.",
    "Veja o art. 5 e a pág. 12 do vol. II.",
    "Frutas, p. ex. Maçã, e legumes, p.ex. Couve.",
    "Fruits, e.g. Apples, i.e. Pomes.",
    "Eu… não sei bem o que dizer.",
    "Well... I think so.",
    '"Pare!" disse o homem.',
    "— Pare! — gritou o homem.",
    "Chegou às 3 p.m. com pressa.",
    "1. Abra a porta devagar.",
    "Compramos arroz, feijão etc. para a festa.",
    "Versão 2.0 disponível.",
]
PARTS = [
    ("Olá. Tudo bem?", ["Olá.", "Tudo bem?"]),
    ("Sim. Oi! Vamos?", ["Sim.", "Oi!", "Vamos?"]),
    ("Ele disse: “Vou embora.” Depois saiu.", ["Ele disse: “Vou embora.”", "Depois saiu."]),
    ("(Ninguém viu.) Foi rápido.", ["(Ninguém viu.)", "Foi rápido."]),
    ("Não sei… Talvez amanhã.", ["Não sei…", "Talvez amanhã."]),
    ("Arroz, feijão etc. Depois, sobremesa.", ["Arroz, feijão etc.", "Depois, sobremesa."]),
    ("So am I. He left.", ["So am I.", "He left."]),
    ("O quê?! Não pode ser.", ["O quê?!", "Não pode ser."]),
    ("oi. tudo bem? sim.", ["oi.", "tudo bem?", "sim."]),
    ("Nasceu em 1990. Morreu cedo.", ["Nasceu em 1990.", "Morreu cedo."]),
    ("Custou R$ 10. 5 pessoas pagaram.", ["Custou R$ 10.", "5 pessoas pagaram."]),
    ("今天天气很好。我们走吧！", ["今天天气很好。", "我们走吧！"]),
    ("यह अच्छा है। चलो चलें।", ["यह अच्छा है।", "चलो चलें।"]),
    ("É verdade. — Eu sei.", ["É verdade.", "— Eu sei."]),
    ("Oi! ... Tudo bem?", ["Oi!", "... Tudo bem?"]),
]


PARTS_IN = [
    ("ar", "كيف حالك؟ أنا بخير. د. أحمد هنا۔ نعم.", ["كيف حالك؟", "أنا بخير.", "د. أحمد هنا۔", "نعم."]),
    (
        "cs-CZ",
        "Přijde 3. Května ulice. Ing. Novák a č. 5 čekají. Ano?",
        ["Přijde 3. Května ulice.", "Ing. Novák a č. 5 čekají.", "Ano?"],
    ),
    (
        "de-DE",
        "Am 3. Mai kam Hr. Dr. Müller z. B. hierher. Das war 1999. Danach kam Nr. 5.",
        ["Am 3. Mai kam Hr. Dr. Müller z. B. hierher.", "Das war 1999.", "Danach kam Nr. 5."],
    ),
    ("es-ES", "¿Qué? EE. UU. es grande. ¡Sí!", ["¿Qué?", "EE. UU. es grande.", "¡Sí!"]),
    (
        "fr-FR",
        "Bonjour! M. Dupont et Mgr. Paul arrivent. Voir p. 12.",
        ["Bonjour!", "M. Dupont et Mgr. Paul arrivent.", "Voir p. 12."],
    ),
    ("hi-IN", "आप कैसे हैं? डॉ. शर्मा आए। वह गया॥ हाँ।", ["आप कैसे हैं?", "डॉ. शर्मा आए।", "वह गया॥", "हाँ।"]),
    ("hu-HU", "A 2. Világháború. Kb. 5 km. Igaz?", ["A 2. Világháború.", "Kb. 5 km.", "Igaz?"]),
    ("it-IT", "Il sig. Rossi e il dott. Neri. Pag. 12. Ciao!", ["Il sig. Rossi e il dott. Neri.", "Pag. 12.", "Ciao!"]),
    (
        "ja-JP",
        "元気ですか?「行く。」と言った。ABC。okです。",
        ["元気ですか?", "「行く。」と言った。", "ABC。", "okです。"],
    ),
    ("ko-KR", '네. "갑니다." 그가 말했다.', ["네.", '"갑니다."', "그가 말했다."]),
    ("nl-NL", "Dhr. Jansen komt. 's Avonds niet. Ca. 5 km.", ["Dhr. Jansen komt.", "'s Avonds niet.", "Ca. 5 km."]),
    ("pl-PL", "Ul. Długa i św. Anna. Dnia 3. Maja. Tak!", ["Ul. Długa i św. Anna.", "Dnia 3. Maja.", "Tak!"]),
    ("ru-RU", "На ул. Ленина, стр. 5. А. С. Пушкин. Да?", ["На ул. Ленина, стр. 5.", "А. С. Пушкин.", "Да?"]),
    ("tr-TR", "Prof. Kaya 3. Kata çıktı. Bkz. Ek. Tamam.", ["Prof. Kaya 3. Kata çıktı.", "Bkz. Ek.", "Tamam."]),
    (
        "zh-CN",
        '你好!很好。他说:"我不去。"然后走了。"真的吗?"她问。',
        ["你好!", "很好。", '他说:"我不去。"', "然后走了。", '"真的吗?"', "她问。"],
    ),
]


@pytest.mark.parametrize(("language", "text", "parts"), PARTS_IN)
def test_parts_in_a_language(language: str, text: str, parts: list[str]) -> None:
    assert [sentence.text for sentence in split(text, 400, language)] == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("今天天气很好,我们去公园;他不去", ["今天天气很好,我们去公园;", "他不去"]),
        ("今日は天気がいい、公園へ行こうよ", ["今日は天気がいい、", "公園へ行こうよ"]),
        ("نعم هذا جيد؛ لكن لا أعرف", ["نعم هذا جيد؛", "لكن لا أعرف"]),
    ],
)
def test_long_sentences_are_cut_at_clauses_of_every_script(text: str, parts: list[str]) -> None:
    assert [sentence.text for sentence in split(text, 14)] == parts


@pytest.mark.parametrize("text", WHOLE)
def test_stays_whole(text: str) -> None:
    assert split(text, 400) == (Sentence(text),)


@pytest.mark.parametrize(("text", "parts"), PARTS)
def test_parts(text: str, parts: list[str]) -> None:
    assert [sentence.text for sentence in split(text, 400)] == parts


def test_lines_end_paragraphs_and_the_end_of_the_text_does_not() -> None:
    assert split("Título\n\nUm. Dois.\r\nTrês.\n", 400) == (
        Sentence("Título", ends_paragraph=True),
        Sentence("Um."),
        Sentence("Dois.", ends_paragraph=True),
        Sentence("Três."),
    )


@pytest.mark.parametrize("text", ["", " \n\t ", "\n\n"])
def test_nothing_gives_nothing(text: str) -> None:
    assert split(text, 10) == ()


def test_a_long_sentence_is_cut_after_clauses_then_at_spaces_then_hard() -> None:
    def texts(text: str, max_chars: int) -> list[str]:
        return [sentence.text for sentence in split(text, max_chars)]

    assert texts("primeira parte, segunda parte; terceira, quarta", 32) == [
        "primeira parte, segunda parte;",
        "terceira, quarta",
    ]
    assert texts("um dois três quatro", 10) == ["um dois", "três", "quatro"]
    assert texts("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]
    assert texts("aaaae\u0301b", 5) == ["aaaa", "e\u0301b"]


def test_only_a_cut_at_the_end_of_a_paragraph_ends_it() -> None:
    assert [sentence.ends_paragraph for sentence in split("um dois três quatro\ncinco", 10)] == [
        False,
        False,
        True,
        False,
    ]


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        split("oi", 0)


def test_no_character_is_lost_reordered_or_over_the_limit() -> None:
    source = random.Random(7)
    parts = list("aZéñ5.!?…,;:—-\"”'()[]»।。！ \n\t\r\u2028\u0301\x1c😀") + [
        "Sr.",
        " etc. ",
        "p.m. ",
        "... ",
        "J. R. ",
        "3.14",
        "www.a.com",
    ]
    for _ in range(2000):
        text = "".join(source.choices(parts, k=source.randint(0, 60)))
        limit = source.randint(1, 40)
        sentences = split(text, limit)
        assert "".join("".join(s.text.split()) for s in sentences) == "".join(text.split()), repr(text)
        assert all(s.text == s.text.strip() and 0 < len(s.text) <= limit for s in sentences), repr(text)


@pytest.mark.parametrize("unit", ["! ", ".", "a. ", "Sr. ", "a", '"', "a, ", "… "])
def test_hostile_repetition_stays_linear(unit: str) -> None:
    started = time.perf_counter()
    split(unit * (50_000 // len(unit)), 400)
    assert time.perf_counter() - started < 2
