"""Portuguese dates, times, money, measures and other numbers: what each written form is called.

Every function here speaks what a pattern of `speech.text.portuguese` has found.
"""

from __future__ import annotations

import re

from speech.text.portuguese_names import CURRENCIES, FEMININE_UNITS, PER, SCALES, UNITS
from speech.text.portuguese_numbers import (
    MONTHS,
    cardinal,
    digits,
    feminine,
    follows_feminine,
    is_feminine_noun,
    is_singular,
    number,
    ordinal,
)
from speech.text.rules import ends_sentence

_PRESSURE = re.compile(r"\bPA\b|\bpress(?:ão|ões)\b", re.IGNORECASE)
_FRACTIONS = "meio terço quarto quinto sexto sétimo oitavo nono décimo".split()


def telephone(found: re.Match[str], language: str) -> str:
    if re.fullmatch(r"(1\d|20)\d\d-(1\d|20)\d\d", found[0]):
        return found[0]
    return ("mais " if found[0].startswith("+") else "") + digits(found[0], language)


def digit_by_digit(found: re.Match[str], language: str) -> str:
    return digits(found[0], language)


def _date(found: re.Match[str], language: str, day: str, month: str, year: str) -> str:
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return found[0]
    spoken_day = "primeiro" if int(day) == 1 and language == "pt_BR" else cardinal(int(day), language)
    spoken = f"{spoken_day} de {MONTHS[int(month) - 1]}"
    return f"{spoken} de {cardinal(int(year), language)}" if year else spoken


def day_first(found: re.Match[str], language: str) -> str:
    return _date(found, language, found["day"], found["month"], found["year"])


def year_first(found: re.Match[str], language: str) -> str:
    return _date(found, language, found[3], found[2], found[1])


def day_and_month(found: re.Match[str], language: str) -> str:
    return _date(found, language, found[1], found[2], "")


def month_and_year(found: re.Match[str], language: str) -> str:
    return f"{MONTHS[int(found[1]) - 1]} de {cardinal(int(found[2]), language)}"


def first_of_month(found: re.Match[str], language: str) -> str:
    return "primeiro" if language == "pt_BR" else "um"


def _hours(hour: int, language: str) -> str:
    return f"{feminine(cardinal(hour, language))} {'hora' if hour < 2 else 'horas'}"


def clock(found: re.Match[str], language: str) -> str:
    hour, minute, second = int(found["hour"]), int(found["minute"] or 0), found["second"]
    if second:
        parts = [_hours(hour, language), f"{cardinal(minute, language)} minutos"]
        return f"{parts[0]}, {parts[1]} e {cardinal(int(second), language)} segundos"
    half = _half_of_day(hour, found["half"])
    if not found["minute"]:
        return _whole_hour(hour, half, language) + (
            "." if found[0].endswith(".") and ends_sentence(found, True) else ""
        )
    if minute == 0:
        return _hours(hour, language) + half
    spoken = _hours(hour, language) if hour == 0 else feminine(cardinal(hour, language))
    return f"{spoken} e {cardinal(minute, language)}{half}"


def _whole_hour(hour: int, half: str, language: str) -> str:
    """An hour of the twelve-hour clock: three in the afternoon; noon and midnight are hours of the day."""
    if hour == 12:
        return _hours(0 if "manhã" in half else 12, language)
    return feminine(cardinal(hour, language)) + half


def _half_of_day(hour: int, half: str | None) -> str:
    if not half:
        return ""
    return " da manhã" if half in "aA" else " da noite" if 6 <= hour < 12 else " da tarde"


def duration(found: re.Match[str], language: str) -> str:
    hour, minute = int(found[1]), found[2]
    if not minute or int(minute) == 0:
        return _hours(hour, language)
    if found[3]:
        return (
            f"{_hours(hour, language)} e {cardinal(int(minute), language)} {'minuto' if minute == '01' else 'minutos'}"
        )
    spoken = _hours(hour, language) if hour == 0 else feminine(cardinal(hour, language))
    return f"{spoken} e {cardinal(int(minute), language)}"


def number_range(found: re.Match[str], language: str) -> str:
    first, last = found[1], found[2]
    years = len(first) == 4 and len(last) in (2, 4) and (len(last) == 4 or int(last) > int(first) % 100)
    return f"{first} a {last}" if years or max(len(first), len(last)) <= 3 else found[0]


def money(found: re.Match[str], language: str) -> str:
    names = CURRENCIES[found["symbol"]]
    written, scale = found["amount"], found["scale"]
    minus = "menos " if found["minus"] or found["inner"] else ""
    if scale:
        words = "" if (written, scale) == ("1", "mil") else number(written, language, names[4] and scale == "mil") + " "
        return f"{minus}{words}{_scaled(written, scale)} {names[1]}"
    whole, _, cents = written.partition(",")
    if len(cents) > 2 or len(whole) > 15:
        return f"{minus}{number(written, language)} {names[0 if is_singular(written) else 1]}"
    return minus + _amount(int(whole.replace(".", "")), int(cents.ljust(2, "0")) if cents else 0, names, language)


def _scaled(written: str, scale: str) -> str:
    singular, plural = SCALES[scale]
    return "mil" if singular == "mil" else f"{singular if is_singular(written) else plural} de"


def _amount(units: int, cents: int, names: tuple[str, str, str, str, bool], language: str) -> str:
    parts = []
    if units or not cents:
        words = feminine(cardinal(units, language)) if names[4] else cardinal(units, language)
        of = "de " if units >= 1_000_000 and units % 1_000_000 == 0 else ""
        parts.append(f"{words} {of}{names[0] if units == 1 else names[1]}")
    if cents:
        parts.append(f"{cardinal(cents, language)} {names[2] if cents == 1 else names[3]}")
    return " e ".join(parts)


def percent(found: re.Match[str], language: str) -> str:
    return f"{'menos ' if found[1] else ''}{number(found[2], language)} por cento"


def measure(found: re.Match[str], language: str) -> str:
    minus, written, unit = found[1], found[2], found[3]
    words = number(written, language, unit in FEMININE_UNITS)
    return f"{'menos ' if minus else ''}{words} {UNITS[unit][0 if is_singular(written) else 1]}"


def per_unit(found: re.Match[str], language: str) -> str:
    return f" por {PER[found[1]]}"


def ordinal_number(found: re.Match[str], language: str) -> str:
    value = int(found[1].replace(".", ""))
    if value == 0 or value >= 10**9:
        return found[0]
    words = ordinal(value, language, found[2] == "ª")
    return re.sub(r"\b(\w+)", r"\1s", words) if found[3] else words


def article(found: re.Match[str], language: str) -> str:
    value = int(found[2])
    return f"{found[1]} {ordinal(value, language) if value < 10 else cardinal(value, language)}"


def fraction(found: re.Match[str], language: str) -> str:
    whole, top, bottom = found[1], int(found[2]), int(found[3])
    lead = f"{cardinal(int(whole), language)} e " if whole else ""
    if not whole and not _is_part(found, top, bottom):
        return _barred(found, language)
    if (top, bottom) == (1, 2):
        return f"{lead}{'meia' if is_feminine_noun(found[4] or '', '1') else 'meio'}"
    if bottom == 100:
        return f"{lead}{cardinal(top, language)} centésimos"
    name = _FRACTIONS[bottom - 2] if bottom <= 10 else f"{cardinal(bottom, language)} avo"
    return f"{lead}{cardinal(top, language)} {name}{'' if top == 1 and bottom <= 10 else 's'}"


def _is_part(found: re.Match[str], top: int, bottom: int) -> bool:
    """Whether two numbers with a bar are a part of something: less than one, in parts that people count in."""
    after_years = re.search(r"\b[Aa]nos $", found.string[max(0, found.start() - 6) : found.start()]) is not None
    is_less = top < bottom or re.match(r" d[aeo]s?\b", found.string[found.end() : found.end() + 5]) is not None
    return is_less and (2 <= bottom <= 20 or bottom in (32, 64, 100)) and not after_years


def _barred(found: re.Match[str], language: str) -> str:
    top, bottom = found[2], found[3]
    is_pressure = _PRESSURE.search(found.string[max(0, found.start() - 30) : found.start()]) is not None
    last = digits(bottom, language) if bottom[0] == "0" else bottom
    return f"{top} {'por' if is_pressure else 'barra'} {last}"


def section(found: re.Match[str], language: str) -> str:
    """The number of a section, its zeros said: one point zero one point zero two."""
    parts = found[2].split(".")
    return f"{found[1]} " + " ponto ".join(
        digits(part, language) if part[0] == "0" else cardinal(int(part), language) for part in parts
    )


def dotted(found: re.Match[str], language: str) -> str:
    return " ponto ".join(cardinal(int(part), language) for part in found[0].split("."))


def plain_number(found: re.Match[str], language: str) -> str:
    sign = {"-": "menos ", "+": "mais "}.get(found["sign"] or "", "")
    written, noun = found["number"], found["noun"] or ""
    is_feminine = is_feminine_noun(noun, written) or follows_feminine(found.string[: found.start()])
    return sign + number(written, language, is_feminine)


def times(found: re.Match[str], language: str) -> str:
    return f"{feminine(cardinal(int(found[1]), language))} {'vez' if found[1] == '1' else 'vezes'}"
