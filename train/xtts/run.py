"""A fine-tuning as it is asked for: where everything is. Brings no PyTorch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from speech.errors import SpeechError
from train.held_out import held_out
from train.ljs import read_dataset
from train.manifest import Clip, Manifest
from train.options import TrainOptions

REFUSED = "refused.json"


@dataclass(frozen=True)
class Run:
    """What a training works on: a dataset in LJSpeech's layout, or the clips of a manifest in its folder."""

    dataset: Path
    checkpoint_dir: Path  # of XTTS-v2, with dvae.pth
    folder: Path  # of this run
    cache_dir: Path  # of codes and mels, shared between runs
    options: TrainOptions

    def clips(self) -> Manifest:
        """Raises SpeechError as `read_dataset` and `Manifest.load` do, `nothing_to_train_on`."""
        data = self.options.data
        path = self.dataset / "manifest.jsonl"
        is_built = any((self.dataset / f"metadata{part}.csv").is_file() for part in ("", "_train"))
        manifest = Manifest.load(path) if path.is_file() and not is_built else read_dataset(self.dataset, data.language)
        usable = manifest.usable()
        usable = usable[: data.most_clips] if data.most_clips else usable
        if not usable:
            raise SpeechError("nothing_to_train_on", clips=len(manifest.clips), reasons="-")
        return Manifest(usable)

    def held_out(self, clips: Sequence[Clip]) -> tuple[Clip, ...]:
        """Of the run's `clips` those that it does not learn from, once `finetune` has told which it refuses."""
        path = self.folder / REFUSED
        refused = {one["clip_id"] for one in json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else set()
        usable = [clip for clip in clips if clip.clip_id not in refused]
        return held_out(usable, self.options.data.validation_share)
