"""Czech ordinals below a hundred and dates, which num2words has no words for: 3. května is třetího května."""

from __future__ import annotations

import re

_ORDINALS = (
    "nultý první druhý třetí čtvrtý pátý šestý sedmý osmý devátý desátý jedenáctý dvanáctý třináctý čtrnáctý "
    "patnáctý šestnáctý sedmnáctý osmnáctý devatenáctý"
).split()
_TENS = "dvacátý třicátý čtyřicátý padesátý šedesátý sedmdesátý osmdesátý devadesátý".split()
_MONTHS = "ledna února března dubna května června července srpna září října listopadu prosince".split()
_DATE = re.compile(r"(?<![\d.])(0?[1-9]|[12]\d|3[01])\. ?(0?[1-9]|1[0-2])\. ?((?:1\d|20)\d\d)\b")
_DAY = re.compile(rf"(?<![\d.])(0?[1-9]|[12]\d|3[01])\. ?(?={'|'.join(_MONTHS)}\b)", re.IGNORECASE)
_ORDINAL = re.compile(r"(?<![\d.,:])(\d{1,2})\.(?= [a-záčďéěíňóřšťúůýž])")


def spoken(text: str) -> str:
    """`text` with its dates and ordinals in words: days in the genitive, other ordinals in the masculine."""
    text = _DATE.sub(lambda found: f"{_genitive(int(found[1]))} {_MONTHS[int(found[2]) - 1]} {found[3]}", text)
    text = _DAY.sub(lambda found: f"{_genitive(int(found[1]))} ", text)
    return _ORDINAL.sub(lambda found: ordinal(int(found[1])), text)


def ordinal(value: int) -> str:
    """`value`, 0 to 99, as a masculine ordinal: dvacátý první."""
    if value < 20:
        return _ORDINALS[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens - 2] + (f" {_ORDINALS[ones]}" if ones else "")


def _genitive(value: int) -> str:
    return re.sub(r"ý\b", "ého", re.sub(r"í\b", "ího", ordinal(value)))
