"""Ends of clips heard again by themselves: a word that was cut is another one without the sentence around it."""

from __future__ import annotations

from collections.abc import Sequence

from speech.analysis.transcripts import difference
from speech.asr import Word
from speech.audio import Audio
from train.dataset.quality import edge_db

EDGE_S = 2.0  # of each end that is heard again
WORDS = 2  # at the very end, which are compared: those further in may be cut by us
QUIET_DB = -22.0  # ends below it lie in a pause: nothing can be cut there


def has_loud_edge(audio: Audio) -> bool:
    """Whether an end lies in speech. Shorter clips than two ends are not heard again."""
    return audio.duration_s >= 2 * EDGE_S and edge_db(audio) > QUIET_DB


def edges_of(audio: Audio) -> tuple[Audio, Audio]:
    """The first and the last `EDGE_S`."""
    return audio.slice(0.0, EDGE_S), audio.slice(audio.duration_s - EDGE_S, audio.duration_s)


def edge_difference(words: Sequence[Word], first: str, last: str, duration_s: float, language: str) -> float | None:
    """Share of the letters by which the outermost words differ from what was heard alone, of the worse end.

    `first` and `last` are what was heard of `edges_of`; None where no words were known there.
    """
    head = [word.text for word in words if word.end_s <= EDGE_S][:WORDS]
    tail = [word.text for word in words if word.start_s >= duration_s - EDGE_S][-WORDS:]
    pairs = [(head, first.split()[: len(head)]), (tail, last.split()[-len(tail) :] if tail else [])]
    found = [difference(" ".join(known), " ".join(heard), language) for known, heard in pairs if known]
    return max(found) if found else None
