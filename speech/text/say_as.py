"""`<say-as interpret-as="…">` of SSML: its content written so that the rules of the language read it that way."""

from __future__ import annotations

import re

from speech.errors import SpeechError

AS_WRITTEN = ("cardinal", "number", "time", "currency", "fraction", "unit", "address")  # the rules read them by form
LETTER_BY_LETTER = ("characters", "spell-out", "verbatim")
KINDS = (*LETTER_BY_LETTER, "digits", "telephone", "ordinal", "date", *AS_WRITTEN)
DATE_FORMATS = ("dmy", "mdy", "ymd")


def written_out(content: str, kind: str, date_format: str, language: str) -> str:
    """`content` as it is to be read in `language` (BCP 47). Raises SpeechError `markup_value`."""
    kind = kind.strip().lower()
    if kind not in KINDS:
        raise markup_value("say-as", "interpret-as", kind, KINDS)
    if kind in LETTER_BY_LETTER:
        return ", ".join(_letter(character, language) for character in content if not character.isspace())
    if kind == "digits":
        return " ".join(re.findall(r"\d", content))
    if kind == "telephone":
        return ", ".join(" ".join(group) for group in re.findall(r"\d+", content))
    if kind == "ordinal":
        return _ordinal(content, language)
    return _date(content, date_format, language) if kind == "date" else content


def markup_value(element: str, attribute: str, value: str, choices: tuple[str, ...]) -> SpeechError:
    return SpeechError("markup_value", element=element, attribute=attribute, value=value[:80], choices=list(choices))


def _letter(character: str, language: str) -> str:
    if language.lower().startswith("pt"):
        from speech.text.portuguese_acronyms import LETTERS

        return LETTERS.get(character.upper(), character)
    return character.upper() if character.isalpha() else character


def _ordinal(content: str, language: str) -> str:
    number = re.sub(r"\D", "", content)
    primary = language.partition("-")[0].lower()
    if not number or primary not in ("pt", "en"):
        return content
    if primary == "pt":
        return f"{number}{'ª' if content.rstrip().endswith(('ª', 'a')) else 'º'}"
    teens = number[-2:] in ("11", "12", "13")
    return number + ("th" if teens else {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th"))


def _date(content: str, date_format: str, language: str) -> str:
    """ISO 8601, which the rules of Portuguese and English read as a date, whatever the order of `date_format`."""
    order = date_format.strip().lower()
    if not order or language.partition("-")[0].lower() not in ("pt", "en"):
        return content
    if order not in DATE_FORMATS:
        raise markup_value("say-as", "format", order, DATE_FORMATS)
    found = re.findall(r"\d+", content)
    if len(found) != 3:
        raise markup_value("say-as", "format", f"{order}: {content.strip()}", DATE_FORMATS)
    parts = dict(zip(order, found, strict=True))
    return f"{parts['y'].zfill(4)}-{parts['m'].zfill(2)}-{parts['d'].zfill(2)}"
