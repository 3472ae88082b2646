"""Cut the recordings of a dataset into clips of 7 to 12 s.

    python -m train.scripts.segment_audio DATASET

Reads DATASET/raw/*.wav (or cleaned/*.wav, when `clean.enabled` is set), writes DATASET/processed/wavs/*.wav.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from train.dataset.pipeline import run
from train.scripts.common import Terminal, model_store, opened, parser_of, run_script


def main(arguments: Sequence[str] | None = None) -> int:
    asked = parser_of(__doc__).parse_args(arguments)

    def body() -> int:
        folder, options = opened(asked)
        run(folder, options, model_store(), Terminal(), "clean", "segment")
        samples = folder.stage_samples()
        print(f"{len(samples)} clips, {sum(sample.duration_s for sample in samples) / 60:.1f} minutes")
        return 0

    return run_script(body)


if __name__ == "__main__":
    sys.exit(main())
