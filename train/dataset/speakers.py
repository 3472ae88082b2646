"""The speakers of a dataset: told apart in its recordings, named by a person, counted in its clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.analysis.diarization import Turn, diarize
from speech.metrics.speaker import SpeakerJudge
from speech.vad import Span
from train.dataset import sound
from train.dataset.folder import DatasetFolder
from train.dataset.records import Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray


def diarizer(judge: SpeakerJudge, max_speakers: int) -> Callable[[Path, Sequence[Span]], tuple[Turn, ...]]:
    """For `segment`."""
    return lambda path, speech: diarize(partial(sound.part, path), speech, judge, max_speakers)


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
