"""A given text placed on the clips that were cut: which of its words each clip says, and how well that was heard."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from speech.metrics.wer import errors
from speech.text.normalize import normalize

_SENTENCE_ENDS = re.compile(r"[.!?…:;][\"'”’)]*$")
_SKIP = 0.7  # cost of a word that has no partner; a pair costs the share of its letters that differ
_LONGEST_WORD = 40


def letters(text: str, language: str) -> str:
    """Text as compared: numbers in words where we know how, lower case, without accents, marks and spaces."""
    spoken = normalize(text, language) if language.split("-")[0] in ("pt", "en") else text
    plain = unicodedata.normalize("NFKD", spoken.lower())
    return "".join(character for character in plain if character.isalnum())


def difference(text: str, heard: str, language: str) -> float:
    """Share of the letters of the longer one that must change to make one text of the other: 0 same, 1 nothing alike.

    Letters rather than words, since a recogniser that writes `n'occa` for `blocca` has heard the right thing."""
    wanted, got = letters(text, language), letters(heard, language)
    longest = max(len(wanted), len(got))
    return errors(wanted, got) / longest if longest else 0.0


def place(text: str, heard: Sequence[str], language: str) -> tuple[str, ...]:
    """The part of `text` that each clip says, given what was heard in each, in order.

    Word by word, by the cheapest alignment (Needleman and Wunsch, 1970). Words of the text that nobody was heard
    saying go to the clip around them; between two clips, to the one whose sentence they belong to.
    """
    words = text.split()
    spoken = [(word, clip) for clip, transcript in enumerate(heard) for word in transcript.split()]
    partners = _align(
        [letters(word, language) or word for word in words], [letters(word, language) or word for word, _ in spoken]
    )
    clips = [None if partner is None else spoken[partner][1] for partner in partners]
    placed: list[list[str]] = [[] for _ in heard]
    for index, word in enumerate(words):
        clip = clips[index] if clips[index] is not None else _around(words, clips, index)
        if clip is not None:
            placed[clip].append(word)
    return tuple(" ".join(part) for part in placed)


def _around(words: Sequence[str], clips: Sequence[int | None], index: int) -> int | None:
    """The clip of a word that was not heard, None when there is no clip at all."""
    first, last = index, index
    while first > 0 and clips[first - 1] is None:
        first -= 1
    while last + 1 < len(clips) and clips[last + 1] is None:
        last += 1
    before = clips[first - 1] if first > 0 else None
    after = clips[last + 1] if last + 1 < len(clips) else None
    if before is None or after is None or before == after:
        return after if before is None else before
    is_next_sentence = any(_SENTENCE_ENDS.search(word) for word in words[first - 1 : index])
    return after if is_next_sentence else before


def _align(wanted: Sequence[str], got: Sequence[str]) -> list[int | None]:
    """For each wanted word the index of its partner in `got`, None where it has none."""
    import numpy as np

    costs: dict[tuple[str, str], float] = {}
    steps = np.zeros((len(wanted) + 1, len(got) + 1), np.int8)  # 0 pair, 1 wanted alone, 2 got alone
    steps[1:, 0], steps[0, 1:] = 1, 2
    above = [_SKIP * j for j in range(len(got) + 1)]
    for i, word in enumerate(wanted, 1):
        row = [_SKIP * i]
        for j, other in enumerate(got, 1):
            pair = costs.get((word, other))
            if pair is None:
                pair = costs[word, other] = _unlike(word, other)
            choices = (above[j - 1] + pair, above[j] + _SKIP, row[j - 1] + _SKIP)
            row.append(min(choices))
            steps[i, j] = choices.index(row[j])
        above = row
    partners: list[int | None] = [None] * len(wanted)
    i, j = len(wanted), len(got)
    while i or j:
        step = steps[i, j]
        if step == 0:
            partners[i - 1] = j - 1
        i, j = i - (step != 2), j - (step != 1)
    return partners


def _unlike(word: str, other: str) -> float:
    if word == other:
        return 0.0
    word, other = word[:_LONGEST_WORD], other[:_LONGEST_WORD]
    return 1.2 * errors(word, other) / max(len(word), len(other))
