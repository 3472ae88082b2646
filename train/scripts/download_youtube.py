"""Download the recordings of a dataset.

    python -m train.scripts.download_youtube DATASET [--videos videos.csv]

`videos.csv` has the columns id, youtube_url, speaker, emotion, language, split, notes. Each recording becomes
DATASET/raw/ID.wav, mono at 22 050 Hz; what is there already is not fetched again, and one that fails says why.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from train.dataset.download import download
from train.scripts.common import Terminal, opened, parser_of, run_script


def main(arguments: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("--videos", type=Path, help="a videos.csv to copy into the dataset first")
    asked = parser.parse_args(arguments)

    def body() -> int:
        folder, options = opened(asked)
        if asked.videos:
            shutil.copyfile(asked.videos, folder.videos)
        with folder.running():
            sources = download(folder, options.download, Terminal())
        print(f"{sum(source.is_ready for source in sources)} of {len(sources)} recordings are there")
        return int(any(source.error for source in sources))

    return run_script(body)


if __name__ == "__main__":
    sys.exit(main())
