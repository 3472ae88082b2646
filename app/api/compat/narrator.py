"""AllTalk's narrator: which parts of a text are told by whom, as turns of our own markup.

What stands between asterisks is the narrator's, what stands between double quotes the character's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

Outside = Literal["character", "narrator", "silent"]
_PART = re.compile(r"\*([^*]+)\*|[\"“”]([^\"“”]+)[\"“”]")


def with_narrator(text: str, narrator: str, outside: Outside) -> str:
    """`text` with a turn for each part; the character is the voice of the request.

    `narrator` is a voice's id, empty where the narrator's parts are not said. `outside`: whose the rest is.
    """
    said: list[tuple[str, str]] = []
    for speaker, part in _parts(text, outside):
        voice = narrator if speaker == "narrator" else ""
        is_said = bool(part.strip()) and speaker != "silent" and not (speaker == "narrator" and not narrator)
        if is_said and said and said[-1][0] == voice:
            said[-1] = (voice, f"{said[-1][1]} {part.strip()}")
        elif is_said:
            said.append((voice, part.strip()))
    return "\n".join(f"[voice: {voice}] {part}" for voice, part in said)


def _parts(text: str, outside: Outside) -> Iterator[tuple[str, str]]:
    at = 0
    for found in _PART.finditer(text):
        yield outside, text[at : found.start()]
        yield ("narrator", found[1]) if found[1] is not None else ("character", found[2])
        at = found.end()
    yield outside, text[at:]
