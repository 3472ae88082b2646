"""What a fit to a whole dataset keeps on the way, and which of it becomes the voice: by what is heard of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from speech.audio import Audio
from train.checkpoints import CHECKPOINTS, SnapshotPolicy, Snapshots, load_checkpoint, save_checkpoint, snapshots_in
from train.evidence import RANKING, Evidence, Judges, Prompt, hint, judge, ranked
from train.kokoro.corpus import Line
from train.kokoro.preview import Stage
from train.kokoro.trainable import KokoroFit
from train.progress import Reporter

KEPT = 6  # checkpoints that are judged, and the one of the lowest validation loss besides
PROMPTS = 4  # held-out clips whose words every checkpoint says
WEIGHTS = "fit.pt"
Load = Callable[[], Judges]


@dataclass(frozen=True)
class Spoken:
    """A held-out clip: its words, as the network takes them, and its sound."""

    text: str
    line: Line
    audio: Audio


def snapshots(made: KokoroFit, steps: int, validate_every: int, folder: Path) -> Snapshots:
    """About `KEPT` over all steps, each after a validation, in `folder / CHECKPOINTS`."""
    every = validate_every * max(1, round(steps / KEPT / validate_every))

    def write(target: Path) -> Mapping[str, Any]:
        save_checkpoint(target / WEIGHTS, {"parameters": [one.detach().clone() for one in _parameters(made)]})
        return {}

    return Snapshots(folder / CHECKPOINTS, SnapshotPolicy(every, KEPT), write)


def choose(
    made: KokoroFit,
    folder: Path,
    stage: Stage,
    held_out: Sequence[Spoken],
    language: str,
    load: Load,
    reporter: Reporter,
) -> dict[str, Any]:
    """Have every checkpoint heard and put the best one's weights into `made`: by score; where nothing has one, those of
    the lowest validation loss, which `made` has already.

    Returns the ranked table, the hint, the step that was kept and what chose it, and the names of the judges; the same
    is in `ranking.json`. What an earlier call measured is not measured again. Raises Stopped.
    """
    judges = load()
    lines = {one.text: one.line for one in held_out}
    prompts = [Prompt(one.text, one.audio.duration_s) for one in held_out[:PROMPTS]]
    sounds = [one.audio for one in held_out]
    before = [one.detach().clone() for one in _parameters(made)]
    found: list[Evidence] = []
    for path, meta in snapshots_in(folder / CHECKPOINTS):
        evidence = Evidence.load(path)
        if evidence is None:
            _put(made, _weights(path))
            voice = stage.fitted(made)
            evidence = judge(path, meta, lambda text: voice(lines[text]), prompts, sounds, language, judges, reporter)
        found.append(evidence)
    best = ranked(found)[0]
    is_scored = best.score is not None
    _put(made, _weights(folder / CHECKPOINTS / f"step-{best.step:06}") if is_scored else before)
    names = [one.name for one in judges.speakers]
    told = {
        "ranking": [asdict(one) for one in ranked(found)],
        "hint": asdict(hint(found)),
        "kept_step": best.step,
        "chosen_by": "score" if is_scored else "validation_loss",
        "judges": {"choosing": [*(["whisper"] if judges.transcriber else []), *names[:1]], "unseen": names[1:2]},
    }
    (folder / RANKING).write_text(json.dumps(told, indent=2), encoding="utf-8")
    return told


def _weights(checkpoint: Path) -> list[torch.Tensor]:
    """Raises FileNotFoundError."""
    saved = load_checkpoint(checkpoint / WEIGHTS)
    if saved is None:
        raise FileNotFoundError(checkpoint / WEIGHTS)
    return list(saved["parameters"])


def _parameters(made: KokoroFit) -> list[torch.nn.Parameter]:
    return [parameter for group in made.parameters() for parameter in group.parameters]


@torch.no_grad()
def _put(made: KokoroFit, values: Sequence[torch.Tensor]) -> None:
    for parameter, value in zip(_parameters(made), values, strict=True):
        parameter.copy_(value)
