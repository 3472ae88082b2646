"""Hindi number words: cardinals in the Indian scale (thousand, lakh, crore), decimals and money."""

from __future__ import annotations

import re

_WORDS = (
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस "
    "बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस "
    "छत्तीस सैंतीस अड़तीस उनतालीस चालीस इकतालीस बयालीस तैंतालीस चवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस "
    "उनचास पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ "
    "छियासठ सड़सठ अड़सठ उनहत्तर सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर "
    "उन्यासी अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी नब्बे इक्यानवे बानवे "
    "तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
).split()
_SCALE = ((10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ"))
_MONEY = {"₹": "रुपये", "$": "डॉलर", "€": "यूरो", "£": "पाउंड"}
_DEVANAGARI = str.maketrans("०१२३४५६७८९", "0123456789")
_AMOUNT = r"\d+(?:\.\d+)?"


def cardinal(value: int) -> str:
    """`value` in words: 1,25,000 is एक लाख पच्चीस हज़ार."""
    if value < 100:
        return _WORDS[value]
    size, name = next((size, name) for size, name in _SCALE if value >= size)
    count, rest = divmod(value, size)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def spoken(text: str) -> str:
    """`text` with its numbers, Devanagari or European digits, in words; other symbols stay."""
    text = re.sub(r"(?<=\d),(?=\d)", "", text.translate(_DEVANAGARI))
    for sign, name in _MONEY.items():
        text = re.sub(rf"{re.escape(sign)}\s?({_AMOUNT})|({_AMOUNT})\s?{re.escape(sign)}", rf"\1\2 {name}", text)
    text = re.sub(r"(?<=\d):(?=\d)", " ", text)
    return re.sub(r"(\d+)(?:\.(\d+))?", _number, text)


def _number(found: re.Match[str]) -> str:
    decimals = "".join(f" {_WORDS[int(digit)]}" for digit in found[2] or "")
    return cardinal(int(found[1])) + (f" दशमलव{decimals}" if decimals else "")
