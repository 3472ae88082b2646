"""A dataset of ours as others read it: by coqui's `ljspeech` formatter, and as a Hugging Face audiofolder.

    python -m bench.dataset_loading DATASET --reference-python .venv-parity/bin/python

DATASET is what `./run dataset` built (`MyTTSDataset`). The reference environment is that of `./run parity` with
`pip install 'datasets==5.2.0'` besides; what it lacks is told and not measured. Each row is compared with ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from bench.record import write

# The file alone: its package imports all of coqui, and needs no more for this.
_COQUI = """
import importlib.metadata, importlib.util, json, sys
path = importlib.metadata.distribution("coqui-tts").locate_file("TTS/tts/datasets/formatters.py")
spec = importlib.util.spec_from_file_location("formatters", path)
formatters = importlib.util.module_from_spec(spec)
spec.loader.exec_module(formatters)
names = ("metadata", "metadata_train", "metadata_val")
found = {name: formatters.ljspeech(sys.argv[1], f"{name}.csv") for name in names}
print(json.dumps({name: [[item["audio_file"], item["text"].strip()] for item in rows] for name, rows in found.items()}))
"""
_AUDIOFOLDER = """
import json, sys
from datasets import Audio, load_dataset
# As a stream, sounds not decoded: its decoder, torchcodec, wants the libraries of an FFmpeg on the machine.
rows = load_dataset("audiofolder", data_dir=sys.argv[1] + "/wavs", split="train", streaming=True)
rows = rows.cast_column("audio", Audio(decode=False))
print(json.dumps([[row["audio"]["path"], row["text"], row["normalized_text"], row["speaker"]] for row in rows]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--reference-python", type=Path, required=True)
    asked = parser.parse_args()
    figures: dict[str, Any] = {}
    for name, compare in (("coqui_ljspeech", by_coqui), ("audiofolder", as_audiofolder)):
        try:
            figures[name] = compare(asked.dataset.resolve(), asked.reference_python)
        except subprocess.CalledProcessError as error:
            figures[name] = {"not_measured": error.stderr.strip().splitlines()[-1]}
    print(json.dumps(figures, indent=1))
    print("written:", write("dataset_loading", figures))


def by_coqui(dataset: Path, python: Path) -> dict[str, int]:
    """Rows by file; AssertionError where coqui reads another sound or text than we wrote."""
    found = _asked(python, _COQUI, dataset)
    for name, rows in found.items():
        ours = [(dataset / "wavs" / f"{row[0]}.wav", row[2]) for row in _rows(dataset / f"{name}.csv")]
        assert [(Path(path), text) for path, text in rows] == ours, name
    return {name: len(rows) for name, rows in found.items()}


def as_audiofolder(dataset: Path, python: Path) -> dict[str, int]:
    """Rows; AssertionError where one differs."""
    rows = _asked(python, _AUDIOFOLDER, dataset)
    ours = {row[0]: (row[1], row[2]) for row in _rows(dataset / "metadata.csv")}
    assert {Path(path).stem: (text, spoken) for path, text, spoken, _ in rows} == ours
    return {"rows": len(rows), "speakers": len({speaker for *_, speaker in rows})}


def _rows(path: Path) -> list[list[str]]:
    return [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]


def _asked(python: Path, code: str, *arguments: object) -> Any:
    command = [str(python), "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
