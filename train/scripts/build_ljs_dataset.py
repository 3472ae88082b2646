"""Build the dataset that is trained on, in LJSpeech's layout; or check one.

    python -m train.scripts.build_ljs_dataset DATASET
    python -m train.scripts.build_ljs_dataset --check FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from train.dataset.build import check
from train.dataset.pipeline import run
from train.scripts.common import Terminal, model_store, opened, parser_of, run_script


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--check", action="store_true", help="say what is wrong with the dataset in this folder")
    asked = parser.parse_args(arguments)
    if asked.check:
        return checked(asked.dataset)

    def body() -> int:
        folder, options = opened(asked)
        built = run(folder, options, model_store(), Terminal(), "build").built
        assert built is not None
        counts = f"{built.samples} samples ({built.train} train, {built.val} val), {60 * built.hours:.1f} minutes"
        print(f"{built.path}: version {built.number}, {counts}, {built.sha256[:12]}")
        return 0

    return run_script(body)


def checked(dataset: Path) -> int:
    """Print what is wrong; 1 when something is."""
    problems = check(dataset)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{dataset}: good")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
