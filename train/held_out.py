"""Which clips are held out: the one answer for what trains, what estimates and what judges."""

from __future__ import annotations

from collections.abc import Sequence

from train.manifest import Clip


def held_out(clips: Sequence[Clip], share: float, most: int | None = None) -> tuple[Clip, ...]:
    """Those of `clips` that are not trained on, in their order: as their splits say, else `share` of them, at least
    one and at most `most`, evenly over all. One is always left to train on where no split says otherwise.

    `clips` are those that could be learned from: a refused one is neither.
    """
    marked = tuple(clip for clip in clips if clip.split == "val")
    if marked:
        return marked
    count = min(len(clips) - 1, max(1, round(share * len(clips))))
    count = count if most is None else min(count, most)
    return tuple(clips[int((index + 0.5) * len(clips) / count)] for index in range(count))
