"""Write down every clip of a dataset, in as many processes as the machine has room for, and judge the clips.

    python -m train.scripts.transcribe_audio_parallel DATASET [--workers N]

Writes DATASET/processed/transcriptions.json and the texts into DATASET/manifest.jsonl. Ended early, it goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from train.dataset.pipeline import run
from train.scripts.common import Terminal, model_store, opened, parser_of, run_script


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 sizes them to the machine")
    asked = parser.parse_args(arguments)

    def body() -> int:
        folder, options = opened(asked)
        if asked.workers:
            options = replace(options, transcribe=replace(options.transcribe, workers=asked.workers))
        done = run(folder, options, model_store(), Terminal(), "transcribe", "quality")
        samples = folder.stage_samples()
        written = sum(bool(sample.text) for sample in samples)
        print(f"{written} of {len(samples)} clips in {sum(done.seconds.values()):.0f} s")
        return 0

    return run_script(body)


if __name__ == "__main__":
    sys.exit(main())
