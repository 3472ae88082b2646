"""Every checkpoint of a run heard: the same prompts by the voice of held-out clips, measured and ranked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech.audio import Audio, join, load
from speech.engines.device import is_out_of_memory, reason_of
from speech.engines.xtts.record import ENGINE
from speech.engines.xtts.voices import LEAST_S, SAMPLE_RATE
from speech.errors import SpeechError
from speech.models import ModelStore
from train.checkpoints import CHECKPOINTS, snapshots_in
from train.evidence import Evidence, Judges, Prompt, hint, judge, ranked
from train.manifest import Clip
from train.progress import Reporter
from train.xtts.inference import Inference, materialized
from train.xtts.run import Run

RANKING = "ranking.json"
MERGED = ".judged"  # in the run's folder while a checkpoint speaks: adapters merged into a copy of the network
REFERENCE_S = 6.0  # of held-out clips, about, that every checkpoint imitates


def judge_run(run: Run, judges: Judges, reporter: Reporter) -> dict[str, Any]:
    """Evidence of every checkpoint, the best first, and what to do next; kept in the run's `ranking.json`. What an
    earlier call measured is not measured again; a checkpoint is loaded only while it speaks.

    Where held-out clips are too short to imitate, nothing is measured. Raises SpeechError as the engine does,
    `engine_no_memory`, Stopped.
    """
    held_out = run.held_out(run.clips().clips)
    reference = _reference(run.dataset, held_out)
    found: list[Evidence] = []
    for folder, meta in snapshots_in(run.folder / CHECKPOINTS):
        evidence = Evidence.load(folder)
        if evidence is None and reference is not None:
            evidence = _judged(run, folder, meta, held_out, reference, judges, reporter)
        found += [evidence] if evidence else []
    told = {"checkpoints": [asdict(one) for one in ranked(found)], "hint": asdict(hint(found))}
    (run.folder / RANKING).write_text(json.dumps(told, indent=2), encoding="utf-8")
    return told


def judge_checkpoint(run: Run, name: str, judges: Judges, reporter: Reporter) -> Evidence:
    """One checkpoint of the run, such as `step-000120`, heard and measured anew; its `evidence.json` says the same.

    Raises SpeechError `unknown_checkpoint`, `reference_too_short` where held-out clips are too short to imitate, and as
    the engine does, `engine_no_memory`; Stopped.
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


def load_run_judges(store: ModelStore) -> Judges:
    """Those whose models and packages are here."""
    from train.kokoro.report import load_judges

    found = load_judges(store)
    opinion = found.opinion
    return Judges(found.transcriber, found.speakers, (lambda audio: opinion(audio).overall) if opinion else None)


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
            )
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpeechError("engine_no_memory", engine=ENGINE, reason=reason_of(error)) from error


@contextmanager
def _speaking(run: Run, folder: Path) -> Iterator[Inference]:
    """A checkpoint that speaks; what was merged for it goes, also where there was no room to load it."""
    try:
        checkpoint_dir = materialized(run.checkpoint_dir, [(folder, 1.0)], run.folder / MERGED)
        with closing(Inference(checkpoint_dir, run.cache_dir, run.options.run.device)) as inference:
            yield inference
    finally:
        shutil.rmtree(run.folder / MERGED, ignore_errors=True)
