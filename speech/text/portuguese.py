"""Portuguese text as it is read out, in Brazil first; `pt-PT` differs in its number words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from speech.text import portuguese_quantities as quantity
from speech.text.clean import clean
from speech.text.portuguese_names import (
    ABBREVIATIONS,
    ADDRESS_MARKS,
    CURRENCIES,
    LETTERS,
    MAY_BE_LAST,
    NUMBERED,
    PER,
    SCALES,
    SPELLED,
    SYMBOLS,
    TITLES,
    UNITS,
)
from speech.text.portuguese_numbers import MONTHS, NUMBER, cardinal, ordinal
from speech.text.rules import (
    EMAIL,
    ROMAN,
    URL,
    Speak,
    address,
    alternatives,
    apply,
    compile_rules,
    ending,
    ends_sentence,
    roman,
    to,
)


def normalize(text: str, region: str) -> str:
    """Clean Portuguese text in words; `region` is `BR` or `PT`."""
    return clean(apply(_RULES, text, "pt" if region == "PT" else "pt_BR"))


def _abbreviation(table: Mapping[str, str]) -> Speak:
    def speak(found: re.Match[str], language: str) -> str:
        key = found[1].lower()
        if ends_sentence(found, key in MAY_BE_LAST):
            return f"{table[key]}."
        return table[key] + (" " if found.string[found.end()].isalnum() else "")

    return speak


def _address(found: re.Match[str], language: str) -> str:
    return address(found[0], ADDRESS_MARKS)


def _courtesy(found: re.Match[str], language: str) -> str:
    return "dona" if found[1].endswith("a") else "dom"


def _spelled(found: re.Match[str], language: str) -> str:
    if not any(character.islower() for character in found.string[max(0, found.start() - 30) : found.end() + 30]):
        return found[0]
    return " ".join(LETTERS[letter] for letter in found[0])


def _century(found: re.Match[str], language: str) -> str:
    def speak(numeral: re.Match[str]) -> str:
        value = roman(numeral[0])
        return ordinal(value, language) if value <= 10 else cardinal(value, language)

    return found[1] + re.sub(r"\b[IVX]+\b", speak, found[2])


def _monarch(found: re.Match[str], language: str) -> str:
    value = roman(found[2])
    is_woman = (
        re.search(r"(?:Maria|Isabel|Elizabeth|Elisabete|Catarina|Vitória|Margarida|Leonor)$", found[1]) is not None
    )
    return f"{found[1]} {ordinal(value, language, is_woman) if value <= 10 else cardinal(value, language)}"


def _counted_part(found: re.Match[str], language: str) -> str:
    is_numeral = re.fullmatch(ROMAN, found[2]) is not None
    return f"{found[1]} {cardinal(roman(found[2]), language)}" if is_numeral else found[0]


def _event(found: re.Match[str], language: str) -> str:
    is_feminine = re.match(r"Guerra|Confer|Semana|Jornada|Bienal|Copa|Mostra|Feira", found[2]) is not None
    words = ordinal(roman(found[1]), language, is_feminine)
    return " ".join(word.capitalize() for word in words.split()) + " "


def _symbol(found: re.Match[str], language: str) -> str:
    return SYMBOLS[found[0]]


_NAMES = (
    "Pedro|João|Luís|Luiz|Luis|Henrique|Bento|Pio|Elizabeth|Elisabete|Isabel|Carlos|Francisco|Leão|Paulo|"
    "Maria|Filipe|Felipe"
    "|Afonso|Manuel|Manoel|Catarina|Ricardo|Eduardo|Jorge|Guilherme|Napoleão|Nicolau|Alexandre|Sancho|Ivan|Gregório"
)
_TITLE = "[Dd]om|[Dd]ona|[Rr]ei|[Rr]ainha|[Pp]apa|[Ii]mperador|[Ii]mperatriz|[Cc]zar|[Pp]ríncipe|[Ff]araó"
_PARTS = (
    "capítulo|volume|tomo|parte|tipo|fase|nível|classe|grupo|título|anexo|inciso|ato|cena|livro|etapa|"
    "categoria|seção|módulo|"
    "figura|tabela|quadro|episódio|temporada|bloco|artigo|grau|estágio|canto"
)
_EVENTS = (
    "Guerra|Conferência|Semana|Jornada|Bienal|Copa|Mostra|Feira|Congresso|Encontro|Fórum|Simpósio|Festival|Seminário|"
    "Concurso|Salão|Prêmio|Campeonato|Torneio|Concílio|Exército|Reich|Império"
)
_MONTH = "|".join(MONTHS)
_UNIT = alternatives(UNITS)
_AMOUNT = rf"(?P<amount>{NUMBER})(?:\s?(?P<scale>{alternatives(SCALES)})\b)?"
_SYMBOL = rf"(?P<symbol>{alternatives(CURRENCIES)})"


_WORDS = compile_rules(
    (EMAIL, _address),
    (URL, _address),
    (r"\bp\.\s?ex\.|\be\.g\.", to("por exemplo")),
    (r"\bi\.e\.", to("isto é")),
    (r"\ba\.\s?C\.(?!\w)", ending("antes de Cristo")),
    (r"\bd\.\s?C\.(?!\w)", ending("depois de Cristo")),
    (r"\bS[./]\s?A\.(?!\w)|\bS/A\b", ending("ésse á")),
    (r"\bV\.\s?Exa\.", to("vossa excelência")),
    (r"\b[Nn]\.?\s?[º°]\s?(?=\d)", to("número ")),
    (r"\b[Nn]\.?[º°]s\s?(?=\d)", to("números ")),
    (r"\bR\.(?=\s(?:da|das|do|dos|de)\s[A-ZÀ-Ú])", to("rua")),
    (r"\bS\.(?=\s(?:Paulo|João|José|Pedro|Francisco|Bento|Jorge|Sebastião|Luís)\b)", to("São")),
    (r"\bD\.(?=\s([A-ZÀ-Ú][a-zà-ú]{2,}))", _courtesy),
    (rf"(?<![\w.])((?i:{alternatives(ABBREVIATIONS)}))\.(?=\W|$|[A-ZÀ-Ú\d])", _abbreviation(ABBREVIATIONS)),
    (rf"(?<![\w.])((?i:{alternatives(TITLES)}))\.(?=\s[A-ZÀ-Ú][a-zà-ú])", _abbreviation(TITLES)),
    (rf"(?<![\w.])((?i:{alternatives(NUMBERED)}))\.(?=\s?\d|\s[IVXL]+\b)", _abbreviation(NUMBERED)),
    (r"\betc\b", to("etcétera")),
    (r"\bvs\b", to("versus")),
    (r"(?<!\S)c/\s*(?=\w)", to("com ")),
    (r"(?<!\S)s/\s*(?=\w)", to("sem ")),
    (r"(?<!\S)p/\s*(?=\w)", to("para ")),
    (r"\be/ou\b", to("e ou")),
    (r"\b([Ss]éculos?)((?:(?:,| e| a| ao|-)? ?\b[IVX]{1,5}\b)+)", _century),
    (rf"\b((?:{_TITLE}) (?:[A-ZÀ-Ú][a-zà-ú]+ ){{0,1}}[A-ZÀ-Ú][a-zà-ú]+) ([IVX]{{1,6}})\b", _monarch),
    (rf"\b((?:{_NAMES})) ([IVX]{{2,6}}|[IVX](?!\w|\.))\b", _monarch),
    (rf"\b((?i:{_PARTS})) ([IVXLC]{{1,8}})\b", _counted_part),
    (rf"\b([IVX]{{1,6}}) (?=({_EVENTS})\b)", _event),
)
_DATES = compile_rules(
    (r"(?<!\d)\d{3}\.\d{3}\.\d{3}-\d{2}(?!\d)|(?<!\d)\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}(?!\d)", quantity.digit_by_digit),
    (r"(?<![\w-])\d{5}-\d{3}(?![\w-])|(?<!\d)0[38]00[ .-]?\d{3}[ .-]?\d{3,4}(?!\d)", quantity.digit_by_digit),
    (r"(?<!\w)\+\d{1,3}(?:[ .-]?\(?\d{2,5}\)?){2,5}(?!\d)", quantity.telephone),
    (r"(?<![\w(-])\(0?\d{2}\) ?9?\d{4}[ .-]?\d{4}(?![\w-])", quantity.telephone),
    (r"(?<![\w.,/-])(?:\d{2} )?9?\d{4}-\d{4}(?![\w/-])", quantity.telephone),
    (r"(?<![\w/.-])(\d{4})-(\d{2})-(\d{2})(?![\w/-])", quantity.year_first),
    (
        r"(?<![\w/.-])(?P<day>\d{1,2})(?P<mark>[/.-])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/-])",
        quantity.day_first,
    ),
    (r"(?<![\w/.-])(0?[1-9]|1[0-2])/((?:1\d|20)\d\d)(?![\w/-])", quantity.month_and_year),
    (r"(?<![\w/.-])(\d\d)/(\d\d)(?![\w/-])", quantity.day_and_month),
    (r"(?<=\b[Dd]ia )(\d{1,2})/(\d{1,2})(?![\w/-])", quantity.day_and_month),
    (rf"(?<![\w.,])(?:0?1|1[º°])(?= de (?:{_MONTH})\b)", quantity.first_of_month),
    (
        r"(?<![\w:.,])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?:\s?h(?:s|oras)?\b)?"
        r"(?:\s?(?P<half>[aApP])\.?[mM]\b\.?)?(?![\w:])",
        quantity.clock,
    ),
    (r"(?<![\w:.,])(\d{1,3})\s?h(?:s|rs)?\s?(?:([0-5]\d)(\s?min)?)?(?![\w/])", quantity.duration),
)
_AMOUNTS = compile_rules(
    (r"(?<=\b\d) x (?=\d\b(?! ?(?:=|[mc]?m\b)))", to(" a ")),
    (r"(?<=\d)\s?[x×]\s?(?=\d)|(?<=[a-z²]) x (?=\d)", to(" por ")),
    (rf"(?<!\w)({alternatives(CURRENCIES)})\s?({NUMBER})-(?=\d)", lambda found, language: f"{found[2]} a {found[1]} "),
    (r"(?<![\w.,/-])(\d{1,4})-(\d{1,4})(?!\d|/|-\d|[.,]\d)", quantity.number_range),
    (rf"(?P<minus>(?<!\w)-\s?)?(?<!\w){_SYMBOL}\s?{_AMOUNT}(?!\w)", quantity.money),
    (rf"(?P<minus>(?<!\w)-)?(?<![\w.,]){_AMOUNT}\s?{_SYMBOL}(?!\w)", quantity.money),
    (
        rf"(?<![\w.,])(\d{{1,3}})\.(\d{{1,2}})(?=\s?(?:%|(?:{_UNIT})(?![\w/])))",
        lambda found, language: f"{found[1]},{found[2]}",
    ),
    (rf"((?<!\w)-)?(?<![\w.,])({NUMBER})\s?%", quantity.percent),
    (rf"((?<!\w)-)?(?<![\w.,])({NUMBER})\s?({_UNIT})(?![\w/²³])", quantity.measure),
    (rf"(?<=[\w.])/({alternatives(PER)})(?![\w/])", quantity.per_unit),
    (r"(?<![\w.,])(\d{1,3}(?:\.\d{3}){1,2}|\d{1,9})\.?([ºª])(s?)(?!\w)", quantity.ordinal_number),
    (
        r"(?<![\w.,])(\d{1,2})(°)(s?)(?= (?:lugar|dia|andar|turno|ano|semestre|bimestre|grau)\b)",
        quantity.ordinal_number,
    ),
    (r"\b([Aa]rtigo) (\d{1,3})(?![\w.,/])", quantity.article),
    (r"(?<![\w/])24/7(?![\w/])", to("vinte e quatro por sete")),
    (r"½", to(" 1/2")),
    (r"¼", to(" 1/4")),
    (r"¾", to(" 3/4")),
    (r"(?<![\w/.,])(?:(\d+) {1,2})?(\d{1,3})/(\d{1,3})(?![\w/]|[.,]\d)(?=(?: ([^\W\d_]+))?)", quantity.fraction),
    (r"(?<![\w.,])(\d{1,4})x\b", quantity.times),
    (r"(?<=\d)\s?\*\s?(?=\d)", to(" vezes ")),
    (r"#(?=\d)", to("número ")),
    (r"~\s?(?=\d)", to("aproximadamente ")),
    (r"(?<=[^\W\d_])[-_]?(?=\d)|(?<=\d)(?=[^\W\d_])", to(" ")),
    (r"(?<!\d)\d+(?:,\d+){2,}", lambda found, language: found[0].replace(",", ", ")),
    (r"(?<![\w.,])(?!\d{1,3}(?:\.\d{3})+(?![\d.]))\d{1,9}(?:\.\d{1,9})+(?!\d|,\d)", quantity.dotted),
    (
        rf"(?P<sign>(?<![\w)])[-+])?(?<!\w)(?P<number>{NUMBER})"
        r"(?=(?: mil\b| a \d[\d.,]*| e \d[\d.,]*| ou \d[\d.,]*){0,3}(?: (?P<noun>[^\W\d_]+))?)",
        quantity.plain_number,
    ),
    (r"\d+", quantity.digit_by_digit),
)
_MARKS = compile_rules(
    (rf"(?<![\w-])(?:{alternatives(SPELLED)})(?![\w-])", _spelled),
    (rf"[{re.escape(''.join(SYMBOLS))}]", _symbol),
    (r"[|\\]", to(", ")),
    (r"[*^~_{}<>[\]¢¬¦]", to(" ")),
    (r"(?<=\s)-(?=\s)", to("—")),
)
_RULES = (*_WORDS, *_DATES, *_AMOUNTS, *_MARKS)
