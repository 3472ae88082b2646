"""What was spoken for whom: told to whoever keeps account of it, whichever way the speaking ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from speech.engines.base import Chunk
from speech.plan import Plan

Status = Literal["completed", "cancelled", "failed"]
T = TypeVar("T")


@dataclass(frozen=True)
class Use:
    """`duration_s`: of the sound that was given out; `compute_s`: spent making it, waits of the listener left out."""

    plan: Plan
    status: Status
    duration_s: float
    compute_s: float

    @property
    def characters(self) -> int:
        return sum(len(sentence.text) for sentence in self.plan.sentences)


class SpeechMeter(Protocol):
    def admit(self, characters: int) -> None:
        """Raises what refuses so many more."""

    def spoken(self, use: Use) -> None:
        """Keep it."""


def timed(steps: Generator[T, None, None], ended: Callable[[Status, float], None]) -> Generator[T, None, None]:
    """The same steps; closing it closes them. `ended` is told how, and the seconds that making them took."""
    compute_s = 0.0
    status: Status = "cancelled"
    try:
        while True:
            started = time.perf_counter()
            step = next(steps, None)
            compute_s += time.perf_counter() - started
            if step is None:
                status = "completed"
                return
            yield step
    except Exception:
        status = "failed"
        raise
    finally:
        steps.close()
        ended(status, compute_s)


def metered(chunks: Generator[Chunk, None, None], plan: Plan, meter: SpeechMeter) -> Generator[Chunk, None, None]:
    """The same chunks; closing it closes them."""
    samples = 0

    def ended(status: Status, compute_s: float) -> None:
        meter.spoken(Use(plan, status, samples / plan.sample_rate, compute_s))

    with closing(timed(chunks, ended)) as steps:
        for chunk in steps:
            samples += len(chunk.samples)
            yield chunk
