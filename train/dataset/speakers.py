"""Who speaks when in a recording: windows of speech, told apart by a speaker encoder and joined by likeness.

Agglomerative clustering by average cosine (as in pyannote.audio's pipelines, https://arxiv.org/abs/2012.01477).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.metrics.speaker import SpeakerJudge
from speech.vad import Span
from train.dataset import sound
from train.dataset.folder import DatasetFolder
from train.dataset.records import Sample
from train.dataset.segment import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_S, HOP_S = 1.5, 0.5
SHORTEST_S = 0.5  # of a window
SAME = 0.4  # mean cosine of two groups from which they are one speaker
LEAST_SPEECH_S = 3.0  # of a speaker; a smaller group goes to the nearest one
MOST_WINDOWS = 1500  # that are clustered; the others go to the nearest group


def diarize(path: Path, speech: Sequence[Span], judge: SpeakerJudge, max_speakers: int = 6) -> tuple[Turn, ...]:
    """Turns named A, B, … in the order of their first word; none where one person speaks all through."""
    import numpy as np

    windows = [window for span in speech for window in _windows(span)]
    if len(windows) < 2:
        return ()
    heard = np.stack([judge.embed(sound.part(path, window.start_s, window.end_s)) for window in windows])
    labels = clustered(heard, max_speakers, HOP_S)
    if labels.max() == 0:
        return ()
    return _turns(windows, labels)


def _windows(span: Span) -> list[Span]:
    if span.duration_s < SHORTEST_S:
        return []
    if span.duration_s <= WINDOW_S:
        return [span]
    count = int((span.duration_s - WINDOW_S) / HOP_S) + 1
    starts = [span.start_s + index * HOP_S for index in range(count)]
    return [*(Span(start, start + WINDOW_S) for start in starts), Span(span.end_s - WINDOW_S, span.end_s)]


def clustered(heard: NDArray[Any], max_speakers: int, hop_s: float) -> NDArray[Any]:
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
    kept = [label for label in large if sizes[label] >= LEAST_SPEECH_S] or large[:1]
    centres = np.stack([some[labels == label].mean(axis=0) for label in kept])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    nearest = np.argmax(heard @ centres.T, axis=1)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(label), len(order)) for label in nearest])


def _turns(windows: Sequence[Span], labels: NDArray[Any]) -> tuple[Turn, ...]:
    """From window to window; where the speaker changes, half way between two centres."""
    turns: list[Turn] = []
    for window, label in zip(windows, labels, strict=True):
        name = chr(ord("A") + int(label))
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


def diarizer(judge: SpeakerJudge, max_speakers: int) -> Callable[[Path, Sequence[Span]], tuple[Turn, ...]]:
    """For `segment`."""
    return lambda path, speech: diarize(path, speech, judge, max_speakers)


def error_rate(said: Sequence[Turn], found: Sequence[Turn], step_s: float = 0.01) -> float:
    """Diarization error rate: missed, invented and confused time over that of speech, by the best pairing of names.

    No collar, no overlapping speech.
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    end = max(turn.end_s for turn in (*said, *found))
    truth, guess = (_frames(turns, end, step_s) for turns in (said, found))
    names = sorted({turn.speaker for turn in said}), sorted({turn.speaker for turn in found})
    together = np.array([[np.sum((truth == a) & (guess == b)) for b in names[1]] for a in names[0]])
    rows, columns = linear_sum_assignment(-together)
    right = together[rows, columns].sum()
    speech, claimed = np.sum(truth != ""), np.sum(guess != "")
    return float((max(speech, claimed) - right) / speech) if speech else 0.0


def _frames(turns: Sequence[Turn], end_s: float, step_s: float) -> NDArray[Any]:
    import numpy as np

    frames = np.full(round(end_s / step_s) + 1, "", dtype=object)
    for turn in turns:
        frames[round(turn.start_s / step_s) : round(turn.end_s / step_s)] = turn.speaker
    return frames


def rename(folder: DatasetFolder, names: Mapping[str, str]) -> None:
    """The names that a person gives to speakers, kept in the description and used when the dataset is built."""
    description = folder.description()
    description["speakers"] = {**description.get("speakers", {}), **names}
    folder.save_description(description)


def statistics(samples: Sequence[Sample], names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Clips, hours and words of each speaker, by the name that was given."""
    found: dict[str, dict[str, float]] = {}
    for sample in samples:
        name = names.get(sample.speaker, sample.speaker) or "–"
        row = found.setdefault(name, {"samples": 0, "hours": 0.0, "words": 0})
        row["samples"] += 1
        row["hours"] = round(row["hours"] + sample.duration_s / 3600, 6)
        row["words"] += len(sample.text.split())
    return dict(sorted(found.items()))
