"""Word error rate: how many words a listener got wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_NOT_WORDS = re.compile(r"[^\w\s]|_", re.UNICODE)


def words(text: str) -> list[str]:
    """Lower-cased words without marks; hyphens part words, apostrophes do not."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'").replace("'", "")
    return _NOT_WORDS.sub(" ", text).split()


def errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Least number of substitutions, insertions and deletions between two word lists (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, wanted in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != got))
    return row[-1]


def word_error_rate(references: Sequence[str], heard: Sequence[str]) -> float:
    """Errors over reference words of all texts together. Raises ValueError when there is no reference word."""
    pairs = [(words(wanted), words(got)) for wanted, got in zip(references, heard, strict=True)]
    total = sum(len(wanted) for wanted, _ in pairs)
    if not total:
        raise ValueError("no words in the references")
    return sum(errors(wanted, got) for wanted, got in pairs) / total
