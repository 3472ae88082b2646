"""Every checkpoint of a run heard: the same prompts by the voice of held-out clips, measured and ranked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from speech.audio import Audio, join, load
from speech.engines.device import is_out_of_memory, memory_left, memory_short, reason_of
from speech.engines.memory import give_back
from speech.engines.xtts.engine import weight_bytes
from speech.engines.xtts.record import ENGINE
from speech.engines.xtts.voices import LEAST_S, SAMPLE_RATE
from speech.errors import SpeechError
from speech.files import write_whole
from train.checkpoints import CHECKPOINTS, snapshots_in
from train.curve import read_curve, train_losses
from train.evidence import RANKING, Evidence, Judges, Prompt, judge, ranking_of
from train.manifest import Clip
from train.progress import Part, Reporter
from train.xtts.inference import Inference
from train.xtts.run import Run

REFERENCE_S = 6.0  # of held-out clips, about, that every checkpoint imitates


def judge_run(run: Run, judges: Judges, reporter: Reporter) -> dict[str, Any]:
    """Evidence of every checkpoint, the best first, and what to do next; kept in the run's `ranking.json`. What an
    earlier call measured is not measured again; a checkpoint is loaded only while it speaks.

    Where held-out clips are too short to imitate, nothing is measured. Raises SpeechError as the engine does,
    `machine_memory_short`, `device_memory_short`, `engine_no_memory`; Stopped.
    """
    if _reference(run.dataset, run.held_out(run.clips().clips)) is None:
        return rank(run.folder)
    return judge_checkpoints(run, unjudged(run.folder), judges, reporter)


def judge_checkpoints(run: Run, names: Sequence[str], judges: Judges, reporter: Reporter) -> dict[str, Any]:
    """Checkpoints of the run, such as `step-000120`, heard and measured anew, and the ranking of all of them. Raises as
    `judge_checkpoint`."""
    for index, name in enumerate(names):
        judge_checkpoint(run, name, judges, Part(reporter, index / len(names), (index + 1) / len(names)))
    return rank(run.folder)


def judge_checkpoint(run: Run, name: str, judges: Judges, reporter: Reporter) -> Evidence:
    """One checkpoint heard and measured anew; its `evidence.json` says the same.

    Raises SpeechError `unknown_checkpoint`, `reference_too_short` where held-out clips are too short to imitate, and as
    `judge_run` does; Stopped.
    """
    found = {folder.name: meta for folder, meta in snapshots_in(run.folder / CHECKPOINTS)}
    if name not in found:
        raise SpeechError("unknown_checkpoint", name=name[:80], choices=sorted(found) or ["–"])
    held_out = run.held_out(run.clips().clips)
    reference = _reference(run.dataset, held_out)
    if reference is None:
        raise SpeechError(
            "reference_too_short", duration_s=sum(clip.duration_s for clip in held_out), minimum_s=LEAST_S
        )
    return _judged(run, run.folder / CHECKPOINTS / name, found[name], held_out, reference, judges, reporter)


def unjudged(folder: Path) -> list[str]:
    """Names of the checkpoints of the run in `folder` that have no evidence."""
    return [path.name for path, _ in snapshots_in(folder / CHECKPOINTS) if Evidence.load(path) is None]


def rank(folder: Path) -> dict[str, Any]:
    """The evidence there is of the run in `folder`, the best first, and what to do next, in its `ranking.json`."""
    told = ranking_of(snapshots_in(folder / CHECKPOINTS))
    write_whole(folder / RANKING, json.dumps(told, indent=2))
    return told


def _reference(dataset: Path, clips: Sequence[Clip]) -> Audio | None:
    parts: list[Audio] = []
    for clip in clips:
        parts.append(load(dataset / clip.audio_path, SAMPLE_RATE))
        if sum(part.duration_s for part in parts) >= REFERENCE_S:
            break
    whole = join(parts)
    return whole if whole.duration_s >= LEAST_S else None


def _judged(
    run: Run,
    folder: Path,
    meta: dict[str, Any],
    held_out: Sequence[Clip],
    reference: Audio,
    judges: Judges,
    reporter: Reporter,
) -> Evidence:
    options, language = run.options.evidence, run.options.data.language
    own = [Prompt(clip.text, clip.duration_s) for clip in held_out if clip.text.strip()]
    prompts = [Prompt(text) for text in options.prompts] or own
    try:
        with _speaking(run, folder) as inference:
            sounds = [load(run.dataset / clip.audio_path, SAMPLE_RATE) for clip in held_out]
            return judge(
                folder,
                meta,
                lambda text: inference.speak(
                    text, language, reference=reference, seed=run.options.run.seed, most_s=options.most_s
                ),
                prompts[: options.most_prompts],
                sounds,
                language,
                judges,
                reporter,
                train_losses(read_curve(run.folder)).get(meta["step"]),
            )
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpeechError("engine_no_memory", engine=ENGINE, reason=reason_of(error)) from error


@contextmanager
def _speaking(run: Run, folder: Path) -> Iterator[Inference]:
    """A checkpoint that speaks. Raises SpeechError `machine_memory_short`, `device_memory_short` before it is read."""
    used = run.options.run.device
    give_back()
    needed, free = weight_bytes(run.checkpoint_dir), memory_left(used)
    if free is not None and needed > free:
        raise memory_short(ENGINE, needed, used, free)
    with closing(Inference(run.checkpoint_dir, run.cache_dir, used, snapshot=folder)) as inference:
        yield inference
