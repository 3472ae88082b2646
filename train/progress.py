"""How long work tells what it does, and learns that it should stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from speech.audio import Audio


class Stopped(Exception):
    """Raised by work that ended early because `should_stop` said so; what it needs to go on is on the disk."""


class Reporter(Protocol):
    """What the work talks to: a job's context in the service, the terminal on the command line.

    A `note` is a code of the text catalogue, so that each reader gets it in their language.
    """

    def progress(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` steps are made; cheap, may be called at every step."""

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Measured values of a step."""

    def log(self, text: str) -> None:
        """A line for people."""

    def sample(self, name: str, audio: Audio) -> None:
        """Something to listen to now; `name` is a plain file name without suffix."""

    def should_stop(self) -> bool:
        """Whether to save what there is and raise Stopped (cancelled, paused, shutting down)."""


class NullReporter:
    """A reporter that tells nobody and never stops."""

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Nobody listens."""

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Nobody listens."""

    def log(self, text: str) -> None:
        """Nobody listens."""

    def sample(self, name: str, audio: Audio) -> None:
        """Nobody listens."""

    def should_stop(self) -> bool:
        return False


class Passing:
    """What a reporter of a part of the work hands on to that of the whole as it is: everything but its progress."""

    def __init__(self, whole: Reporter) -> None:
        self._whole = whole

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self._whole.metric(step, values)

    def log(self, text: str) -> None:
        self._whole.log(text)

    def sample(self, name: str, audio: Audio) -> None:
        self._whole.sample(name, audio)

    def should_stop(self) -> bool:
        return self._whole.should_stop()


class Beside(Passing):
    """The reporter of work on the side of another, which stands still at `done` of `total` meanwhile."""

    def __init__(self, whole: Reporter, done: int, total: int) -> None:
        super().__init__(whole)
        self._done, self._total = done, total

    def progress(self, done: int, total: int, note: str = "") -> None:
        self._whole.progress(self._done, self._total, note)


class Part(Passing):
    """The reporter of one part of the work: its progress is `start` to `end` of the whole, 0 to 1."""

    def __init__(self, whole: Reporter, start: float, end: float) -> None:
        super().__init__(whole)
        self._start, self._end = start, end

    def progress(self, done: int, total: int, note: str = "") -> None:
        share = self._start + (self._end - self._start) * (done / total if total else 0.0)
        self._whole.progress(round(1000 * share), 1000, note)
