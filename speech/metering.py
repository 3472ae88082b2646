"""What was spoken for whom: told to whoever keeps account of it, whichever way the speaking ends."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal, Protocol

from speech.engines.base import Chunk
from speech.plan import Plan


@dataclass(frozen=True)
class Use:
    """`duration_s`: of the sound that was given out; `compute_s`: spent making it, waits of the listener left out."""

    plan: Plan
    status: Literal["completed", "cancelled", "failed"]
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


def metered(chunks: Generator[Chunk, None, None], plan: Plan, meter: SpeechMeter) -> Generator[Chunk, None, None]:
    """The same chunks; closing it closes them."""
    samples, compute_s, status = 0, 0.0, "cancelled"
    try:
        while True:
            started = time.perf_counter()
            chunk = next(chunks, None)
            compute_s += time.perf_counter() - started
            if chunk is None:
                status = "completed"
                return
            samples += len(chunk.samples)
            yield chunk
    except Exception:
        status = "failed"
        raise
    finally:
        chunks.close()
        meter.spoken(Use(plan, status, samples / plan.sample_rate, compute_s))  # type: ignore[arg-type]
