"""Web and mail addresses and names of files: how they are found, and how they are read out."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PATH = r"(?:/[^\s<>\"()]*[\w/])?"
# Endings that are also words need a long name, a path or a known short address before them: a space may be missing.
_ENDINGS = (
    "br|uk|pt|ar|cl|co|uy|mx|es|fr|nl|ch|eu|ru|cn|jp|kr|au|nz|ca|pl|cz|dk|ly|fi|ie|xyz|online|site|blog|shop|store|"
    "cloud"
)
_WORDS = "de|me|se|no|na|do|be|us|it|is|at|in|to|so|am|my|gg"
_EXTENSIONS = (
    "py|pdf|md|js|ts|json|csv|txt|docx?|xlsx?|pptx?|html?|css|xml|zip|rar|png|jpe?g|gif|svg|mp[34]|wav|avi|mov|exe|sh|"
    "ya?ml|cpp|java|php|sql|log|ini|cfg|epub|odt|toml|ipynb"
)
_LABEL = r"[a-zA-Z][a-zA-Z0-9-]"

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-zA-Z]{2,24}\b")
URL = re.compile(
    r"(?:\bhttps?://|\bwww\.)[^\s<>\"()]*[\w/]"
    r"|(?<![\w.@-])(?:[a-zA-Z0-9-]{1,63}\.){1,4}(?:com|org|net|edu|gov|io|dev|app|info|tv|ai)"
    rf"(?:\.[a-z]{{2}})?\b{_PATH}"
    rf"|(?<![\w.@-])(?:t\.co|youtu\.be|t\.me|wa\.me|(?:{_LABEL}{{1,62}}\.){{1,4}}(?:{_ENDINGS})(?:\.[a-z]{{2}})?)"
    rf"(?![\w-]){_PATH}"
    rf"|(?<![\w.@-])(?:{_LABEL}{{9,62}}\.(?:{_WORDS})(?![\w-]){_PATH}|{_LABEL}{{1,62}}\.(?:{_WORDS})/[^\s<>\"()]*[\w/])"
)
FILE = re.compile(rf"(?<![\w.@/-])\w[\w-]{{0,80}}(?:\.[\w-]{{1,20}}){{0,2}}\.(?:{_EXTENSIONS})(?![\w-]|\.\w)")
_SAID_AS_WORDS = frozenset("www br co me com org net".split())
_SPELLED = re.compile(
    r"(?<=\.)[A-Za-z]{2}(?=$|[/:?#])|(?<![^\W\d_])[b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ]{1,4}(?![^\W\d_])"
)


def address(written: str, names: Mapping[str, str], letters: Mapping[str, str]) -> str:
    """A web or mail address or the name of a file read out: the scheme is left out, `names` says the punctuation.

    The endings of countries and of files, and short parts without a vowel, are spelled by `letters` (A to Z).
    """
    written = re.sub(r"^https?://", "", written, flags=re.IGNORECASE).rstrip("/")

    def spelled(found: re.Match[str]) -> str:
        if found[0].lower() in _SAID_AS_WORDS:
            return found[0]
        return " ".join(letters[letter] for letter in found[0].upper())

    written = _SPELLED.sub(spelled, written)
    return " ".join(re.sub(r"[^\w ]|_", lambda mark: f" {names.get(mark[0], '')} ", written).split())
