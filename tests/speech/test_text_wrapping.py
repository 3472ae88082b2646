"""Lines that a page has broken are joined; those that an author has broken stay."""

from __future__ import annotations

import pytest

from speech.text.reading import ReadingOptions, read
from speech.text.wrapping import unwrap

PDF = (
    "O relatório mostra que a empresa conseguiu re-\nduzir os custos de produção em todas as\n"
    "fábricas do Brasil e de Portugal, e que o\nBrasil venceu."
)
JOINED = (
    "O relatório mostra que a empresa conseguiu reduzir os custos de produção em todas as "
    "fábricas do Brasil e de Portugal, e que o Brasil venceu."
)


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        (PDF, JOINED),
        (
            "The report shows that the company could\nreduce its costs.",
            "The report shows that the company could reduce its costs.",
        ),
        ("ca\u00ad\nvalo", "cavalo"),
        ("emo\ufffetional", "emotional"),
        ("emo\x02\ntional", "emotional"),
        ("guarda-\nchuva", "guarda-chuva"),
        ("Quero vê-\nlo hoje.", "Quero vê-lo hoje."),
        ("self-\nmade", "self-made"),
        ("an inter-\nnational law", "an international law"),
    ],
)
def test_joined(text: str, joined: str) -> None:
    assert unwrap(text) == joined


@pytest.mark.parametrize(
    "text",
    [
        "batatinha quando nasce\nse esparrama pelo chão\nmenininha quando dorme\npõe a mão no coração",
        "- pão de queijo bem quente da padaria da rua\n- café com leite e sem açúcar para a minha tia\n- bolo",
        "— Olá, tudo bem com você hoje de manhã cedo?\n— Tudo, e com você? Vamos embora daqui agora\n— Vamos.",
        "Um título curto\nO texto que vem depois dele é longo e não foi quebrado por ninguém no meio.",
        "1. Abra a porta devagar e entre sem fazer nada\n2. Feche a porta atrás de si e espere um pouco\n3. Sente",
        "Prezado senhor,\n\nescrevo para dizer que sim.",
        "A primeira frase enche bem a linha inteira aqui.\nA segunda frase também enche a linha inteira.",
    ],
)
def test_kept(text: str) -> None:
    assert unwrap(text) == text


def test_the_switch() -> None:
    assert unwrap(PDF, "keep") == PDF
    assert unwrap("um\ndois\n\ntrês\nQuatro", "join") == "um dois\n\ntrês Quatro"
    assert [len(read(PDF, "pt-BR", 400, ReadingOptions(way)).sentences) for way in ("auto", "keep", "join")] == [
        1,
        4,
        1,
    ]
