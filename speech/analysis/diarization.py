"""Who speaks when in a recording: windows of speech, told apart by a speaker encoder and joined by likeness.

Agglomerative clustering by average cosine (as in pyannote.audio's pipelines, https://arxiv.org/abs/2012.01477).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from speech.asr import Segment, Word
from speech.audio import Audio
from speech.metrics.speaker import SpeakerJudge
from speech.vad import Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_S, HOP_S = 1.5, 0.5
SHORTEST_S = 0.5  # of a window
SAME = 0.4  # mean cosine of two groups from which they are one speaker
LEAST_SPEECH_S = 3.0  # of a speaker whose clips are learnt from; a smaller group goes to the nearest one
LEAST_SAID_S = 1.5  # of a speaker in a conversation that is written down
MOST_WINDOWS = 1500  # that are clustered; the others go to the nearest group
MOST_HEARD = 2400  # windows of a conversation that is written down: in an hour they lie side by side

Part = Callable[[float, float], Audio]  # the seconds from, to of a recording


@dataclass(frozen=True)
class Turn:
    """Who speaks, in seconds; speakers are told apart, and known where references of theirs were given."""

    start_s: float
    end_s: float
    speaker: str


def diarize(part: Part, speech: Sequence[Span], judge: SpeakerJudge, max_speakers: int = 6) -> tuple[Turn, ...]:
    """Turns named A, B, … in the order of their first word; none where one person speaks all through."""
    windows, _, labels = _told_apart(part, speech, judge, max_speakers, HOP_S, LEAST_SPEECH_S)
    if labels.max(initial=0) == 0:
        return ()
    return _turns(windows, labels, letters(int(labels.max()) + 1))


def recognize(
    part: Part,
    speech: Sequence[Span],
    judge: SpeakerJudge,
    known: Mapping[str, Audio],
    max_speakers: int = 6,
) -> tuple[Turn, ...]:
    """As `diarize`, also of one person; `known` speech of people, by name, who are called so where they speak.

    However long it is, it is heard in at most about `MOST_HEARD` windows, since somebody waits for it.
    """
    import numpy as np

    hop_s = max(HOP_S, sum(span.duration_s for span in speech) / MOST_HEARD)
    windows, heard, labels = _told_apart(part, speech, judge, max_speakers, hop_s, LEAST_SAID_S)
    if not windows:
        return ()
    centres = np.stack([heard[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    references = [judge.embed(audio) for audio in known.values()]
    names = _named(centres, list(known), references)
    unheard = [place for place, name in enumerate(known) if name not in names]  # else who says little is somebody else
    everybody = np.stack([*centres, *(references[place] for place in unheard)])
    nearest = np.argmax(heard @ everybody.T, axis=1)
    return _turns(windows, nearest, [*names, *(list(known)[place] for place in unheard)])


def letters(count: int) -> list[str]:
    return [chr(ord("A") + number) for number in range(count)]


def by_speaker(segments: Iterable[Segment], turns: Sequence[Turn]) -> Iterator[Segment]:
    """`segments`, which have words, cut where somebody else goes on; each with its speaker."""
    for segment in segments:
        runs: list[tuple[str, list[Word]]] = []
        for word in segment.words:
            speaker = _who((word.start_s + word.end_s) / 2, turns)
            if not runs or runs[-1][0] != speaker:
                runs.append((speaker, []))
            runs[-1][1].append(word)
        if len(runs) < 2:
            middle_s = (segment.start_s + segment.end_s) / 2
            yield replace(segment, speaker=runs[0][0] if runs else _who(middle_s, turns))
            continue
        texts = _texts(segment.text, [words for _, words in runs])
        for (speaker, words), text in zip(runs, texts, strict=True):
            start_s, end_s = words[0].start_s, words[-1].end_s
            yield replace(segment, speaker=speaker, words=tuple(words), text=text, start_s=start_s, end_s=end_s)


def _texts(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """`text` as it is written, cut before the first word of each run."""
    starts, at = [], 0
    for words in runs:
        found = text.find(words[0].text, at)
        starts.append(found if found >= 0 else at)
        for word in words:
            found = text.find(word.text, at)
            at = found + len(word.text) if found >= 0 else at
    return [text[start:end].strip() for start, end in zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True)]


def _who(at_s: float, turns: Sequence[Turn]) -> str:
    """Whose turn it is, or the nearest one; the first letter where nobody was told apart."""
    if not turns:
        return letters(1)[0]
    return min(turns, key=lambda turn: max(turn.start_s - at_s, at_s - turn.end_s, 0.0)).speaker


def _told_apart(
    part: Part, speech: Sequence[Span], judge: SpeakerJudge, max_speakers: int, hop_s: float, least_speech_s: float
) -> tuple[list[Span], NDArray[Any], NDArray[Any]]:
    """Windows, their unit vectors, shape (n, size), and the number of each one's speaker."""
    import numpy as np

    windows = [window for span in speech for window in _windows(span, hop_s)]
    heard = [judge.embed(part(window.start_s, window.end_s)) for window in windows]
    vectors = np.stack(heard) if heard else np.zeros((0, 0), np.float32)
    return windows, vectors, clustered(vectors, max_speakers, hop_s, least_speech_s)


def _windows(span: Span, hop_s: float) -> list[Span]:
    if span.duration_s < SHORTEST_S:
        return []
    if span.duration_s <= WINDOW_S:
        return [span]
    count = int((span.duration_s - WINDOW_S) / hop_s) + 1
    starts = [span.start_s + index * hop_s for index in range(count)]
    return [*(Span(start, start + WINDOW_S) for start in starts), Span(span.end_s - WINDOW_S, span.end_s)]


def clustered(
    heard: NDArray[Any], max_speakers: int, hop_s: float, least_speech_s: float = LEAST_SPEECH_S
) -> NDArray[Any]:
    """A number for each of the unit vectors, shape (n, size): 0 is who speaks first."""
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage

    step = max(1, -(-len(heard) // MOST_WINDOWS))
    some = heard[::step]
    if len(some) < 2:
        return np.zeros(len(heard), int)
    tree = linkage(some, "average", metric="cosine")
    labels = fcluster(tree, 1 - SAME, "distance")
    sizes = {int(label): int(np.sum(labels == label)) * step * hop_s for label in np.unique(labels)}
    large = sorted(sizes, key=lambda label: -sizes[label])[:max_speakers]
    kept = [label for label in large if sizes[label] >= least_speech_s] or large[:1]
    centres = np.stack([some[labels == label].mean(axis=0) for label in kept])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    nearest = np.argmax(heard @ centres.T, axis=1)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(label), len(order)) for label in nearest])


def _named(centres: NDArray[Any], names: Sequence[str], references: Sequence[NDArray[Any]]) -> list[str]:
    """For each centre the known speaker that it is, by the best pairing, or a letter."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    found: dict[int, str] = {}
    if names:
        likeness = centres @ np.stack(references).T
        for row, column in zip(*linear_sum_assignment(-likeness), strict=True):
            if likeness[row, column] >= SAME:
                found[int(row)] = names[column]
    free = iter([letter for letter in letters(len(centres) + len(names)) if letter not in names])
    return [found.get(number) or next(free) for number in range(len(centres))]


def _turns(windows: Sequence[Span], labels: NDArray[Any], names: Sequence[str]) -> tuple[Turn, ...]:
    """From window to window; where the speaker changes, half way between two centres."""
    turns: list[Turn] = []
    for window, label in zip(windows, labels, strict=True):
        name = names[int(label)]
        before = turns[-1] if turns else None
        if before is not None and window.start_s <= before.end_s:
            if before.speaker == name:
                turns[-1] = replace(before, end_s=max(before.end_s, window.end_s))
                continue
            middle = (max(before.start_s, window.start_s) + before.end_s) / 2
            turns[-1] = replace(before, end_s=middle)
            turns.append(Turn(middle, window.end_s, name))
        else:
            turns.append(Turn(window.start_s, window.end_s, name))
    return tuple(turns)
