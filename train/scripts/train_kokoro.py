"""Fit a Kokoro voice to a whole dataset in LJSpeech's layout, minutes to hours of one speaker.

    python -m train.scripts.train_kokoro DATASET --name ana --consent --voices VOICES --output RUN

The voice goes to the library that the studio speaks with, with its report. Ctrl-C pauses; the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train.cloning import EFFORTS, CloneOptions, clone
from train.ljs import read_dataset
from train.manifest import Manifest
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
    parser.add_argument("--speaker", default="", help="only clips of this one, where the dataset has several")
    parser.add_argument("--voices", type=Path, required=True, help="folder of the voice library")
    parser.add_argument("--output", type=Path, required=True, help="folder of this run; one that is there goes on")
    parser.add_argument("--consent", action="store_true", help="the speaker agreed to this voice")
    asked = parser.parse_args(arguments)

    def body() -> int:
        if not asked.consent:
            raise SpeechError("consent_missing")
        manifest = of_speaker(read_dataset(asked.dataset, asked.language), asked.speaker)
        consent = Consent(STATEMENT, datetime.now(UTC).isoformat(timespec="seconds"))
        options = CloneOptions(asked.name, asked.name, asked.language, consent, asked.effort)
        library, terminal = VoiceLibrary(asked.voices, Registry()), Stoppable()
        terminal.listen()
        try:
            meta = clone(asked.dataset, manifest, options, model_store(), library, asked.output, terminal)
        except Stopped:
            print(f"paused; the same command goes on ({asked.output})")
            return PAUSED
        print(f"{meta.voice_id}: {meta.reference_s:.0f} s of speech")
        return 0

    return run_script(body)


def of_speaker(manifest: Manifest, speaker: str) -> Manifest:
    """Clips of one speaker. Raises SpeechError `several_speakers`, `unknown_speaker` with the choices."""
    names = sorted({clip.speaker for clip in manifest.clips})
    if not speaker:
        if len(names) > 1:
            raise SpeechError("several_speakers", choices=names)
        return manifest
    if speaker not in names:
        raise SpeechError("unknown_speaker", speaker=speaker, choices=names)
    return replace(manifest, clips=tuple(clip for clip in manifest.clips if clip.speaker == speaker))


if __name__ == "__main__":
    sys.exit(main())
