"""What a voice was heard saying beside what it should say: words left out, words put in, babble after the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from speech.analysis.transcripts import letters
from speech.asr import Transcript
from speech.text.normalize import normalize

# Costs of an alignment by letters with affine gaps (Gotoh, 1982). A gap at either end opens for half: of two equal
# letters the one next to its own word is the partner, not one in the babble.
_UNLIKE, _OPEN, _OPEN_AT_END, _EXTEND = 1.0, 1.0, 0.5, 0.5
_NEVER = float("inf")
_LEFT_OUT = 0.6  # share of a word's letters without a partner, from which it was not said
LEAST_LETTERS = 3  # in a row: whether fewer were said a recogniser cannot tell
_LONG_WORD, _HARDLY = 5, 1 / 3  # letters, share of them: of a word that another one stands for
OTHER_WORDS = 0.5  # difference from which something else was said


@dataclass(frozen=True)
class Said:
    """How what was heard differs from what should be said."""

    missing: tuple[str, ...]  # words of the text that nobody was heard saying
    added: tuple[str, ...]  # heard before or among the words of the text, and not of it
    babble: tuple[str, ...]  # heard after its last word
    ends_s: float | None  # where its last word that was heard ends; None where none was
    difference: float  # share of the text's letters that have no equal partner, 0 to 1

    @property
    def is_other(self) -> bool:
        """Whether something else was said."""
        return self.difference >= OTHER_WORDS


@dataclass(frozen=True)
class _Heard:
    text: str
    end_s: float
    is_number: bool  # written in digits, which can be read in more ways than the text was


def said(text: str, transcript: Transcript, language: str) -> Said:
    """`text` in spoken words beside a transcript with the times of its words; `language` is a BCP 47 tag."""
    wanted, heard = text.split(), _spoken(transcript, language)
    rows, columns = _joined(wanted, language), _joined([word.text for word in heard], language)
    partners = _partners(rows.letters, columns.letters)
    matched = [column for column in partners if column is not None]
    equal = sum(
        column is not None and rows.letters[row] == columns.letters[column] for row, column in enumerate(partners)
    )
    last = columns.owners[matched[-1]] if matched else None
    gone = rows.words_of([row for row, column in enumerate(partners) if column is None])
    alone = sorted(set(range(len(columns.letters))) - set(matched))
    return Said(
        missing=tuple(wanted[word] for word in sorted({*gone, *_replaced(rows, columns, partners, heard)})),
        added=tuple(
            heard[word].text
            for word in columns.words_of(alone)
            if last is not None and word <= last and not heard[word].is_number
        ),
        babble=tuple(heard[word].text for word in columns.words_of(alone) if last is None or word > last),
        ends_s=None if last is None else heard[last].end_s,
        difference=1 - equal / len(rows.letters) if rows.letters else 0.0,
    )


def _replaced(
    rows: _Joined, columns: _Joined, partners: Sequence[int | None], heard: Sequence[_Heard]
) -> Iterator[int]:
    """The longer words of which next to no letter was heard: another word stands there, which is no number."""
    for word, count in Counter(rows.owners).items():
        pairs = [(r, c) for r, c in enumerate(partners) if rows.owners[r] == word and c is not None]
        equal = sum(rows.letters[row] == columns.letters[column] for row, column in pairs)
        is_number = any(heard[columns.owners[column]].is_number for _, column in pairs)
        if count >= _LONG_WORD and equal <= _HARDLY * count and not is_number:
            yield word


@dataclass(frozen=True)
class _Joined:
    """The letters of words one after another, and the word that each is of."""

    letters: list[str]
    owners: list[int]

    def words_of(self, alone: Sequence[int]) -> list[int]:
        """The words that letters without a partner make: most of a word, and enough in a row to be sure."""
        runs: list[list[int]] = []
        for index in alone:
            if runs and runs[-1][-1] == index - 1:
                runs[-1].append(index)
            else:
                runs.append([index])
        sure = [index for run in runs if len(run) >= LEAST_LETTERS for index in run]
        counts = Counter(self.owners[index] for index in sure)
        return [owner for owner, count in counts.items() if count >= _LEFT_OUT * self.owners.count(owner)]


def _joined(words: Sequence[str], language: str) -> _Joined:
    pairs = [(letter, owner) for owner, word in enumerate(words) for letter in letters(word, language)]
    return _Joined([letter for letter, _ in pairs], [owner for _, owner in pairs])


def _spoken(transcript: Transcript, language: str) -> list[_Heard]:
    """The heard words in spoken words, as the text has them, each with the end of the word that it was written in."""
    written = [
        _Heard(part, word.end_s, any(map(str.isdigit, word.text)))
        for word in transcript.words
        for part in normalize(word.text, language).split()
    ]
    whole = normalize(transcript.text, language).split()
    found: list[_Heard] = []
    blocks = SequenceMatcher(None, [word.text for word in written], whole, False).get_opcodes()
    for kind, first, last, begin, end in blocks:
        there = written[first:last] or found[-1:] or [_Heard("", 0.0, False)]
        is_number = kind != "equal" and any(one.is_number for one in (*there, *written[last : last + 1]))
        for index in range(begin, end):
            one = there[max(0, (index + 1 - begin) * len(there) // (end - begin) - 1)]
            found.append(_Heard(whole[index], one.end_s, one.is_number or is_number))
    return found


def _partners(wanted: Sequence[str], heard: Sequence[str]) -> list[int | None]:
    """For each letter of `wanted` the index of its partner in `heard`, None where it has none."""
    rows, columns = len(wanted), len(heard)
    # Of each cell the least costs that end in a pair, in a letter of `wanted` alone, in one of `heard` alone; and the
    # layer that each came from.
    above: list[tuple[float, float, float]] = []
    came: list[list[tuple[int, int, int]]] = []
    for i in range(rows + 1):
        row: list[tuple[float, float, float]] = []
        steps: list[tuple[int, int, int]] = []
        for j in range(columns + 1):
            pair, alone, other = (_NEVER if i or j else 0.0, 0), (_NEVER, 0), (_NEVER, 0)
            if i and j:
                pair = _least(above[j - 1], 0.0 if wanted[i - 1] == heard[j - 1] else _UNLIKE)
            if i:
                alone = _gap(above[j], 1, j in (0, columns))
            if j:
                other = _gap(row[j - 1], 2, i in (0, rows))
            row.append((pair[0], alone[0], other[0]))
            steps.append((pair[1], alone[1], other[1]))
        above = row
        came.append(steps)
    return _traced(came, above[-1].index(min(above[-1])))


def _least(costs: tuple[float, float, float], more: float) -> tuple[float, int]:
    least = min(costs)
    return least + more, costs.index(least)


def _gap(costs: tuple[float, float, float], layer: int, is_at_end: bool) -> tuple[float, int]:
    """The cost of one more letter alone: a gap goes on, or opens after the cheapest of the other layers."""
    opening = _OPEN_AT_END if is_at_end else _OPEN
    choices = [cost + (_EXTEND if index == layer else opening + _EXTEND) for index, cost in enumerate(costs)]
    least = min(choices)
    return least, choices.index(least)


def _traced(came: Sequence[Sequence[tuple[int, int, int]]], layer: int) -> list[int | None]:
    """The partners along the cheapest way, from its end."""
    i, j = len(came) - 1, len(came[0]) - 1
    partners: list[int | None] = [None] * i
    while i or j:
        previous = came[i][j][layer]
        if layer == 0:
            partners[i - 1] = j - 1
        i, j, layer = i - (layer != 2), j - (layer != 1), previous
    return partners
