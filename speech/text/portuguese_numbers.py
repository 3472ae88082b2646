"""Portuguese number words: cardinals, decimals, ordinals, digits, and their agreement with a noun."""

from __future__ import annotations

import re
from functools import lru_cache

from speech.text.number_words import number_words

NUMBER = r"(?:\d{1,3}(?:\.\d{3})+(?![\d.])|\d+)(?:,\d+)?"
MONTHS = "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro".split()
# Words that num2words spells wrong.
_DEFECTS = {"quadrigentésimo": "quadringentésimo", "septigentésimo": "septingentésimo"}
_DEFECTS |= {"octigentésimo": "octingentésimo"}
_FEMININE_SINGULAR = frozenset(
    "vez mulher parte noite tarde colher dose morte chance flor lei classe chave base fase".split()
)
_FEMININE_PLURAL = frozenset(
    "mulheres vezes mães flores partes noites tardes mortes leis redes classes chaves árvores mãos luzes "
    "vozes atrizes bases "
    "doses fontes frases sedes torres paredes colheres nuvens ordens avós fases sessões opções dores "
    "equipes mentes".split()
)
_MASCULINE = frozenset(
    "dias meio-dias problemas programas sistemas temas mapas planetas poetas gramas quilogramas "
    "miligramas cometas telefonemas "
    "poemas dilemas diagramas esquemas idiomas climas cinemas atletas colegas guardas camaradas "
    "astronautas pijamas minas "
    "emblemas teoremas fantasmas sintomas diplomas papas mas apenas pelas elas nelas delas quilômetros homens "
    "para agora ainda nunca era fora seria estava havia tinha jovem homem".split()
)
_BEFORE_FEMININE = (" as ", " às ", " das ", " nas ", " pelas ", " umas ")
_SCALE = re.compile(r"^(.*(?:milhão|milhões|bilhão|bilhões|trilhão|trilhões)(?: e)? ?)?(.*)$")
_AGREEING = re.compile(r"\b(um|dois|\w+entos)\b")


@lru_cache(maxsize=4096)
def cardinal(value: int, language: str) -> str:
    """`value` in words, as it is said: without the commas that num2words writes."""
    return number_words(value, language).replace(",", "")


@lru_cache(maxsize=1024)
def ordinal(value: int, language: str, feminine_gender: bool = False) -> str:
    """`value` as an ordinal: vigésimo primeiro, vigésima primeira."""
    words = number_words(value, language, to="ordinal")
    for wrong, right in _DEFECTS.items():
        words = words.replace(wrong, right)
    return re.sub(r"o\b", "a", words) if feminine_gender else words


def digits(written: str, language: str) -> str:
    """Every digit of `written` by itself, with a short pause between its groups."""
    groups = re.findall(r"\d+", written)
    return ", ".join(" ".join(cardinal(int(digit), language) for digit in group) for group in groups)


def number(written: str, language: str, is_feminine: bool = False) -> str:
    """A number as it is written in Portuguese (1.234,56) in words; long ones digit by digit."""
    whole, _, decimals = written.partition(",")
    plain = whole.replace(".", "")
    by_digit = len(plain) > 15 or (whole == plain and _is_code(plain) and not decimals)
    spoken = digits(plain, language) if by_digit else cardinal(int(plain), language)
    if is_feminine and not by_digit:
        spoken = feminine(spoken)
    return f"{spoken} vírgula {_decimals(decimals, language)}" if decimals else spoken


def _is_code(plain: str) -> bool:
    """Long numbers without separators, and numbers with leading zeros of three digits or more, name; "
    "they do not count."""
    return (len(plain) > 6 and not plain.endswith("000")) or (len(plain) > 2 and plain[0] == "0")


def _decimals(written: str, language: str) -> str:
    significant = written.lstrip("0")
    if len(written) > 3 or not significant:
        return digits(written, language)
    zeros = ["zero"] * (len(written) - len(significant))
    return " ".join([*zeros, cardinal(int(significant), language)])


def is_singular(written: str) -> bool:
    """Whether a unit after the number stands in the singular: below two, zero included (zero hora, 1,5 milhão)."""
    return float(written.replace(".", "").replace(",", ".")) < 2


def feminine(words: str) -> str:
    """Number words before a feminine noun: duas, duzentas mil, but dois milhões."""
    found = _SCALE.match(words)
    if found is None:
        return words
    agreed = _AGREEING.sub(lambda word: _FEMININE_FORMS.get(word[0], word[0].replace("entos", "entas")), found[2])
    return (found[1] or "") + agreed


_FEMININE_FORMS = {"um": "uma", "dois": "duas"}


def is_feminine_noun(noun: str, written: str) -> bool:
    """Whether `noun`, which follows the number `written`, is feminine: a short list, and endings that "
    "hardly deceive."""
    noun = noun.lower()
    if noun in _MASCULINE or f"{noun}s" in _MASCULINE or len(noun) < 4 or noun.endswith(("ista", "istas")):
        return False
    if written == "1" and (noun in _FEMININE_SINGULAR or noun.endswith(("a", "ã", "ção", "ssão", "dade", "gem"))):
        return True
    return noun.endswith(("as", "ãs", "ções", "sões", "dades", "gens")) or noun in _FEMININE_PLURAL


def follows_feminine(before: str) -> bool:
    """Whether the words before a number ask for the feminine: as duas, das três às cinco."""
    return f" {before[-8:].lower()}".endswith(_BEFORE_FEMININE)
