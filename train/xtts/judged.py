"""A fine-tuning whose checkpoints are heard on the way, so that a person can stop it where it is best."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from speech.engines.device import is_out_of_memory, reason_of
from speech.errors import SpeechError
from train.evidence import Judges
from train.progress import Beside, Reporter, Stopped
from train.xtts.finetune import finetune
from train.xtts.judging import judge_run
from train.xtts.run import Run

NO_MEMORY = ("machine_memory_short", "device_memory_short", "engine_no_memory")


def finetune_and_judge(run: Run, load_judges: Callable[[], Judges], reporter: Reporter) -> dict[str, Any]:
    """Train, and judge each checkpoint when it is kept or all of them at the end, by `options.evidence`. Returns the
    figures of `finetune`, and the `ranking` of `judge_run`, None where nothing is judged.

    A checkpoint that cannot be judged while the training waits, such as for lack of memory, is told of and left for the
    end. Raises SpeechError as `finetune` and `judge_run` do; Stopped, with everything to go on in `run.folder`.
    """
    evidence = run.options.evidence
    if not evidence.enabled:
        return {**finetune(run, reporter), "ranking": None}
    judges = cache(load_judges)
    figures = finetune(run, reporter, _Meanwhile(run, judges).judge if evidence.when == "each" else _nothing)
    steps = figures["steps_planned"]
    return {**figures, "ranking": judge_run(run, judges(), Beside(reporter, steps, steps))}


class _Meanwhile:
    """Judges what there is, until it once cannot."""

    def __init__(self, run: Run, judges: Callable[[], Judges]) -> None:
        self._run, self._judges, self._has_failed = run, judges, False

    def judge(self, reporter: Reporter) -> None:
        if self._has_failed:
            return
        try:
            judge_run(self._run, self._judges(), reporter)
        except Stopped:
            raise
        except Exception as error:  # hours of learning do not end for it; after them it ends the run
            self._has_failed = True
            is_short = is_out_of_memory(error) or isinstance(error, SpeechError) and error.code in NO_MEMORY
            reporter.log(f"{reason_of(error)}: {'judged_later_memory' if is_short else 'judged_later'}")


def _nothing(reporter: Reporter) -> None:
    """Checkpoints are judged at the end."""
