"""Recognised text made ready for training, and how far its words are known."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from speech.metrics.wer import words
from speech.text.normalize import normalize

Known = Callable[[str], bool]
_SPECIAL = re.compile(
    r"<\|[^|>]*\|>|\[[^\]]*\]|\([^)]*(?:música|music|applause|aplausos|laughter|risos)[^)]*\)|♪+", re.I
)
_SPACES = re.compile(r"\s+")
_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "—": " - ", "–": " - ", "…": "...", "|": " "})
_RARE = 1.0  # Zipf frequency: once in a hundred million words


def plain(text: str) -> str:
    """What was written without a recogniser's own tokens, in plain marks, on one line; never a column mark."""
    return _SPACES.sub(" ", _SPECIAL.sub(" ", text).translate(_MARKS)).strip()


def spoken(text: str, language: str) -> str:
    """`plain` text with numbers, dates, money and abbreviations in words."""
    return _SPACES.sub(" ", normalize(plain(text), language).replace("|", " ")).strip()


def lexicon(language: str) -> Known:
    """Whether a word occurs in the word lists of wordfreq (books, subtitles, encyclopedias, the web)."""
    from wordfreq import zipf_frequency

    primary = language.split("-")[0]
    return lambda word: bool(zipf_frequency(word, primary) >= _RARE)


def oov_share(text: str, known: Known) -> float:
    """Share of the words that the lexicon does not know, names and numbers in digits apart."""
    listed = [word for word in words(text) if not any(letter.isdigit() for letter in word)]
    names = {
        word.lower() for sentence in re.split(r"[.!?]\s+", text) for word in sentence.split()[1:] if word[:1].isupper()
    }
    names = {name for each in names for name in words(each)}
    judged = [word for word in listed if word not in names]
    return sum(not known(word) for word in judged) / len(judged) if judged else 0.0


def compression_ratio(text: str) -> float:
    """Length of the text over its length by zlib: above 2.4 it repeats itself (as Whisper's authors measure it)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def read_subtitles(text: str) -> list[tuple[float, float, str]]:
    """Start, end and words of each cue of a WebVTT file (https://www.w3.org/TR/webvtt1/)."""
    cues = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip().split("\n")
        at = next((index for index, line in enumerate(lines) if "-->" in line), None)
        if at is None:
            continue
        first, _, rest = lines[at].partition("-->")
        said = " ".join(re.sub(r"<[^>]*>", "", line) for line in lines[at + 1 :])
        try:
            cues.append((_seconds(first), _seconds(rest.split()[0]), said.strip()))
        except (ValueError, IndexError):
            continue
    return cues


def _seconds(stamp: str) -> float:
    total = 0.0
    for part in stamp.strip().replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return total


def subtitles_between(cues: list[tuple[float, float, str]], start_s: float, end_s: float) -> str:
    """Words of the cues that are shown mostly within a stretch of the recording."""
    found = []
    for first, last, text in cues:
        overlap = min(last, end_s) - max(first, start_s)
        if overlap > 0.5 * max(last - first, 1e-3):
            found.append(text)
    return " ".join(found)
