"""Hear and measure checkpoints of a fine-tuning: words, likeness, opinion and length, as JSON.

    python -m train.scripts.judge_xtts RUN [DATASET] [--checkpoint FOLDER]
    python -m train.scripts.judge_xtts RUN/checkpoints/step-000120 [DATASET] [--checkpoint FOLDER]

Of a RUN those that have no evidence, such as after a stop, and it prints the ranking of all; one checkpoint is measured
anew. It says the run's prompts, or texts of clips that were held out, by the voice of those clips, and writes
`evidence.json` and `samples/` into its folder. DATASET is ./MyTTSDataset where none is named, FOLDER as `train_xtts`
takes it. A figure whose judge is not here is null; `./run training` brings the judges.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech.errors import SpeechError
from train.checkpoints import OPTIONS
from train.evidence import Evidence
from train.judges import load_run_judges
from train.options import TrainOptions, options_from
from train.scripts.common import Terminal, base_folder, model_store, run_script
from train.scripts.train_xtts import DATASET
from train.xtts.judging import judge_checkpoints, unjudged
from train.xtts.run import Run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("judged", type=Path, metavar="RUN", help="a run's folder, or a step-… folder in it")
    parser.add_argument("dataset", type=Path, nargs="?", default=DATASET, help="that the run learned from")
    parser.add_argument("--checkpoint", type=Path, help="folder of XTTS-v2 that was fine-tuned; else the store's")
    asked = parser.parse_args(arguments)

    def body() -> int:
        judged: Path = asked.judged.resolve()
        is_run = (judged / OPTIONS).is_file()
        folder = judged if is_run else judged.parent.parent
        cache = folder.parent / ".cache"
        run = Run(asked.dataset.resolve(), base_folder(asked.checkpoint), folder, cache, options_of(folder))
        judges, terminal = load_run_judges(model_store()), Terminal()
        ranking = judge_checkpoints(run, unjudged(folder) if is_run else [judged.name], judges, terminal)
        print(json.dumps(ranking if is_run else _told(judged), indent=2))
        return 0

    return run_script(body)


def _told(folder: Path) -> dict[str, Any]:
    evidence = Evidence.load(folder)
    return asdict(evidence) if evidence else {}


def options_of(folder: Path) -> TrainOptions:
    """What the run in `folder` was begun with. Raises SpeechError `unknown_run`."""
    try:
        facts = json.loads((folder / OPTIONS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise SpeechError("unknown_run", run=str(folder), choices=["–"]) from None
    return options_from(facts["options"])


if __name__ == "__main__":
    sys.exit(main())
