"""Is it one person who speaks: windows of all clips compared with the voice that most of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from speech.audio import Audio
from speech.metrics.speaker import SpeakerJudge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embeddings: TypeAlias = NDArray[np.float32]

WINDOW_S, HOP_S = 1.6, 0.8
SAME = 0.45  # cosine of a window and its speaker's centre: never below 0.52 in clean speech, others at most 0.45
SECOND_SHARE = 0.2  # of all windows that another voice must have for the recording to be of two people


@dataclass(frozen=True)
class Speakers:
    """For each clip how near it is to the main voice, as a whole and at its worst, and who speaks most of it."""

    similarity: tuple[float, ...]
    least: tuple[float, ...]  # mean of two windows that follow each other: in noise a single one can be far off
    second: tuple[int, ...]  # clips in which a second person is heard; () when there is none
    second_share: float  # of all windows

    @property
    def are_two(self) -> bool:
        return bool(self.second)


def compare(clips: Sequence[Audio], judge: SpeakerJudge, step: Callable[[int], None]) -> Speakers:
    """Listen to who speaks in each of `clips`, at least one; `step` is told the number of clips done."""
    import numpy as np

    wholes, windows, owners = [], [], []
    for index, clip in enumerate(clips):
        wholes.append(judge.embed(_at_least(clip, WINDOW_S / 2)))
        parts = _windows(clip)
        windows += [judge.embed(part) for part in parts]
        owners += [index] * len(parts)
        step(index + 1)
    heard, owner = np.stack(windows), np.array(owners)
    main = _centre(heard)
    near = heard @ main
    is_other = near < SAME
    second: tuple[int, ...] = ()
    share = 0.0
    if is_other.sum() >= 2:
        other = _centre(heard[is_other])
        is_second = is_other & (heard @ other >= SAME)
        share = float(is_second.mean())
        if share >= SECOND_SHARE:
            second = tuple(sorted({int(i) for i in owner[is_second]}))
    centre = _unit(np.mean([whole for whole in wholes if whole @ main >= SAME] or [main], axis=0))
    return Speakers(
        tuple(float(whole @ centre) for whole in wholes),
        tuple(_least(near[owner == index]) for index in range(len(clips))),
        second,
        share,
    )


def _least(near: Embeddings) -> float:
    """Of the cosines of one clip's windows, shape (windows,)."""
    pairs = (near[1:] + near[:-1]) / 2 if len(near) > 1 else near
    return float(pairs.min())


def _centre(heard: Embeddings) -> Embeddings:
    """Direction of the largest group: begun at the window with most alike, then the mean of what is near, again."""
    import numpy as np

    alike = heard @ heard.T
    centre: Embeddings = heard[int(np.argmax((alike > SAME).sum(axis=1) + alike.mean(axis=1)))]
    for _ in range(5):
        centre = _unit(heard[heard @ centre >= SAME].mean(axis=0))
    return centre


def _unit(vector: Embeddings) -> Embeddings:
    import numpy as np

    unit: Embeddings = vector / np.linalg.norm(vector)
    return unit


def _windows(clip: Audio) -> list[Audio]:
    count = max(1, int((clip.duration_s - WINDOW_S) / HOP_S) + 1)
    return [_at_least(clip.slice(i * HOP_S, i * HOP_S + WINDOW_S), WINDOW_S / 2) for i in range(count)]


def _at_least(clip: Audio, seconds: float) -> Audio:
    """The encoder wants half a second: what is shorter is heard again."""
    import numpy as np

    return Audio(np.resize(clip.samples, max(len(clip.samples), round(seconds * clip.sample_rate))), clip.sample_rate)
