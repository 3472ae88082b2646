"""Which of our two languages a text is written in, told by its small words and its letters."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Words that the other language does not have; those they share ("a", "do", "no", "me") tell nothing.
_WORDS: Mapping[str, frozenset[str]] = {
    "pt-BR": frozenset(
        "o os as um uma de da dos das em na nos nas ao aos à às e é são está foi que se com por para pelo pela não "
        "sim mais muito também já eu você ele ela eles nós meu minha seu sua isso este esta como quando onde quem "
        "olá oi bom boa dia tarde noite tudo bem obrigado obrigada por favor mundo até hoje amanhã".split()
    ),
    "en-US": frozenset(
        "the of and to in is it you that he she was for on are with his they at be this have from or by we my what "
        "there how not but will your can all were her an if hello good morning night thank thanks please world yes "
        "today tomorrow i'm it's don't".split()
    ),
}
_LETTERS: Mapping[str, str] = {"pt-BR": "ãõçáéíóúâêôà", "en-US": ""}
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def guess(text: str) -> str | None:
    """`pt-BR` or `en-US`, whichever has more of its own words and letters in `text`; None when neither does."""
    words = [word.replace("’", "'") for word in _WORD.findall(text.lower())]
    scores = {
        tag: sum(word in own for word in words) + sum(letter in _LETTERS[tag] for letter in text.lower())
        for tag, own in _WORDS.items()
    }
    best = max(scores, key=scores.__getitem__)
    return best if list(scores.values()).count(scores[best]) == 1 else None
