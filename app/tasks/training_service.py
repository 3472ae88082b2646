"""Where fine-tunings are: what `train` offers to the service, the runs in its folder and their checkpoints."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.callers import LOCAL, Caller
from app.errors import Problem
from speech.models import ModelStore
from train.checkpoints import CHECKPOINTS, OPTIONS, snapshots_in
from train.tuned_engine import ADAPTER, ENGINE, MODEL, WEIGHTS, check_weights

if TYPE_CHECKING:
    from train.options import TrainOptions
    from train.progress import Reporter

MODULES = ("torch", "safetensors", "tokenizers", "yaml")
INSTALL_COMMAND = "./run training"
COMPONENT = "training"  # that brings them from the page
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
OWNER, DATASET = "owner", "dataset"  # files in a run's folder: whose it is, what it learns from
STEP_NAME = re.compile(r"step-\d{6}")
BASE = "base"  # stands for a step: the network that the run began with


class TrainingService:
    """Runs in `root`, on datasets in `datasets`. `checkpoint_dir`: of the operator's own, else of the model store."""

    engine = ENGINE

    def __init__(self, store: ModelStore, root: Path, datasets: Path, checkpoint_dir: Path | None = None) -> None:
        self.store, self.root, self.datasets, self._checkpoint_dir = store, root, datasets, checkpoint_dir

    def check(self) -> None:
        """Raises Problem `training_not_installed`, SpeechError `model_missing`, `training_weights_missing`."""
        missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise Problem("training_not_installed", packages=missing, command=INSTALL_COMMAND, component=COMPONENT)
        check_weights(self.checkpoint_dir())

    def checkpoint_dir(self) -> Path:
        """Of the network that is fine-tuned. Raises SpeechError `model_missing`."""
        return self._checkpoint_dir or self.store.path(MODEL)

    def options(self, sections: Mapping[str, Mapping[str, Any]]) -> TrainOptions:
        """The configuration with `sections` over it. Raises SpeechError `bad_training_option`."""
        from train.options import DEFAULT_CONFIG, load_options

        return load_options(DEFAULT_CONFIG, sections)

    def dataset(self, name: str) -> Path:
        """What was built of a dataset. Raises Problem `dataset_not_built`."""
        folder = self.datasets / name / "MyTTSDataset"
        if not any((folder / file).is_file() for file in ("metadata_train.csv", "metadata.csv")):
            raise Problem("dataset_not_built", name=name)
        return folder

    def train(self, run: str, dataset: str, sections: Mapping[str, Any], reporter: Reporter) -> dict[str, Any]:
        """Go on with `run`, or begin it; its checkpoints are heard and ranked. Raises SpeechError as
        `finetune_and_judge` does; Stopped."""
        from train.finetuning import Run, finetune_and_judge, load_run_judges

        folder = self.run_folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        options = self.options(sections)
        work = Run(self.dataset(dataset), self.checkpoint_dir(), folder, self.root / ".cache", options)
        (folder / DATASET).write_text(dataset, encoding="utf-8")
        return finetune_and_judge(work, partial(load_run_judges, self.store), reporter)

    def judge(self, run: str, step: str | None, reporter: Reporter) -> dict[str, Any]:
        """Have a checkpoint of `run` heard anew, or all that have no evidence; the ranking. Raises Problem
        `unknown_run`, `dataset_not_built`; SpeechError as `judge_checkpoint` does; Stopped."""
        from train.finetuning import Run, judge_checkpoints, load_run_judges, unjudged
        from train.options import options_from

        folder, options = self.run_folder(run), options_from(self.config(run))
        work = Run(self.dataset_of(run), self.checkpoint_dir(), folder, self.root / ".cache", options)
        names = [step] if step else unjudged(folder)
        return judge_checkpoints(work, names, load_run_judges(self.store), reporter)

    def ranking(self, run: str, caller: Caller = LOCAL) -> dict[str, Any] | None:
        """Evidence of the checkpoints there are, the best first, with a hint; None before the first was heard. Raises
        Problem `unknown_run`."""
        from train.evidence import ranking_of

        found = ranking_of(snapshots_in(self._existing(run, caller) / CHECKPOINTS))
        return found if found["checkpoints"] else None

    def run_folder(self, run: str) -> Path:
        """Raises Problem `unknown_run` for what is no name."""
        if not RUN_NAME.fullmatch(run):
            raise Problem("unknown_run", run=run[:80], choices=["–"])
        return self.root / run

    def begin(self, run: str, caller: Caller) -> None:
        """Make the folder of a run that is the caller's."""
        folder = self.run_folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OWNER).write_text(caller.user_id, encoding="utf-8")

    def runs(self, caller: Caller = LOCAL) -> list[str]:
        """Names of all runs that the caller may see, sorted."""
        if not self.root.is_dir():
            return []
        names = sorted(path.name for path in self.root.iterdir() if RUN_NAME.fullmatch(path.name))
        return [name for name in names if self._is_seen(name, caller)]

    def _is_seen(self, run: str, caller: Caller) -> bool:
        path = self.root / run / OWNER
        return caller.may_see(path.read_text(encoding="utf-8") if path.is_file() else LOCAL.user_id)

    def curve(self, run: str, caller: Caller = LOCAL, after: int = -1) -> list[dict[str, Any]]:
        """Figures of each step so far, of those later than `after`. Raises Problem `unknown_run`."""
        from train.curve import read_curve

        return read_curve(self._existing(run, caller), after)

    def checkpoints(self, caller: Caller = LOCAL, run: str | None = None) -> list[dict[str, Any]]:
        """Of one run, or of all: run, step, losses, method, size; `is_best` of a run is the best score, and where none
        was heard the lowest validation loss."""
        names = [run] if run else self.runs(caller)
        return [one for name in names for one in self._checkpoints_of(name, caller)]

    def _checkpoints_of(self, run: str, caller: Caller) -> list[dict[str, Any]]:
        from train.curve import read_curve, train_losses
        from train.evidence import EVIDENCE, SAMPLES, ranked_snapshots

        folder = self._existing(run, caller)
        found = snapshots_in(folder / CHECKPOINTS)
        places = {path: place for place, (path, _) in enumerate(ranked_snapshots(found), 1)}
        learned = train_losses(read_curve(folder))
        return [
            {
                "name": f"{run}/{path.name}",
                "run": run,
                "step": meta["step"],
                "epoch": -(-meta["step"] // meta["steps_per_epoch"]) if "steps_per_epoch" in meta else None,
                "created_at": (path / "meta.json").stat().st_mtime,
                "method": meta["method"],
                "language": meta["language"],
                "losses": meta["losses"],
                "train_loss": learned.get(meta["step"]),
                "evidence": _json(path / EVIDENCE),
                "rank": places[path],
                "is_best": places[path] == 1,
                "samples": sorted(file.stem for file in (path / SAMPLES).glob("*.wav")),
                "size_bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
            }
            for path, meta in found
        ]

    def checkpoint(self, run: str, step: str, caller: Caller = LOCAL) -> Path:
        """The folder of one. Raises Problem `unknown_run`, `unknown_checkpoint`."""
        folder = self._existing(run, caller) / CHECKPOINTS / step
        if not STEP_NAME.fullmatch(step) or not folder.is_dir():
            choices = [one["name"].rpartition("/")[2] for one in self._checkpoints_of(run, caller)]
            raise Problem("unknown_checkpoint", name=step[:80], choices=choices or ["–"])
        return folder

    def config(self, run: str, caller: Caller = LOCAL) -> dict[str, Any]:
        """Sections of train_config.yaml that a run has; none before it began to learn. Raises Problem `unknown_run`."""
        facts = _json(self._existing(run, caller) / OPTIONS) or {}
        return dict(facts.get("options", {}))

    def language(self, run: str, caller: Caller = LOCAL) -> str:
        """What a run's clips are in. Raises Problem `unknown_run`."""
        return str(self.config(run, caller).get("data", {}).get("language", "pt-BR"))

    def dataset_of(self, run: str, caller: Caller = LOCAL) -> Path:
        """What a run learns from. Raises Problem `unknown_run`, `dataset_not_built`."""
        path = self._existing(run, caller) / DATASET
        return self.dataset(path.read_text(encoding="utf-8") if path.is_file() else run.rpartition("-")[0])

    def weights(self, run: str, step: str, caller: Caller = LOCAL) -> Path:
        """The file to download: adapters, or the whole network. Raises as `checkpoint`."""
        folder = self.checkpoint(run, step, caller)
        return next(folder / name for name in (ADAPTER, WEIGHTS) if (folder / name).is_file())

    def sample(self, run: str, step: str, name: str, caller: Caller = LOCAL) -> Path:
        """A sound that a checkpoint was judged by. Raises as `checkpoint`; Problem `sample_not_found`."""
        from train.evidence import SAMPLES

        folder = self.checkpoint(run, step, caller) / SAMPLES
        found = {path.stem: path for path in folder.glob("*.wav")}
        if name not in found:
            raise Problem("sample_not_found", name=name[:80], choices=sorted(found) or ["–"])
        return found[name]

    def delete(self, run: str, step: str, caller: Caller = LOCAL) -> None:
        """Raises as `checkpoint`; Problem `checkpoint_is_best` for the best of several."""
        folder, kept = self.checkpoint(run, step, caller), self._checkpoints_of(run, caller)
        if len(kept) > 1 and any(one["is_best"] and one["name"] == f"{run}/{step}" for one in kept):
            raise Problem("checkpoint_is_best", name=f"{run}/{step}")
        shutil.rmtree(folder)

    def _existing(self, run: str, caller: Caller) -> Path:
        folder = self.run_folder(run)
        if not folder.is_dir() or not self._is_seen(run, caller):
            raise Problem("unknown_run", run=run[:80], choices=self.runs(caller) or ["–"])
        return folder


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    except (OSError, ValueError):
        return None
