"""Portuguese acronyms: which are spelled, which are said as a word, and their plurals."""

from __future__ import annotations

import re

from speech.text.portuguese_names import LETTERS
from speech.text.rules import Rule, compile_rules

# Spelled by people, but read as a word by espeak.
_SPELLED = frozenset(
    "IBGE IPTU IPVA IOF OAB CEO CFO CTO COO UTI IA EAD BNDES TSE DNA RNA API URL IRPF ICMS IPCA OIT UFRJ IP ID INSS "
    "STE UEFS FMI CPI ECA PEC TI RH EUA ETA".split()
)
_SAID = {"USP": "úspi", "AIDS": "áids", "ICMBio": "i cê eme bio", "CDROM": "cê dê rom"}
# Said as they are written, though they look impossible.
_WORDS = frozenset("ONG ESC ALT OFF OGG AND END ALL".split())
_ACRONYM = r"(?<![\w.-])(?:ICMBio(?!\w)|([A-Z]{2,6})(s?)(?![\w-]))"
_VOWELS = "AEIOUY"
_ONSETS = {first + second for first in "BCDFGPTV" for second in "LR"} | {"CH", "LH", "NH", "QU", "GU"}


def rules() -> tuple[Rule, ...]:
    """The rule for words in capitals inside a text that is not all in capitals."""
    return compile_rules((_ACRONYM, _acronym))


def _acronym(found: re.Match[str], language: str) -> str:
    around = found.string[max(0, found.start() - 30) : found.start()], found.string[found.end() : found.end() + 30]
    if found[0] in _SAID:
        return _SAID[found[0]]
    if not any(character.islower() for part in around for character in part):
        return found[0]
    letters, plural = found[1], found[2]
    has_no_vowel = not any(letter in _VOWELS for letter in letters)
    if letters in _SPELLED or _is_unspeakable(letters) or (plural and has_no_vowel):
        return " ".join(LETTERS[letter] for letter in letters) + plural
    return found[0]


def _is_unspeakable(letters: str) -> bool:
    """Whether nobody could say `letters` as a word, but espeak tries: it has a vowel and an impossible cluster."""
    if len(letters) > 5 or letters in _WORDS or not any(letter in _VOWELS for letter in letters):
        return False
    if len(letters) == 3 and letters[0] in _VOWELS and not set(letters[1:]) & set(_VOWELS):
        return True
    clusters = re.findall(rf"[^{_VOWELS}]+", letters)
    return any(_is_impossible(cluster) for cluster in clusters)


def _is_impossible(cluster: str) -> bool:
    if "F" in cluster[:-1] and cluster[cluster.index("F") :][:2] not in _ONSETS | {"FF"}:
        return True
    return len(cluster) >= 3 and cluster[0] not in "LRMNSZ" and len(set(cluster)) == len(cluster)
