"""Written text as it is spoken: numbers, dates, money, abbreviations and symbols in words."""

from __future__ import annotations

from speech.text.clean import clean
from speech.text.rules import SPACED_NUMBER


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
    text = SPACED_NUMBER.sub(lambda found: found[0].replace(" ", ""), text)
    if primary.lower() == "cs":
        from speech.text import czech

        return czech.spoken(text)
    return text
