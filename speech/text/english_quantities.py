"""English dates, times, money, measures and other numbers: what each written form is called.

Every function here speaks what a pattern of `speech.text.english` has found.
"""

from __future__ import annotations

import re

from speech.text.english_names import CURRENCIES, MONTHS, PER, SCALES, SHORT_MONTHS, UNITS
from speech.text.english_numbers import cardinal, digits, is_one, number, ordinal, plural, two_digits, year

_ARTICLE = re.compile(r"\b(?:an?|the|this|that|another|his|her|my|our|your|their) $", re.IGNORECASE)
_NO_NOUNS = frozenset(
    "is are was were will would can could may might must should has have had do does did in on of for to from and or "
    "at by with per each that which who as if than the more less off back up down so but it he she we they wide long "
    "tall high deep away ago later apart now then here there again today tomorrow yesterday too please yet still "
    "even just only not when while".split()
)
_BEFORE_DAY = re.compile(r"\b(?:on|until|till|since|before|after|dated) $", re.IGNORECASE)
_COUNTED = re.compile(r"(?:people|men|women|children|[a-z]{3,}[^s\W]s)$")
_BEFORE_YEAR = re.compile(
    r"(?:\b(?:in|since|by|until|till|from|before|after|during|around|circa|year|of|to|and|summer|fall|winter"
    rf"|{'|'.join(MONTHS)}),?) $",
    re.IGNORECASE,
)


def ratio(found: re.Match[str], language: str) -> str:
    """Two numbers with a colon that are no time: a chapter and its verse after a name, else a ratio."""
    is_verse = re.search(r"\b[A-Z][a-z]+[.,]? $", found.string[max(0, found.start() - 20) : found.start()]) is not None
    return f"{found[1]} {'' if is_verse else 'to '}{found[2]}"


def telephone(found: re.Match[str], language: str) -> str:
    if re.fullmatch(r"(1\d|20)\d\d-(1\d|20)\d\d", found[0]):
        return found[0]
    return ("plus " if found[0].startswith("+") else "") + digits(found[0], language)


def digit_by_digit(found: re.Match[str], language: str) -> str:
    return digits(found[0], language)


def _date(found: re.Match[str], language: str, day: int, month: int, written_year: str) -> str:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return found[0]
    spoken_year = _short_year(written_year, language)
    if language == "en_GB":
        return f"the {ordinal(day, language)} of {MONTHS[month - 1]} {spoken_year}".rstrip()
    return f"{MONTHS[month - 1]} {ordinal(day, language)}" + (f", {spoken_year}" if spoken_year else "")


def _short_year(written: str, language: str) -> str:
    if not written:
        return ""
    return year(int(written), language) if len(written) == 4 else two_digits(int(written), language)


def numeric_date(found: re.Match[str], language: str) -> str:
    """Month first in the United States, day first elsewhere, and the other way where only that is a date."""
    first, second = int(found["first"]), int(found["second"])
    day_first = language == "en_GB" if first <= 12 and second <= 12 else first > 12
    day, month = (first, second) if day_first else (second, first)
    return _date(found, language, day, month, found["year"])


def iso_date(found: re.Match[str], language: str) -> str:
    written_year, month, day = (found[group] or found[group + 3] for group in (1, 2, 3))
    return _date(found, language, int(day), int(month), written_year)


def month_and_day(found: re.Match[str], language: str) -> str:
    month = SHORT_MONTHS.get(found["month"].rstrip("."), found["month"].rstrip("."))
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    spoken = f"{month} {'the ' if language == 'en_GB' else ''}{ordinal(day, language)}"
    return f"{spoken}, {year(int(found['year']), language)}" if found["year"] else spoken


def day_and_month(found: re.Match[str], language: str) -> str:
    month = SHORT_MONTHS.get(found["month"].rstrip("."), found["month"].rstrip("."))
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    spoken = f"{found['the'] or 'the '}{ordinal(day, language)} of {month}"
    return f"{spoken} {year(int(found['year']), language)}" if found["year"] else spoken


def short_month(found: re.Match[str], language: str) -> str:
    return SHORT_MONTHS[found[1]]


def decade(found: re.Match[str], language: str) -> str:
    if found[1]:
        return plural(year(int(found[1]), language)) if int(found[1]) != 2000 else "two thousands"
    return plural(cardinal(int(found[2]), language))


def clock(found: re.Match[str], language: str) -> str:
    hour, minute, second = int(found["hour"]), int(found["minute"] or 0), found["second"]
    half = _half(found)
    if second:
        spoken = (
            f"{cardinal(hour, language)} {two_digits(minute, language)} and {cardinal(int(second), language)} seconds"
        )
        return spoken + half
    if minute:
        return f"{cardinal(hour, language)} {two_digits(minute, language)}{half}"
    if half:
        return f"{cardinal(hour, language)}{half}"
    return f"{cardinal(hour, language)} o'clock" if 1 <= hour <= 12 else f"{cardinal(hour, language)} hundred hours"


def _half(found: re.Match[str]) -> str:
    """a.m. or p.m.; without stops where a capital goes on after none, which then cannot be the end of a sentence."""
    half = found["half"]
    if not half:
        return ""
    goes_on = not found[0].endswith(".") and re.match(r"\s[A-Z]", found.string[found.end() : found.end() + 2])
    return f" {half.upper()}M" if goes_on else f" {half.lower()}.m."


def number_range(found: re.Match[str], language: str) -> str:
    first, last = found[1], found[2]
    if len(first) == 4 and len(last) == 4:
        return f"{year(int(first), language)} to {year(int(last), language)}"
    if len(first) == 4 and len(last) == 2 and int(last) > int(first) % 100:
        return f"{year(int(first), language)} to {cardinal(int(last), language)}"
    return f"{first} to {last}" if max(len(first), len(last)) <= 3 else found[0]


def money(found: re.Match[str], language: str) -> str:
    names, written, scale = CURRENCIES[found["symbol"]], _with_point(found["amount"]), found["scale"]
    minus = "minus " if found["minus"] or found["inner"] else ""
    names = (names[0], names[0] if describes(found) else names[1], *names[2:])
    if scale:
        return f"{minus}{number(written, language)} {SCALES[scale]} {names[1]}"
    whole, _, cents = written.partition(".")
    whole = whole or "0"
    if len(cents) > 2 or len(whole) > 15:
        return f"{minus}{number(written, language)} {names[1]}"
    return minus + _amount(int(whole.replace(",", "")), int(cents.ljust(2, "0")) if cents else 0, names, language)


def _with_point(written: str) -> str:
    """An amount with a decimal comma in the English way."""
    if re.fullmatch(r"\d+,\d\d", written):
        return written.replace(",", ".")
    return f"0{written}" if written.startswith(".") else written


def describes(found: re.Match[str]) -> bool:
    """Whether an amount describes the noun after it, as in a twenty dollar bill, and its unit stays in the singular."""
    before = found.string[max(0, found.start() - 12) : found.start()]
    after = re.match(r" ([a-z]{2,})", found.string[found.end() : found.end() + 24])
    return _ARTICLE.search(before) is not None and after is not None and after[1] not in _NO_NOUNS


def _amount(units: int, cents: int, names: tuple[str, str, str, str], language: str) -> str:
    parts = []
    if units or not cents:
        parts.append(f"{cardinal(units, language)} {names[0] if units == 1 else names[1]}")
    if cents:
        parts.append(f"{cardinal(cents, language)} {names[2] if cents == 1 else names[3]}")
    return " and ".join(parts)


def cents(found: re.Match[str], language: str) -> str:
    return f"{number(found[1], language)} {'cent' if is_one(found[1]) else 'cents'}"


def percent(found: re.Match[str], language: str) -> str:
    return f"{'minus ' if found[1] else ''}{number(found[2], language)} percent"


def measure(found: re.Match[str], language: str) -> str:
    minus, written, unit = found[1], found[2], found[3]
    words = f"{number(written, language)} {UNITS[unit][0 if is_one(written) or describes(found) else 1]}"
    words = words.replace("meter", "metre").replace("liter", "litre") if language == "en_GB" else words
    return f"{'minus ' if minus else ''}{words}"


def height(found: re.Match[str], language: str) -> str:
    inches = f" {cardinal(int(found[2]), language)}" if found[2] else ""
    return f"{cardinal(int(found[1]), language)} foot{inches}"


def per_unit(found: re.Match[str], language: str) -> str:
    return f" per {PER[found[1]]}"


def ordinal_number(found: re.Match[str], language: str) -> str:
    return ordinal(int(found[1].replace(",", "")), language)


def fraction(found: re.Match[str], language: str) -> str:
    whole, top, bottom = found[1], int(found[2]), int(found[3])
    if not whole and 1 <= top <= 12 and bottom <= 31 and _BEFORE_DAY.search(found.string[: found.start()][-10:]):
        return f"{MONTHS[top - 1]} {ordinal(bottom, language)}"
    lead = f"{cardinal(int(whole), language)} and " if whole else ""
    if bottom not in (2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 32, 64, 100) or top >= bottom:
        return f"{lead}{cardinal(top, language)} over {cardinal(bottom, language)}"
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom, language)
    if top == 1:
        return f"{lead}{'a' if whole else 'one'} {name}"
    return f"{lead}{cardinal(top, language)} {name}s"


def section(found: re.Match[str], language: str) -> str:
    """The number of a section, its zeros said: one point oh one point oh two."""
    parts = found[2].split(".")
    spoken = (
        digits(part, language).replace("zero", "oh") if part[0] == "0" else cardinal(int(part), language)
        for part in parts
    )
    return f"{found[1]} " + " point ".join(spoken)


def many(found: re.Match[str], language: str) -> str:
    """Tens, hundreds or thousands of something."""
    return {"10": "tens", "100": "hundreds"}.get(found[1], "thousands") + " of"


def dotted(found: re.Match[str], language: str) -> str:
    return " point ".join(cardinal(int(part), language) for part in found[0].split("."))


def below_one(found: re.Match[str], language: str) -> str:
    return f"point {digits(found[1], language)}"


def times(found: re.Match[str], language: str) -> str:
    return f"{number(found[1], language)} times"


def plain_number(found: re.Match[str], language: str) -> str:
    sign = {"-": "minus ", "+": "plus "}.get(found["sign"] or "", "")
    written = found["number"]
    if not sign and re.fullmatch(r"\d{4}", written) and _is_year(found, int(written)):
        return year(int(written), language)
    return sign + number(written, language)


def _is_year(found: re.Match[str], value: int) -> bool:
    """Four digits are a year unless they count something (1500 chairs) or are out of its reach."""
    after_year_word = _BEFORE_YEAR.search(found.string[max(0, found.start() - 14) : found.start()]) is not None
    if value < 1100 or value > 2099:
        return 1000 <= value < 1100 and after_year_word
    return after_year_word or not _COUNTED.match(found["noun"] or "")
