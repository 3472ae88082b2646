"""The one catalogue of what a user reads, in English and Brazilian Portuguese; the page loads the same texts.

`<language>/<area>.json` holds the codes that begin with `<area>.`, and is the place of those; an area may be divided,
as `page.speak` is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "pt-BR")
FOLDER = Path(__file__).parent


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Code to text for one of `LANGUAGES`, sorted by code."""
    files = sorted((FOLDER / language).glob("*.json"))
    texts = {code: text for path in files for code, text in json.loads(path.read_text(encoding="utf-8")).items()}
    return dict(sorted(texts.items()))


def render(code: str, language: str, values: Mapping[str, object]) -> str:
    """The text of `code` with its `{placeholders}` filled; lists are joined with commas.

    Raises KeyError when the catalogue lacks the code or the values lack a placeholder: both are our defects.
    """
    shown = {name: ", ".join(map(str, v)) if isinstance(v, (list, tuple, set)) else v for name, v in values.items()}
    return catalogue(language)[code].format(**shown)


def negotiate(accept_language: str | None) -> str:
    """The best of `LANGUAGES` for an Accept-Language header (RFC 9110 §12.5.4); English when nothing matches."""
    ranked: list[tuple[float, str]] = []
    for part in (accept_language or "").split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), tag.strip().lower()))
        except ValueError:
            continue
    for weight, tag in sorted(ranked, key=lambda item: item[0]):
        for language in LANGUAGES:
            if weight < 0 and tag.split("-")[0] == language.split("-")[0].lower():
                return language
    return LANGUAGES[0]
