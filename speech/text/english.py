"""English text as it is read out, in the United States first; `en-GB` differs in dates, `and`s and spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping

from speech.text import english_quantities as quantity
from speech.text import greek
from speech.text.addresses import EMAIL, FILE, URL, address
from speech.text.clean import clean
from speech.text.english_names import (
    ABBREVIATIONS,
    ADDRESS_MARKS,
    CURRENCIES,
    MAY_BE_LAST,
    MONTHS,
    NUMBERED,
    PER,
    SCALES,
    SHORT_MONTHS,
    STARTERS,
    SYMBOLS,
    TITLES,
    UNITS,
)
from speech.text.english_numbers import NUMBER, cardinal, ordinal
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
    """Clean English text in words; `region` is `US`, or `GB` for British (Australia, India and others follow it)."""
    return clean(apply(_RULES, text, "en_US" if region in ("", "US", "CA", "PH") else "en_GB"))


def _address(found: re.Match[str], language: str) -> str:
    return address(found[0], ADDRESS_MARKS, _LETTERS)


def _abbreviation(table: Mapping[str, str]) -> Speak:
    def speak(found: re.Match[str], language: str) -> str:
        key = found[1].lower()
        if ends_sentence(found, key in MAY_BE_LAST):
            return f"{table[key]}."
        return table[key] + (" " if found.string[found.end()].isalnum() else "")

    return speak


def _saint_or_street(found: re.Match[str], language: str) -> str:
    """Street and Drive stand after a name, Saint and Doctor before one."""
    after_name = re.search(r"\b[A-Z][a-z]+ $", found.string[max(0, found.start() - 20) : found.start()]) is not None
    before_name = re.match(r" [A-Z]", found.string[found.end() : found.end() + 2]) is not None
    if found[1] == "St":
        words = "Saint" if before_name and not after_name else "Street"
    else:
        words = "Drive" if after_name and not before_name else "Doctor"
    return f"{words}." if ends_sentence(found, words in ("Street", "Drive")) else words


def _letters(found: re.Match[str], language: str) -> str:
    letters = found[0].replace(".", "")
    return f"{letters}." if ends_sentence(found, False, STARTERS) else letters


def _unread(found: re.Match[str], language: str) -> str:
    """IT and US inside words in capitals: the words and not the letters."""
    before = re.search(r"(\w+) $", found.string[max(0, found.start() - 16) : found.start()])
    after = re.match(r" (\w+)", found.string[found.end() : found.end() + 16])
    if found[0] == "US":
        is_word = before is not None and before[1] in _BEFORE_US and (after is None or after[1].isupper())
    else:
        is_word = after is not None and len(after[1]) > 1 and after[1].isupper() and after[1] not in _AFTER_IT
    return found[0].lower() if is_word else found[0]


def _monarch(found: re.Match[str], language: str) -> str:
    return f"{found[1]} the {ordinal(roman(found[2]), language)}"


def _counted_part(found: re.Match[str], language: str) -> str:
    numeral = found[2].upper()
    if not re.fullmatch(ROMAN, numeral) or is_letter(found[1], found[2], _COUNTED_TO_HUNDREDS, _LETTERED):
        return found[0]
    if found[2] == "I" and found[1][0].islower():
        return found[0]
    return f"{found[1]} {cardinal(roman(numeral), language)}"


def _numbered_name(found: re.Match[str], language: str) -> str:
    """A numeral after any other name counts it (Final Fantasy seven), unless a given name tells of a person."""
    if re.fullmatch(ROMAN, found[2]) is None:
        return found[0]
    if re.search(rf"\b(?:{_GIVEN_NAMES}) (?:[A-Z]\. )?$", found.string[: found.start()][-20:]):
        return f"{found[1]} the {ordinal(roman(found[2]), language)}"
    return f"{found[1]} {cardinal(roman(found[2]), language)}"


def _century(found: re.Match[str], language: str) -> str:
    return ordinal(roman(found[1]), language) if re.fullmatch(ROMAN, found[1]) else found[0]


def _plain_number(found: re.Match[str], language: str) -> str:
    """A number with points for its thousands and a decimal comma, in the English way."""
    return found[0].replace(" ", ".").replace(".", "").replace(",", ".")


def _symbol(found: re.Match[str], language: str) -> str:
    return SYMBOLS[found[0]]


_NAMES = (
    "Louis|Henry|Elizabeth|Charles|George|Edward|James|William|Richard|Philip|Peter|Paul|Pius|Benedict|Catherine|"
    "Mary|Francis|Napoleon|Nicholas|Alexander|Frederick|Ramses|Ivan|Gregory|Innocent|Clement|Leo|Thutmose|Amenhotep|"
    "Ramesses|Rameses|Ptolemy|Cleopatra|Darius|Xerxes|Artaxerxes|Antiochus|Urban|Boniface|Sixtus|Julius|Adrian|David|"
    "Malcolm|Christian|Gustav|Otto|Rudolf|Wilhelm|Ferdinand|Alfonso|Leopold|Suleiman|Mehmed|Murad|Constantine|"
    "Theodosius|Justinian|Basil|Stephen|Casimir|Pedro|Felipe|Juan"
)
_TITLE = "King|Queen|Pope|Emperor|Empress|Prince|Princess|Tsar|Czar|Pharaoh|Saint"
_PARTS = (
    "chapter|volume|part|type|phase|level|class|title|act|scene|book|section|figure|table|appendix|article|season|"
    "episode|super bowl|world war|stage|grade|group|category|module|unit|apollo|rocky|article|schedule"
)
_GIVEN_NAMES = (
    "John|James|Robert|William|Henry|George|Edward|Charles|Thomas|Richard|Joseph|David|Frank|Walter|Arthur|Harry|Edwin|"
    "Oscar|Loudon|Louis|Samuel|Martin|Albert|Alfred|Michael|Daniel|Andrew|Peter|Paul|Philip|Howard|Cornelius|Adlai"
)
# Counted so far that L and C are numbers; named by letters, so that X is one.
_COUNTED_TO_HUNDREDS = frozenset("chapter volume book".split())
_LETTERED = frozenset("type class group category grade schedule".split())
_BEFORE_US = frozenset(
    "TOLD TELL GIVE GAVE LET JOIN WITH FOR OF TO FROM HELP HELPED SHOW SHOWED LED SAVED BETWEEN ABOUT".split()
)
_AFTER_IT = frozenset(
    "SUPPORT DEPARTMENT DEPT MANAGER TEAM SECURITY STAFF SERVICE SERVICES SYSTEMS JOBS INFRASTRUCTURE PROJECT".split()
)
_LETTERS = {letter: letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_SECTIONS = "items?|sections?|clauses?|rules?|versions?|articles?|chapters?|paragraphs?|releases?|appendix|standards?"
_MONTH = rf"(?P<month>{alternatives(MONTHS)}|(?:{alternatives(SHORT_MONTHS)})\b\.?)"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,? (?P<year>(?:1\d|20)\d\d)(?!\w))?"
_HALF = r"(?P<half>[aApP])(?:\.[mM]\.|[mM]\b\.?)"
_UNIT = alternatives(UNITS)
_PRICE = rf"(?P<amount>\d+,\d\d(?![\d,.]*\d)|{NUMBER}|\.\d\d?)(?:[\s-]?(?P<scale>{alternatives(SCALES)})\b)?"
_SYMBOL = rf"(?P<symbol>{alternatives(CURRENCIES)})"

_WORDS = compile_rules(
    (EMAIL, _address),
    (URL, _address),
    (FILE, _address),
    (r"(?<![\w])([A-G])#(?![\w#])", lambda found, _: f"{found[1]} sharp"),
    (
        r"\b[eE]\.\s?g\.",
        lambda found, _: "for example" + (" " if found.string[found.end() : found.end() + 1].isalnum() else ""),
    ),
    (r"\b[iI]\.\s?e\.", to("that is")),
    (r"\ba\.k\.a\.", to("also known as")),
    (r"\b(St|Dr)\.", _saint_or_street),
    (rf"(?<![\w.])((?i:{alternatives(ABBREVIATIONS)}))\.(?=\W|$|[A-Z\d])", _abbreviation(ABBREVIATIONS)),
    (r"\bMr(?= [A-Z])", to("Mister")),
    (r"\bMrs(?= [A-Z])", to("Missus")),
    (r"\bMs(?= [A-Z])", to("Miz")),
    (r"\bDr(?= [A-Z])", to("Doctor")),
    (rf"(?<![\w.])(?!(?<=\d )ft)((?i:{alternatives(TITLES)}))\.(?=\s[A-Z])", _abbreviation(TITLES)),
    (rf"(?<![\w.])((?i:{alternatives(NUMBERED)}))\.(?=\s?\(?\d|\s[IVXL]+\b)", _abbreviation(NUMBERED)),
    (UNKNOWN_ABBREVIATION, lambda found, _: found[1]),
    (r"\bPh\.\s?D\.", ending("PhD")),
    (r"\bSr\.(?=\W|$)", ending("Senior")),
    (r"\b(?!A\.D\.|[aApP]\.[mM]\.)(?:[A-Z]\.){2,}", _letters),
    (r"\betc\b", to("et cetera")),
    (r"\bvs\b", to("versus")),
    (r"(?<!\S)w/o\b", to("without")),
    (r"(?<!\S)w/\s?(?=\w)", to("with ")),
    (r"\band/or\b", to("and or")),
    (rf"\b((?:{_TITLE}) (?:[A-Z][a-z]+ )?[A-Z][a-z]+) ([IVX]{{1,6}})\b(?! [a-np-z])", _monarch),
    (rf"\b((?:(?:{_TITLE}) )?(?:{_NAMES})) ([IVX]{{2,6}})\b", _monarch),
    (rf"\b((?i:{_PARTS})) ([IVXLC]{{1,8}}|[ivxl]{{2,8}})\b", _counted_part),
    (r"\b([IVX]{2,6})(?:th|st|nd|rd)?(?= centur)", _century),
    (r"\b([A-Z][a-z]{2,}) ([IVX]{2,6})\b", _numbered_name),
    (r"(?<![\w'.-])(?:IT|US)(?![\w'.-])", _unread),
)
_FORMS = (
    *compile_rules(
        (r"(?<=\w)\^2(?!\d)", to(" squared ")),
        (
            r"(?<=\w)\^(-?)\+?\(?(\d+)\)?",
            lambda found, _: f" to the power of {'minus ' if found[1] else ''}{found[2]}",
        ),
        (r"(?<![\w.,])\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d|[.,]\d)", _plain_number),
        (r"(?<![\d.,+])(?<!\d )\d{1,3}(?: \d{3})+,\d{1,2}(?![.,]?\d)", _plain_number),
        (SPACED_NUMBER, lambda found, _: found[0].replace(" ", ",")),
    ),
    *range_rule(NUMBER, alternatives(CURRENCIES), _UNIT, alternatives(SCALES), "to"),
)
_DATES = compile_rules(
    (rf"\b((?i:{_SECTIONS})) (\d{{1,4}}(?:\.\d{{1,4}}){{2,}})(?![\w/]|[.,]\d)", quantity.section),
    (r"(?<![\w.,$])(10|100|1,?000)s of\b", quantity.many),
    (r"(?<!\w)\+\d{1,3}(?:[ .-]?\(?\d{2,5}\)?){2,5}(?!\d)", quantity.telephone),
    (r"(?<![\w(-])(?:1-)?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\w-])", quantity.telephone),
    (r"(?<![\w.,/-])\d{3}-\d{4}(?![\w/-])|(?<!\w)\d{3}-\d{2}-\d{4}(?![\w/-])", quantity.digit_by_digit),
    (r"(?<![\w.,/-])\d{4}-\d{4}(?![\w/-])", quantity.telephone),
    (r"(?<![\w/.-])(\d{4})-(\d{2})-(\d{2})(?![\w/-])|(?<![\w/.-])(\d{4})/(\d{2})/(\d{2})(?![\w/-])", quantity.iso_date),
    (
        r"(?<![\w/.-])(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?![\w/-])",
        quantity.numeric_date,
    ),
    (rf"\b{_MONTH} {_DAY}{_YEAR}(?![\w:-]|[.,]\d)", quantity.month_and_day),
    (rf"(?P<the>\b[Tt]he )?(?<![\w.,$]){_DAY}(?: of)? {_MONTH}(?!\w){_YEAR}", quantity.day_and_month),
    (rf"\b({alternatives(SHORT_MONTHS)})\.(?= \d{{4}}\b)", quantity.short_month),
    (
        r"(?<![\w.,$'])'?(1\d\d0|20\d0)'?s\b"
        r"|(?:(?<=the )|(?<=arly )|(?<=mid-)|(?<=late )|(?<=his )|(?<=her )|(?<![\w'])')([2-9]0)'?s\b",
        quantity.decade,
    ),
    (
        rf"(?<![\w:.,$])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?:\s?{_HALF})?(?![\w:])",
        quantity.clock,
    ),
    (rf"(?<![\w:.,$])(?P<hour>1[0-2]|0?[1-9])(?P<minute>)(?P<second>)\s?{_HALF}(?!\w)", quantity.clock),
)
_AMOUNTS = compile_rules(
    (r"(?<=\d)\s?[x×]\s?(?=\d)|(?<=[a-z²]) x (?=\d)", to(" by ")),
    (rf"(?<!\w)({alternatives(CURRENCIES)})({NUMBER})-\1?(?=\d)", lambda found, language: f"{found[2]} to {found[1]}"),
    (r"(?<![\w.,/-])(\d{1,4})-(\d{1,4})(?!\d|/|-\d|[.,]\d)", quantity.number_range),
    (rf"(?P<minus>(?<!\w)-\s?)?(?<!\w){_SYMBOL}\s?(?P<inner>-\s?)?{_PRICE}(?!\w)", quantity.money),
    (rf"(?P<minus>(?<!\w)-)?(?P<inner>)(?<![\w.,]){_PRICE}\s?{_SYMBOL}(?!\w)", quantity.money),
    (rf"(?<![\w.,])({NUMBER})\s?¢", quantity.cents),
    (rf"((?<!\w)-)?(?<![\w.,])({NUMBER})\s?%", quantity.percent),
    (r"(?<![\w.,])(\d)'(\d{1,2})\"?(?!\w)", quantity.height),
    (rf"((?<!\w)-)?(?<![\w.,])({NUMBER})[ -]?({_UNIT})(?![\w/²³'])(?:\.(?= [a-z]))?", quantity.measure),
    (rf"(?<=[\w.])/({alternatives(PER)})(?![\w/])", quantity.per_unit),
    (r"(?<![\w.,])(\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?:st|nd|rd|th)\b", quantity.ordinal_number),
    (r"(?<![\w/])24/7(?![\w/])", to("twenty-four seven")),
    (r"(?<![\w/])9/11(?![\w/])", to("nine eleven")),
    (r"(?<![\w/])50[/-]50(?![\w/])", to("fifty-fifty")),
    (r"½", to(" 1/2")),
    (r"¼", to(" 1/4")),
    (r"¾", to(" 3/4")),
    (r"(?<![\w/.,])(?:(\d+) {1,2})?(\d{1,3})/(\d{1,3})(?![\w/]|[.,]\d)", quantity.fraction),
    (r"(?<![\w.,])(\d{1,4}(?:\.\d{1,2})?)x\b", quantity.times),
    (r"(?<![\w:.,])(\d{1,3}):(\d{1,3})(?![\w:]|[.,]\d)", quantity.ratio),
    (r"(?<=\d)\s?\*\s?(?=\d)", to(" times ")),
    (r"#(?=\d)", to("number ")),
    (r"~\s?(?=\d)", to("approximately ")),
    (r"(?<=[^\W\d_])[-_]?(?=\d)|(?<=\d)(?=[^\W\d_])", to(" ")),
    (r"(?<![\w.,])\d{1,9}(?:\.\d{1,9}){2,}(?!\d|,\d)", quantity.dotted),
    (r"(?<![\w.,])\.(\d{1,9})(?!\w|[.,]\d)", quantity.below_one),
    (
        rf"(?P<sign>(?<![\w)])[-+])?(?<!\w)(?P<number>{NUMBER})(?=(?: (?P<noun>[^\W\d_]+))?)",
        quantity.plain_number,
    ),
    (r"\d+", quantity.digit_by_digit),
)
_MARKS = (
    *greek.rules("en"),
    *compile_rules(
        (rf"[{re.escape(''.join(SYMBOLS))}]", _symbol),
        (r"[|\\]", to(", ")),
        (r"[*^~_{}<>[\]¢¬¦]", to(" ")),
        (r"(?<=\s)-(?=\s)", to("—")),
    ),
)
_RULES = (*_WORDS, *_FORMS, *_DATES, *_AMOUNTS, *_MARKS)
