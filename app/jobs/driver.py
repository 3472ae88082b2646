"""The port behind which jobs get to workers: the table is the truth, a driver only sees to it that somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Driver(Protocol):
    """Keeps workers at the jobs from `start` to `stop`. `tests/contract/test_drivers.py` is what each must keep:

    a job that was added, before the start or after it, runs; one whose worker died runs again, and its neighbours get
    their attempt back where it was killed for another's sake; one that was cancelled or paused stops in time.
    """

    def start(self) -> None:
        """Begin. Raises Problem where this data folder cannot be served, such as `data_dir_in_use`."""

    def stop(self, grace_s: float = 5.0) -> None:
        """Ask the workers to end, and end those that have not after `grace_s` seconds; their jobs run again later."""

    def publish(self, job_id: str, queue: str) -> None:
        """Tell of a job that is runnable since a commit. It may be lost: what is runnable is found again."""

    def processes(self, queue: str) -> Mapping[str, int]:
        """The process id of each worker of a queue that this driver keeps, by worker_id."""
