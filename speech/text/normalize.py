"""Written text as it is spoken: numbers, dates, money, abbreviations and symbols in words."""

from __future__ import annotations

import re

from speech.text.clean import clean

# 1 234 567; three threes, as in 600 123 456, are a telephone number.
_SPACED_NUMBER = re.compile(r"(?<![\d.,+])(?<!\d )(?!\d{3} \d{3} \d{3}(?!\d))\d{1,3}(?: \d{3})+(?! ?\d)")


def normalize(text: str, language: str) -> str:
    """`text` as a person reads it out in `language` (BCP 47), with punctuation, case and new lines kept.

    Portuguese and English are spoken out; in any other language only characters change (see `clean`), the spaces
    within a number go, and Czech ordinals become words.
    """
    primary, _, rest = language.replace("_", "-").partition("-")
    region = rest.upper()
    text = clean(text)
    if primary.lower() == "pt":  # a language's tables of patterns are compiled when it is first spoken
        from speech.text import portuguese

        return portuguese.normalize(text, region)
    if primary.lower() == "en":
        from speech.text import english

        return english.normalize(text, region)
    text = _SPACED_NUMBER.sub(lambda found: found[0].replace(" ", ""), text)
    if primary.lower() == "cs":
        from speech.text import czech

        return czech.spoken(text)
    return text
