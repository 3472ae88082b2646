"""Speech to speech: does another voice say the recording's words, with its melody, and sound like itself?

    python -m bench.conversion [--speaker allison_en] [--recordings 20] [--voices am_michael bf_emma] [--table]

Recordings of one speaker (bench/prompts.py) are converted to each voice as the service does it, the words recognised.
Measured: word errors of recording and conversion by Whisper base; correlation of log F0 where both are voiced, by
pYIN, which takes no part in converting; likeness to the voice by speaker encoders, against what the voice gets when it
speaks the same texts itself, both to its speech of other sentences. Each voice is merged into `results/conversion.json`
when it is done.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.settings import load_settings
from app.tasks.conversion_service import ConversionService
from bench.prompts import SPEAKERS, PromptSpeaker, decoded, listed
from bench.record import RESULTS, write
from speech.asr import WhisperTranscriber
from speech.audio import Audio, join, save
from speech.conversion import ConvertedRecording
from speech.metrics.speaker import Embedding, SpeakerEncoder, SpeakerJudge
from speech.metrics.wer import errors, words
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions

# What the issue asks: rise of the word error rate, correlation, share of the voice's own likeness.
MORE_ERRORS, CORRELATION, LIKENESS = 0.05, 0.85, 0.8
SHORTEST_S, LONGEST_S = 2.0, 8.0
REFERENCE = 6  # sentences that a voice is known by
PITCH_RANGE_HZ = (60.0, 500.0)


@dataclass(frozen=True)
class Row:
    """One recording converted to one voice."""

    text: str
    words: int
    source_errors: int
    errors: int
    f0_correlation: float
    voiced_s: float  # that both have
    semitones: float
    seconds: float
    took_s: float


class Bench:
    """Everything that speaks, converts and judges, on `threads` cores."""

    def __init__(self, threads: int, precision: str, voices_dir: Path | None) -> None:
        settings = load_settings()
        folder = voices_dir or settings.voices_path
        self.store = ModelStore(settings.models_path)
        self.synthesizer = Synthesizer(
            SynthesizerOptions(settings.models_path, precision=precision, threads=threads, voices_dir=folder)
        )
        self.conversion = ConversionService(self.synthesizer)
        self.transcriber = WhisperTranscriber(self.store.path("whisper-base"), threads=threads)
        self.judges = speaker_judges(self.store)

    def spoken(self, text: str, language: str, voice: str) -> Audio:
        plan = self.synthesizer.plan(text, engine="kokoro", language=language, voice=voice)
        return join(self.synthesizer.speak(plan))

    def converted(self, audio: Audio, voice: str, language: str, pitch: str) -> tuple[ConvertedRecording, float]:
        """As the service does it, the words recognised; and the seconds it took."""
        info, options = self.conversion.options(voice, language, None, {"pitch": pitch})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "recording.wav"
            save(audio, path)
            started = time.perf_counter()
            made = self.conversion.convert(path, info, options, lambda done, total, note: None)
            return made, time.perf_counter() - started

    def mistakes(self, audio: Audio, text: str, language: str) -> int:
        return errors(words(text), words(self.transcriber.transcribe(audio, language).text))


def speaker_judges(store: ModelStore) -> tuple[SpeakerJudge, ...]:
    """ResNet34, and ERes2Net where torch and its weights are; a judge that is missing is not in the figures."""
    judges: list[SpeakerJudge] = [SpeakerEncoder(store.path("speaker-resnet34") / "speaker-resnet34.onnx")]
    if importlib.util.find_spec("torch") and store.is_installed("speaker-eres2net"):
        from speech.metrics.eres2net import ERes2Net

        judges.append(ERes2Net(store.path("speaker-eres2net") / "pretrained_eres2net.ckpt"))
    return tuple(judges)


def f0(audio: Audio) -> NDArray[np.float64]:
    """Hz every 25 ms, NaN where unvoiced, by pYIN (https://doi.org/10.1109/ICASSP.2014.6853678)."""
    import librosa

    low, high = PITCH_RANGE_HZ
    hop = audio.sample_rate // 40
    tracked = librosa.pyin(audio.samples, fmin=low, fmax=high, sr=audio.sample_rate, hop_length=hop)
    found: NDArray[np.float64] = tracked[0]
    return found


def correlation(a: Audio, b: Audio) -> tuple[float, float]:
    """Of log F0 where both are voiced, and for how many seconds that is."""
    first, second = f0(a), f0(b)
    count = min(len(first), len(second))
    both = np.isfinite(first[:count]) & np.isfinite(second[:count])
    found = np.corrcoef(np.log(first[:count][both]), np.log(second[:count][both]))[0, 1]
    return float(found), float(both.sum()) * 0.025


def recordings(speaker: PromptSpeaker, count: int) -> list[tuple[Audio, str]]:
    """The first `count` of 2 to 8 s, and the next `REFERENCE` texts for the voices to be known by."""
    found = []
    for path, text in listed(speaker):
        audio = decoded(path)
        if SHORTEST_S <= audio.duration_s < LONGEST_S:
            found.append((audio, text))
        if len(found) == count + REFERENCE:
            break
    return found


def measure(bench: Bench, voice: str, language: str, given: Sequence[tuple[Audio, str]], pitch: str) -> dict[str, Any]:
    """All recordings to one voice. The last `REFERENCE` are only spoken."""
    sources, others = given[:-REFERENCE], given[-REFERENCE:]
    known = [bench.spoken(text, language, voice) for _, text in others]
    rows: list[Row] = []
    sounds: list[tuple[Audio, Audio, Audio]] = []  # recording, converted, spoken by the voice itself
    for audio, text in sources:
        made, took_s = bench.converted(audio, voice, language, pitch)
        found, voiced_s = correlation(audio, made.audio)
        before, after = (bench.mistakes(sound, text, language) for sound in (audio, made.audio))
        count = len(words(text))
        rows.append(Row(text, count, before, after, found, voiced_s, made.semitones, audio.duration_s, took_s))
        sounds.append((audio, made.audio, bench.spoken(text, language, voice)))
        print(f"{voice}: {before} -> {after} of {count} words, F0 {found:.3f}, {took_s:.1f} s  {text}", flush=True)
    likeness = {judge.name: alike(judge, sounds, known) for judge in bench.judges}
    return {**summary(rows), "likeness": likeness, "rows": [vars(row) for row in rows]}


def alike(
    judge: SpeakerJudge, sounds: Sequence[tuple[Audio, Audio, Audio]], known: Sequence[Audio]
) -> dict[str, float]:
    """Mean cosine to the voice's mean of recordings, conversions and the voice's own speech of the same texts."""
    centre: Embedding = np.mean([judge.embed(audio) for audio in known], axis=0)
    centre = centre / np.linalg.norm(centre)
    source, made, own = (float(np.mean([judge.embed(three[i]) @ centre for three in sounds])) for i in range(3))
    return {
        "recording": round(source, 4),
        "converted": round(made, 4),
        "own": round(own, 4),
        "share": round(made / own, 4),
    }


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    total = sum(row.words for row in rows)
    weights = [row.voiced_s for row in rows]
    mean = float(np.average([row.f0_correlation for row in rows], weights=weights))
    return {
        "recordings": len(rows),
        "words": total,
        "word_error_rate": {
            "recording": round(sum(row.source_errors for row in rows) / total, 4),
            "converted": round(sum(row.errors for row in rows) / total, 4),
        },
        "f0_correlation": {"mean": round(mean, 4), "least": round(min(row.f0_correlation for row in rows), 4)},
        "semitones": round(float(np.mean([row.semitones for row in rows])), 2),
        "real_time_factor": round(sum(row.took_s for row in rows) / sum(row.seconds for row in rows), 2),
    }


def is_reached(found: Mapping[str, Any]) -> dict[str, bool]:
    rate = found["word_error_rate"]
    return {
        "words": rate["converted"] - rate["recording"] < MORE_ERRORS,
        "melody": found["f0_correlation"]["mean"] >= CORRELATION,
        "voice": all(one["share"] >= LIKENESS for one in found["likeness"].values()),
    }


def merged(key: str, found: Mapping[str, Any]) -> None:
    """`found` under `key` among what earlier runs measured."""
    path = RESULTS / "conversion.json"
    before = json.loads(path.read_text())["conversions"] if path.exists() else {}
    write("conversion", {"conversions": {**before, key: {**found, "reached": is_reached(found)}}})


def table() -> None:
    for key, found in json.loads((RESULTS / "conversion.json").read_text())["conversions"].items():
        rate, melody = found["word_error_rate"], found["f0_correlation"]
        shares = ", ".join(f"{name} {one['share']:.2f}" for name, one in found["likeness"].items())
        print(f"{key}: WER {rate['recording']:.3f} -> {rate['converted']:.3f}, F0 {melody['mean']:.3f}, {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speaker", default="allison_en", choices=sorted(SPEAKERS))
    parser.add_argument("--recordings", type=int, default=20)
    parser.add_argument("--voices", nargs="+", default=["am_michael", "bf_emma"])
    parser.add_argument("--voices-dir", type=Path, help="where fitted voices are kept; the service's own by default")
    parser.add_argument("--pitch", default="voice", choices=["voice", "source"])
    parser.add_argument("--precision", default="int8", choices=["int8", "fp32"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        table()
        return
    bench = Bench(options.threads, options.precision, options.voices_dir)
    speaker = SPEAKERS[options.speaker]
    given = recordings(speaker, options.recordings)
    for voice in options.voices:
        found = measure(bench, voice, speaker.language, given, options.pitch)
        key = f"{options.speaker} to {voice}, {options.precision}, pitch {options.pitch}"
        merged(key, found)
    table()


if __name__ == "__main__":
    main()
