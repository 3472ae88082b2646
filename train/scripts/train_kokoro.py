"""Fit a Kokoro voice to a whole dataset in LJSpeech's layout, minutes to an hour of one speaker.

    python -m train.scripts.train_kokoro DATASET --name ana --consent --voices VOICES --output RUN

The voice goes to the library that the studio speaks with, with its report, the table of its checkpoints and its curve
(VOICES/NAME/training; while it learns, RUN/tensorboard). Ctrl-C pauses; the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train.cloning import EFFORTS, CloneOptions, clone
from train.dataset_clips import read_speaker
from train.progress import Stopped
from train.scripts.common import model_store, run_script
from train.scripts.train_xtts import PAUSED, Stoppable

STATEMENT = "The speaker in the dataset is me, or knows that this voice is made and agreed to it."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="folder with metadata_train.csv or metadata.csv, and wavs/")
    parser.add_argument("--name", required=True, help="id of the voice")
    parser.add_argument("--language", default="pt-BR")
    parser.add_argument("--effort", default="default", choices=list(EFFORTS))
    parser.add_argument("--max-steps", type=int, help="fewer than the length of the dataset asks for")
    parser.add_argument("--speaker", default="", help="only clips of this one, where the dataset has several")
    parser.add_argument("--voices", type=Path, required=True, help="folder of the voice library")
    parser.add_argument("--output", type=Path, required=True, help="folder of this run; one that is there goes on")
    parser.add_argument("--consent", action="store_true", help="the speaker agreed to this voice")
    asked = parser.parse_args(arguments)

    def body() -> int:
        if not asked.consent:
            raise SpeechError("consent_missing")
        manifest = read_speaker(asked.dataset, asked.language, asked.speaker)
        consent = Consent(STATEMENT, datetime.now(UTC).isoformat(timespec="seconds"))
        options = CloneOptions(
            asked.name,
            asked.name,
            asked.language,
            consent,
            asked.effort,
            dataset=asked.dataset.name,
            max_steps=asked.max_steps,
        )
        library, terminal = VoiceLibrary(asked.voices, Registry()), Stoppable()
        terminal.listen()
        try:
            meta = clone(asked.dataset, manifest, options, model_store(), library, asked.output, terminal)
        except Stopped:
            print(f"paused; the same command goes on ({asked.output})")
            return PAUSED
        print(f"{meta.voice_id}: {meta.reference_s:.0f} s of speech")
        for line in told(meta.report["checkpoints"]):
            print(line)
        return 0

    return run_script(body)


def told(checkpoints: Mapping[str, Any]) -> Iterator[str]:
    """A line for each checkpoint, the best first, and which of them speaks."""
    for one in checkpoints["ranking"]:
        yield "  ".join(f"{name} {value:.4g}" for name, value in one.items() if value is not None)
    hint = checkpoints["hint"]["code"]
    yield f"step {checkpoints['kept_step']} speaks, chosen by {checkpoints['chosen_by']}; hint: {hint}"


if __name__ == "__main__":
    sys.exit(main())
