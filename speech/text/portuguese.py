"""Portuguese text as it is read out, in Brazil first; `pt-PT` differs in its number words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from speech.text import greek, portuguese_acronyms
from speech.text import portuguese_quantities as quantity
from speech.text.addresses import EMAIL, FILE, URL, address
from speech.text.clean import clean
from speech.text.portuguese_names import (
    ABBREVIATIONS,
    ADDRESS_MARKS,
    CURRENCIES,
    FEMININE_TITLES,
    LETTERS,
    MAY_BE_LAST,
    NUMBERED,
    PER,
    SCALES,
    STARTERS,
    SYMBOLS,
    TITLES,
    UNITS,
)
from speech.text.portuguese_numbers import MONTHS, NUMBER, cardinal, ordinal
from speech.text.ranges import range_rule
from speech.text.rules import (
    ROMAN,
    SPACED_NUMBER,
    UNKNOWN_ABBREVIATION,
    Speak,
    alternatives,
    apply,
    compile_rules,
    ending,
    ends_sentence,
    is_letter,
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
    return address(found[0], ADDRESS_MARKS, LETTERS)


def _courtesy(found: re.Match[str], language: str) -> str:
    return "dona" if found[1].endswith("a") else "dom"


def _feminine_title(found: re.Match[str], language: str) -> str:
    """A title with a raised a: Dr.ª, Srª, Prof.ªs."""
    return FEMININE_TITLES[found[1]] + ("s" if found[2] else "")


def _letters(found: re.Match[str], language: str) -> str:
    spoken = " ".join(LETTERS[letter] for letter in found[0].replace(".", ""))
    if ends_sentence(found, False, STARTERS):
        return f"{spoken}."
    return spoken + (" " if found.string[found.end()].isalnum() else "")


def _street(found: re.Match[str], language: str) -> str:
    """R. and Al. before a name: a street where a house number follows, or where nothing else of a sentence does."""
    before = found.string[max(0, found.start() - 24) : found.start()]
    after = found.string[found.end() : found.end() + 60]
    name = re.match(r"\s[A-ZÀ-Ú][\w'-]+(?:\s(?:d[aeo]s?\s)?[A-ZÀ-Ú][\w'-]+)*", after)
    is_person = re.search(r"(?:[A-ZÀ-Ú][\w-]*|[A-Z]\.)\s$", before) is not None
    rest = after[name.end() :] if name else ""
    has_number = re.match(r",?\s(?:n[.º°]*\s?)?\d|,?\ss/n", rest) is not None
    is_placed = (
        re.search(r"(?:^|[,;:(\n]\s?|\b(?:n?a|d?a|à|pela|pra|esquina com)\s)$", before, re.IGNORECASE) is not None
    )
    if name is None or is_person or not (has_number or (is_placed and not re.match(r"\s[a-zà-ú]", rest))):
        return found[0]
    return "rua" if found[0][0] == "R" else "alameda"


def _century(found: re.Match[str], language: str) -> str:
    def speak(numeral: re.Match[str]) -> str:
        value = roman(numeral[0])
        return ordinal(value, language) if value <= 10 else cardinal(value, language)

    return found[1] + re.sub(r"\b[IVX]+\b", speak, found[2])


def _monarch(found: re.Match[str], language: str) -> str:
    value = roman(found[2])
    is_woman = (
        re.search(
            r"(?:Maria|Isabel|Elizabeth|Elisabete|Catarina|Vitória|Margarida|Leonor|Cleópatra)$",
            found[1],
            re.IGNORECASE,
        )
        is not None
    )
    return f"{found[1]} {ordinal(value, language, is_woman) if value <= 10 else cardinal(value, language)}"


def _counted_part(found: re.Match[str], language: str) -> str:
    is_numeral = re.fullmatch(ROMAN, found[2]) is not None
    if not is_numeral or is_letter(found[1], found[2], _COUNTED_TO_HUNDREDS, _LETTERED):
        return f"{found[1]} cê" if found[2] == "C" else found[0]
    return f"{found[1]} {cardinal(roman(found[2]), language)}"


def _american_number(found: re.Match[str], language: str) -> str:
    whole, _, decimals = found[0].partition(".")
    if not decimals and whole.count(",") < 2:
        return found[0]
    return whole.replace(",", ".") + (f",{decimals}" if decimals.strip("0") else "")


def _score(found: re.Match[str], language: str) -> str:
    """Two by two goals: after a word of games, or between the names of two sides."""
    before, after = found.string[max(0, found.start() - 40) : found.start()], found.string[found.end() :][:3]
    is_between_names = re.search(r"\b[A-ZÀ-Ú][\w-]+ $", before) and re.match(r" [A-ZÀ-Ú]", after)
    is_game = re.search(rf"\b(?:{_GAMES})\w*(?: \w+){{0,3}} $", before, re.IGNORECASE)
    return f"{found[1]} a {found[2]}" if is_game or is_between_names else found[0]


def _event(found: re.Match[str], language: str) -> str:
    is_feminine = re.match(r"Guerra|Confer|Semana|Jornada|Bienal|Copa|Mostra|Feira", found[2]) is not None
    words = ordinal(roman(found[1]), language, is_feminine)
    return " ".join(word.capitalize() for word in words.split()) + " "


def _symbol(found: re.Match[str], language: str) -> str:
    return SYMBOLS[found[0]]


_GAMES = "venc|ganh|perd|empat|placar|vitória|derrot|gole|bateu|resultado|triunf|jogo|partida|final|terminou"
_CAPITAL_NAMES = (
    "Pedro|João|Luís|Luiz|Luis|Henrique|Bento|Pio|Elizabeth|Elisabete|Isabel|Carlos|Francisco|Leão|Paulo|"
    "Maria|Filipe|Felipe"
    "|Afonso|Manuel|Manoel|Catarina|Ricardo|Eduardo|Jorge|Guilherme|Napoleão|Nicolau|Alexandre|Sancho|Ivan|Gregório"
    "|Ramsés|Tutmés|Tutmósis|Ptolomeu|Cleópatra|Dario|Xerxes|Amenófis|Fernando|Sebastião|Dinis|Duarte|José|Miguel|Otto"
    "|Urbano|Inocêncio|Clemente|Bonifácio|Júlio|Sisto|Adriano|Estêvão"
)
_NAMES = f"{_CAPITAL_NAMES}|{_CAPITAL_NAMES.upper()}"
_TITLES = "dom|dona|rei|rainha|papa|imperador|imperatriz|czar|príncipe|faraó"
_TITLE = f"(?i:{_TITLES})"
# Counted so far that L and C are numbers; named by letters, so that X is one.
_COUNTED_TO_HUNDREDS = frozenset("capítulo volume tomo canto livro artigo".split())
_LETTERED = frozenset("tipo classe grupo categoria bloco quadro".split())
_SECTIONS = (
    "ite[mn]s?|subite[mn]s?|seç(?:ão|ões)|cláusulas?|artigos?|vers(?:ão|ões)|capítulos?|tópicos?|"
    "parágrafos?|anexos?|normas?"
)
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
    (FILE, _address),
    (r"\bp\.\s?ex\.|\be\.g\.", to("por exemplo")),
    (r"\bi\.e\.", to("isto é")),
    (r"\b(?:a|(?<=\d )A)\.\s?C\.(?!\w)", ending("antes de Cristo")),
    (r"\b(?:d|(?<=\d )D)\.\s?C\.(?!\w)", ending("depois de Cristo")),
    (r"\bS[./]\s?A\.(?!\w)|\bS/A\b", ending("ésse á")),
    (r"\bV\.\s?Exa\.", to("vossa excelência")),
    (r"\b[Nn]\.?\s?[º°]\s?(?=\d)", to("número ")),
    (r"\b[Nn]\.?[º°]s\s?(?=\d)", to("números ")),
    (rf"\b({alternatives(FEMININE_TITLES)})\.?ª(s?)", _feminine_title),
    (r"\b[Ee]xm\.?º", to("excelentíssimo")),
    (r"\b[Ii]lm\.?º", to("ilustríssimo")),
    (r"\b(?:R|Al)\.(?=\s[A-ZÀ-Ú])", _street),
    (r"\bR\.(?=\s(?:da|das|do|dos|de)\s[A-ZÀ-Ú])", to("rua")),
    (r"\bS\.(?=\s(?:Paulo|João|José|Pedro|Francisco|Bento|Jorge|Sebastião|Luís)\b)", to("São")),
    (r"\bD\.(?=\s([A-ZÀ-Ú][a-zà-ú]{2,}))", _courtesy),
    (rf"(?<![\w.])((?i:{alternatives(ABBREVIATIONS)}))\.(?=\W|$|[A-ZÀ-Ú\d])", _abbreviation(ABBREVIATIONS)),
    (rf"(?<![\w.])((?i:{alternatives(TITLES)}))\.(?=\s[A-ZÀ-Ú][a-zà-ú])", _abbreviation(TITLES)),
    (rf"(?<![\w.])((?i:{alternatives(NUMBERED)}))\.(?=\s?\d|\s[IVXL]+\b)", _abbreviation(NUMBERED)),
    (UNKNOWN_ABBREVIATION, lambda found, _: found[1]),
    (r"\b(?:s/\s?n|S/N)(?:[º°]|\b)\.?(?=\W|$)", ending("sem número")),
    (r"(?<![\w.])(?:[A-Z]\.){2,}(?! ?[A-Z]\.)", _letters),
    (r"\betc\b", to("etcétera")),
    (r"\bvs\b", to("versus")),
    (r"(?<!\S)c/\s*(?=\w)", to("com ")),
    (r"(?<!\S)s/\s*(?=\w)", to("sem ")),
    (r"(?<!\S)p/\s*(?=\w)", to("para ")),
    (r"\be/ou\b", to("e ou")),
    (r"\b([Ss]éculos?)((?:(?:,| e| a| ao|-)? ?\b[IVX]{1,5}\b)+)", _century),
    (rf"\b((?:{_TITLE}) (?:[A-ZÀ-Ú][\w]+ )?[A-ZÀ-Ú][\w]+) ([IVX]{{1,6}})\b", _monarch),
    (rf"\b((?:{_NAMES})) ([IVX]{{2,6}}|[IVX](?!\w|\.))\b", _monarch),
    (rf"\b((?i:{_PARTS})) ([IVXLC]{{1,8}})\b", _counted_part),
    (rf"\b([IVX]{{1,6}}) (?=({_EVENTS})\b)", _event),
)
_FORMS = (
    *compile_rules(
        (r"(?<=\w)\^2(?!\d)", to(" ao quadrado ")),
        (r"(?<=\w)\^(-?)\+?\(?(\d+)\)?", lambda found, _: f" elevado a {'menos ' if found[1] else ''}{found[2]}"),
        (r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?(?!\d|[.,]\d)", _american_number),
        (r"(?<=[$€£])\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?(?!\d|[.,]\d)", _american_number),
        (SPACED_NUMBER, lambda found, _: found[0].replace(" ", ".")),
    ),
    *range_rule(NUMBER, alternatives(CURRENCIES), _UNIT, alternatives(SCALES), "a"),
)
_DATES = compile_rules(
    (rf"\b((?i:{_SECTIONS})) (\d{{1,4}}(?:\.\d{{1,4}}){{2,}})(?![\w/]|[.,]\d)", quantity.section),
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
    (
        r"(?<![\w:.,])(?P<hour>1[0-2]|0?[1-9])(?P<minute>)(?P<second>)\s?(?P<half>[aApP])(?:\.[mM]\.|[mM]\b\.?)(?!\w)",
        quantity.clock,
    ),
    (r"(?<![\w:.,])(\d{1,3})\s?h(?:s|rs)?\s?(?:([0-5]\d)(\s?min)?)?(?![\w/])", quantity.duration),
)
_AMOUNTS = compile_rules(
    (r"(?<![\w.,])(\d{1,2})x(\d{1,2})(?![\w/²]|[.,]\d| ?[mc]?m\b)", _score),
    (r"(?<=\b\d) x (?=\d\b(?! ?(?:=|[mc]?m\b)))", to(" a ")),
    (r"(?<=\d)\s?[x×]\s?(?=\d)|(?<=[a-z²]) x (?=\d)", to(" por ")),
    (rf"(?<!\w)({alternatives(CURRENCIES)})\s?({NUMBER})-(?=\d)", lambda found, language: f"{found[2]} a {found[1]} "),
    (r"(?<![\w.,/-])(\d{1,4})-(\d{1,4})(?!\d|/|-\d|[.,]\d)", quantity.number_range),
    (
        rf"(?<![\d.,])(\d{{1,3}})\.(\d{{1,2}})(?=\s?(?:%|(?:{_UNIT}|{alternatives(SCALES)})(?![\w/])))",
        lambda found, language: f"{found[1]},{found[2]}",
    ),
    (rf"(?P<minus>(?<!\w)-\s?)?(?<!\w){_SYMBOL}\s?(?P<inner>-\s?)?{_AMOUNT}(?!\w)", quantity.money),
    (rf"(?P<minus>(?<!\w)-)?(?P<inner>)(?<![\w.,]){_AMOUNT}\s?{_SYMBOL}(?!\w)", quantity.money),
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
    *portuguese_acronyms.rules(),
    *greek.rules("pt"),
    (rf"[{re.escape(''.join(SYMBOLS))}]", _symbol),
    (r"[|\\]", to(", ")),
    (r"[*^~_{}<>[\]¢¬¦]", to(" ")),
    (r"(?<=\s)-(?=\s)", to("—")),
)
_RULES = (*_WORDS, *_FORMS, *_DATES, *_AMOUNTS, *_MARKS)
