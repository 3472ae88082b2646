"""Ranges whose ends both carry a sign, a unit, an hour, a point or a comma: 5%-10%, $5–$10, 9h–18h, 1,000-2,000."""

from __future__ import annotations

import re

from speech.text.rules import Rule, compile_rules

_HALF = re.compile(r"[ap]\.?m\.?$", re.IGNORECASE)

_SIGN = re.compile(r"\D+")
_ENDS_IN_SIGN = re.compile(r"[%$€£]$")


def range_rule(number: str, signs: str, units: str, scales: str, to_word: str) -> tuple[Rule, ...]:
    """The rule that puts `to_word` for the dash of such a range; each end is then read by its own rule.

    `number`, `signs` (of money), `units` and `scales` (thousand, million) are patterns of the language.
    """
    end = (
        rf"(?:(?:{signs})\s?)?{number}(?:\s?(?:{scales})\b)?"
        rf"(?:\s?(?:%|(?:{units})(?![\w/])|(?:{signs})(?!\w)|[ºª]|h(?:[0-5]\d)?(?!\w))|"
        rf":[0-5]\d)?(?:\s?[aApP]\.?[mM]\b\.?)?"
    )
    pattern = rf"(?<![\w.,:/$€£-])(?P<first>{end})(?P<dash>\s?[-—]\s?)(?P<last>{end})(?![\w/:]|-\d|[.,]\d)"
    return compile_rules((pattern, lambda found, language: _joined(found, to_word)))


def _joined(found: re.Match[str], to_word: str) -> str:
    first, last = found["first"], found["last"]
    is_spaced = len(found["dash"]) == 3
    both = not first.isdecimal() and not last.isdecimal()
    hours = first.isdecimal() and len(first) <= 2 and _HALF.search(last) is not None
    verses = re.fullmatch(r"\d+:\d+", first) is not None and last.isdecimal() and len(last) <= 2
    if not (both or hours or verses) or (is_spaced and _marks(first) != _marks(last)):
        return found[0]
    sign = _SIGN.match(first)
    if sign and last[0].isdecimal() and not _ENDS_IN_SIGN.search(last):
        return f"{first[sign.end() :]} {to_word} {sign[0]}{last}"
    return f"{first} {to_word} {last}"


def _marks(end: str) -> str:
    return re.sub(r"[\d.,:\s]", "", end)
