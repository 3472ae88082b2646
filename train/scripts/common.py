"""What the scripts share: options, the terminal, one line an error."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from speech.audio import Audio
from speech.errors import SpeechError
from speech.models import ModelStore
from train.dataset.folder import DatasetFolder
from train.dataset.options import DEFAULT_CONFIG, DatasetOptions, load_options
from train.tuned_engine import MODEL

REFUSED = 2


class Terminal:
    """Progress in one line, messages in lines of their own, on standard error."""

    def __init__(self) -> None:
        self._told = ""

    def progress(self, done: int, total: int, note: str = "") -> None:
        line = f"{note.rpartition('.')[2]}: {100 * done // max(total, 1)} %"
        if line != self._told:
            self._told = line
            print(
                f"\r\x1b[K{line}" if sys.stderr.isatty() else line,
                end="" if sys.stderr.isatty() else "\n",
                file=sys.stderr,
            )

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Figures are in the manifest."""

    def log(self, text: str) -> None:
        print(text, file=sys.stderr)

    def sample(self, name: str, audio: Audio) -> None:
        """The clips are files already."""

    def should_stop(self) -> bool:
        return False


def parser_of(about: str) -> argparse.ArgumentParser:
    """With the arguments of every script: the dataset's folder, its language when it is new, the configuration."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="folder of the dataset; made where it is not there")
    parser.add_argument("--language", default="pt-BR", help="of a new dataset: pt-BR or en")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="dataset_config.yaml")
    return parser


def opened(asked: argparse.Namespace) -> tuple[DatasetFolder, DatasetOptions]:
    """The dataset, made if need be, and the options. Raises SpeechError."""
    options = load_options(asked.config)
    root: Path = asked.dataset.resolve()
    if (root / "dataset.json").is_file():
        return DatasetFolder.open(root), options
    return DatasetFolder.create(root, asked.language), options


def model_store() -> ModelStore:
    """Where `papagaio models pull` keeps weights: PAPAGAIO_MODELS_DIR, PAPAGAIO_DATA_DIR/models or the XDG folder."""
    data = os.environ.get("PAPAGAIO_DATA_DIR")
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "papagaio"
    return ModelStore(Path(os.environ.get("PAPAGAIO_MODELS_DIR") or (Path(data) if data else home) / "models"))


def base_folder(asked: Path | None) -> Path:
    """The XTTS-v2 to train: `asked`, else PAPAGAIO_XTTS_DIR, else the store's. Raises SpeechError `model_missing`."""
    named = asked or os.environ.get("PAPAGAIO_XTTS_DIR")
    return Path(named).resolve() if named else model_store().path(MODEL)


def run_script(body: Callable[[], int]) -> int:
    """The exit code of `body`; an error of ours is one line and code 2."""
    try:
        return body()
    except SpeechError as error:
        print(
            f"{error.code}: " + "; ".join(f"{name}: {value}" for name, value in error.values.items()), file=sys.stderr
        )
        return REFUSED
