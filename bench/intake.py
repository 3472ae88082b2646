"""What intake says of real recordings: as they are, where nothing may be refused, and made worse on purpose.

    ./run bench intake [--speakers carlo_it …] [--reference-s 50]

Clips of bench/prompts.py with pauses of a quiet room between them, one recording a speaker, in every state of
`STATES`. Counted: clips that may be used, findings by code, and recordings refused as a whole with their code. A
speaker is merged into `results/intake.json` when it is done.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.settings import load_settings
from bench.prompts import SAMPLE_RATE, SPEAKERS, prompts
from bench.record import RESULTS, write
from speech.audio import Audio, resample, save
from speech.engines.kokoro.record import RECORD as KOKORO
from speech.errors import SpeechError
from speech.models import ModelStore
from train.intake import IntakeModels, analyze_recordings, load_intake_models
from train.progress import NullReporter

PAUSE_S, ROOM_DB = 0.9, -65.0
CHORD_HZ = (220.0, 277.2, 329.6)
OTHERS = {"allison_en": "june_fr", "allison_es": "carlo_it", "june_fr": "allison_en"}  # who cuts in; else Allison
# Where the issue asks for a fit all the same: at most with warnings.
NEVER_REFUSED = ("as it is", "noise at 20 dB", "noise at 10 dB", "over a telephone", "30 dB quieter")


@dataclass(frozen=True)
class Counted:
    """One recording in one state."""

    speaker: str
    state: str
    clips: int
    usable: int
    warnings: Mapping[str, int]  # clips by code
    refusals: Mapping[str, int]
    refused_whole: str | None  # code of the error


def recording(clips: Sequence[Audio], seed: int = 0) -> Audio:
    """All clips, a pause of a quiet room before, between and after."""
    chance = np.random.default_rng(seed)
    pause = chance.normal(0, 10 ** (ROOM_DB / 20), round(PAUSE_S * SAMPLE_RATE)).astype(np.float32)
    parts = [pause, *(part for clip in clips for part in (clip.samples, pause))]
    return Audio(np.concatenate(parts), SAMPLE_RATE)


def noisy(sound: Audio, snr_db: float) -> Audio:
    noise = np.random.default_rng(1).normal(0, level(sound) / 10 ** (snr_db / 20), len(sound.samples))
    return added(sound, noise)


def with_music(sound: Audio, snr_db: float) -> Audio:
    moments = np.arange(len(sound.samples)) / SAMPLE_RATE
    chord = np.sin(2 * np.pi * np.outer(CHORD_HZ, moments)).sum(axis=0)
    return added(sound, chord * level(sound) / np.std(chord) / 10 ** (snr_db / 20))


def telephone(sound: Audio) -> Audio:
    spectrum = np.fft.rfft(sound.samples)
    hertz = np.fft.rfftfreq(len(sound.samples), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    narrow = Audio(np.fft.irfft(spectrum, len(sound.samples)).astype(np.float32), SAMPLE_RATE)
    return resample(resample(narrow, 8000), SAMPLE_RATE)


def louder(sound: Audio, gain_db: float) -> Audio:
    return Audio(np.clip(sound.samples * 10 ** (gain_db / 20), -1, 1).astype(np.float32), sound.sample_rate)


def level(sound: Audio) -> float:
    """Root mean square of the louder half."""
    return float(np.sqrt(np.mean(np.sort(sound.samples**2)[len(sound.samples) // 2 :])))


def added(sound: Audio, other: NDArray[np.floating]) -> Audio:
    return Audio((sound.samples + other).astype(np.float32), sound.sample_rate)


STATES: Mapping[str, Callable[[Audio], Audio]] = {
    "as it is": lambda sound: sound,
    "noise at 20 dB": lambda sound: noisy(sound, 20),
    "noise at 10 dB": lambda sound: noisy(sound, 10),
    "over a telephone": telephone,
    "30 dB quieter": lambda sound: louder(sound, -30),
    "20 dB too loud, clipped": lambda sound: louder(sound, 20),
    "music 10 dB below": lambda sound: with_music(sound, 10),
    "one clip in three somebody else's": lambda sound: sound,  # made of the clips, not of the recording
}


def count(models: IntakeModels, speaker: str, state: str, sound: Audio) -> Counted:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "recording.wav"
        save(sound, path)
        try:
            manifest = analyze_recordings(
                [path], KOKORO, SPEAKERS[speaker].language, Path(name) / "work", models, NullReporter()
            )
        except SpeechError as error:
            return Counted(speaker, state, 0, 0, {}, {}, error.code)
    found = [(one.severity, one.code) for clip in manifest.clips for one in clip.findings]
    warnings, refusals = (
        dict(Counter(code for severity, code in found if severity == wanted)) for wanted in ("warning", "refused")
    )
    return Counted(speaker, state, len(manifest.clips), len(manifest.usable()), warnings, refusals, None)


def measured(models: IntakeModels, speaker: str, reference_s: float) -> list[Counted]:
    clips = [audio for audio, _ in prompts(speaker, reference_s).reference]
    others = [audio for audio, _ in prompts(OTHERS.get(speaker, "allison_en"), reference_s).reference]
    mixed = [others[number] if number % 3 == 2 and number < len(others) else clip for number, clip in enumerate(clips)]
    rows = []
    for state, change in STATES.items():
        given = mixed if state.startswith("one clip") else clips
        rows.append(count(models, speaker, state, change(recording(given))))
        print(rows[-1], flush=True)
    return rows


def known() -> list[Counted]:
    """What earlier runs counted."""
    path = RESULTS / "intake.json"
    return [Counted(**row) for row in json.loads(path.read_text())["recordings"]] if path.exists() else []


def merged(rows: list[Counted]) -> list[Counted]:
    """`rows` of one speaker, written among those of the others."""
    others = [row for row in known() if row.speaker != rows[0].speaker]
    recordings = [vars(row) for row in sorted([*others, *rows], key=lambda row: row.speaker)]
    write("intake", {"never_refused": NEVER_REFUSED, "recordings": recordings})
    return rows


def table(rows: Sequence[Counted]) -> str:
    """Markdown, a line a state, all speakers together."""
    lines = ["| recording | clips | used | warned of | clips refused | refused whole |", "|---|---|---|---|---|---|"]
    for state in STATES:
        ones = [row for row in rows if row.state == state]
        warnings, refusals = (
            sum((Counter(part) for part in parts), Counter[str]())
            for parts in ([one.warnings for one in ones], [one.refusals for one in ones])
        )
        whole = Counter(one.refused_whole for one in ones if one.refused_whole)
        cells = [state, str(sum(one.clips for one in ones)), str(sum(one.usable for one in ones))]
        cells += [
            ", ".join(f"{code} {number}" for code, number in sorted(each.items())) or "–"
            for each in (warnings, refusals, whole)
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speakers", nargs="*", default=list(SPEAKERS), choices=list(SPEAKERS))
    parser.add_argument("--reference-s", type=float, default=50.0)
    asked = parser.parse_args()
    models = load_intake_models(ModelStore(load_settings().models_path))
    rows = [row for speaker in asked.speakers for row in merged(measured(models, speaker, asked.reference_s))]
    print(table(known()))
    return int(any(row.refusals or row.refused_whole for row in rows if row.state in NEVER_REFUSED))


if __name__ == "__main__":
    raise SystemExit(main())
