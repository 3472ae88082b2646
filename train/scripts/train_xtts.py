"""Fine-tune XTTS-v2 on a dataset in LJSpeech's layout (`train.scripts.build_ljs_dataset` makes one).

    python -m train.scripts.train_xtts [DATASET] [--checkpoint FOLDER] [--output RUN] [--config train_config.yaml]
    python -m train.scripts.train_xtts [DATASET] [--checkpoint FOLDER] [--output RUN] --smoke-test

DATASET is ./MyTTSDataset where none is named. FOLDER is XTTS-v2's (config.json, vocab.json, model.pth, dvae.pth), else
PAPAGAIO_XTTS_DIR, else the weights that `papagaio models pull xtts-v2` brought. RUN is runs/ and the configuration's
name, such as runs/smoke_test. Ctrl-C pauses; the same command goes on.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from train.checkpoints import CHECKPOINTS
from train.judges import load_run_judges
from train.options import DEFAULT_CONFIG, SMOKE_TEST, load_options
from train.progress import Stopped
from train.scripts.common import Terminal, base_folder, model_store, run_script
from train.xtts.judged import finetune_and_judge
from train.xtts.run import Run

DATASET, RUNS = Path("MyTTSDataset"), Path("runs")  # where none is named, in the folder one is in
PAUSED = 130  # what a shell takes for Ctrl-C


class Stoppable(Terminal):
    """A terminal whose Ctrl-C asks the training to save and stop; a second one ends at once."""

    def __init__(self) -> None:
        super().__init__()
        self._is_stopping = False

    def listen(self) -> None:
        def interrupted(*_: object) -> None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._is_stopping = True
            self.log("pausing after this step")

        signal.signal(signal.SIGINT, interrupted)

    def should_stop(self) -> bool:
        return self._is_stopping


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", default=DATASET, help="with metadata.csv and wavs/")
    parser.add_argument("--checkpoint", type=Path, help="folder of XTTS-v2, with dvae.pth; else the store's")
    parser.add_argument("--output", type=Path, help="folder of this run; one that is there goes on")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG)
    parser.add_argument("--smoke-test", action="store_true", help="ten steps on a few clips")
    parser.add_argument("--max-steps", type=int, help="of the optimizer, at most; else what the configuration says")
    parser.add_argument("--language", help="of the clips; else what the configuration says")
    parser.add_argument("--device", help="cpu or cuda; else what the configuration says")
    asked = parser.parse_args(arguments)
    changes: dict[str, dict[str, Any]] = {}
    if asked.language:
        changes["data"] = {"language": asked.language}
    if asked.device:
        changes["run"] = {"device": asked.device}
    if asked.max_steps is not None:
        changes.setdefault("run", {})["max_steps"] = asked.max_steps

    def body() -> int:
        config: Path = SMOKE_TEST if asked.smoke_test else asked.config
        options = load_options(config, changes)
        output: Path = (asked.output or RUNS / config.stem).resolve()
        run = Run(asked.dataset.resolve(), base_folder(asked.checkpoint), output, output.parent / ".cache", options)
        terminal = Stoppable()
        terminal.listen()
        try:
            figures = finetune_and_judge(run, partial(load_run_judges, model_store()), terminal)
        except Stopped:
            print(f"paused; the same command goes on ({output})")
            return PAUSED
        print(f"steps {figures['steps']:.0f}, validation loss {figures['loss']:.4f}")
        ranking = figures["ranking"]
        for one in ranking["checkpoints"] if ranking else ():
            print(", ".join(f"{name} {value:.4g}" for name, value in one.items() if value is not None))
        if ranking:
            print(f"{ranking['hint']['code']}: step {ranking['hint']['step']}")
        print("\n".join(str(output / CHECKPOINTS / name) for name in figures["checkpoints"]))
        return 0

    return run_script(body)


if __name__ == "__main__":
    sys.exit(main())
