"""Numbers in words, by num2words (https://github.com/savoirfairelinux/num2words), for one thread at a time.

Its languages are objects that everybody shares and that keep the number they are reading: the digits of a Turkish one,
the decimal places of any. Two threads at once got words of each other's number.
"""

from __future__ import annotations

import threading
from typing import Any

_reading = threading.Lock()


def number_words(value: float, language: str, **options: Any) -> str:
    """`value` in the words of `language` (num2words' code: `pt_BR`); `options` are those of num2words.

    Raises what num2words raises where the language has no such word.
    """
    from num2words import num2words

    with _reading:
        return str(num2words(value, lang=language, **options))
